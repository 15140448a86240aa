/* One dip against a mapped image, and many of them pipelined. The layout is described in image.py.
 *
 * This file is compiled once per instruction set: kernels.h includes it with KERNEL(name) naming the variant. Only
 * integers and pointers here; no Python, no allocation, no locks. Safe to call from any number of threads.
 *
 * A dip is cut into three stages, because each ends where memory must answer:
 *   locate: number -> directory slot      (top, mid, leaf: a trie small enough to stay in cache)
 *   aim:    slot -> layout and line      (reads the directory slot, names the one line to read)
 *   answer: line -> code                  (reads the line; hit and miss take the same path)
 */

/* A dip on its way. `aim` leaves what `answer` needs. */
typedef struct {
    const pd_slot *slot;
    const pd_layout *layout;
    const uint8_t *line;
    uint32_t offset;   /* of the number in its block */
    uint32_t relative; /* of the number in its line */
} KERNEL(flight);

/* `number` is below 2^50: the top covers that much, and has nothing from 10^15 on. */
static inline void KERNEL(locate)(const pd_image *image, uint64_t number, KERNEL(flight) *flight) {
    uint64_t block = number / PD_BLOCK;
    uint32_t mid = image->top[block >> (PD_MID_BITS + PD_LEAF_BITS + PD_GROUP_BITS)];
    uint32_t leaf = image->mid[mid + ((uint32_t)(block >> (PD_LEAF_BITS + PD_GROUP_BITS)) & (PD_MID - 1))];
    const pd_leaf *group = &image->leaf[leaf + ((uint32_t)(block >> PD_GROUP_BITS) & (PD_LEAF - 1))];
    uint64_t upto = group->blocks << (~block & 63); /* this block's bit on top, those before it below */
    uint64_t rank = (uint64_t)__builtin_popcountll(upto) & -(upto >> 63);
    flight->slot = &image->directory[group->slot + rank];
    flight->offset = (uint32_t)(number - block * PD_BLOCK);
    __builtin_prefetch(flight->slot);
}

static inline void KERNEL(aim)(const pd_image *image, KERNEL(flight) *flight) {
    const pd_slot *slot = flight->slot;
    const pd_layout *layout = &image->layouts[slot->layout];
    uint32_t line = (uint32_t)(((uint64_t)flight->offset * layout->line_factor) >> PD_FACTOR_BITS);
    flight->layout = layout;
    flight->relative = flight->offset - line * layout->span + slot->shift;
    flight->line = image->lines + (uint64_t)(slot->first_line + line) * PD_LINE;
    __builtin_prefetch(flight->line, 0, 2);
}

/* Whether the line's page has matched its checksum; names the page. */
static inline int KERNEL(verified)(const pd_image *image, const KERNEL(flight) *flight, uint32_t *page) {
    *page = (uint32_t)((uint64_t)(flight->line - image->lines) / PD_PAGE);
    return (int)(image->verified[*page >> 6] >> (*page & 63)) & 1;
}

/* Lanes of 16 bits, bit k set where lane k & mask == key. */
static inline uint32_t KERNEL(lanes)(const uint8_t *line, uint16_t mask, uint16_t key) {
#if defined(PD_AVX2)
    __m256i masks = _mm256_set1_epi16((short)mask), keys = _mm256_set1_epi16((short)key);
    __m256i low = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)line), masks);
    __m256i high = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(line + 32)), masks);
    __m256i equal = _mm256_packs_epi16(_mm256_cmpeq_epi16(low, keys), _mm256_cmpeq_epi16(high, keys));
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(equal, 0xD8));
#elif defined(__SSE2__)
    __m128i masks = _mm_set1_epi16((short)mask), keys = _mm_set1_epi16((short)key), equal[4];
    for (int part = 0; part < 4; part++) {
        __m128i words = _mm_loadu_si128((const __m128i *)(line + 16 * part));
        equal[part] = _mm_cmpeq_epi16(_mm_and_si128(words, masks), keys);
    }
    uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(equal[0], equal[1]));
    uint32_t high = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(equal[2], equal[3]));
    return low | high << 16;
#else
    uint32_t found = 0;
    for (int lane = 0; lane < 32; lane++) {
        uint16_t word;
        memcpy(&word, line + 2 * lane, 2);
        found |= (uint32_t)((word & mask) == key) << lane;
    }
    return found;
#endif
}

/* The bits of a value that starts at bit `bit`; eight bytes from there lie inside the line. */
static inline uint64_t KERNEL(value)(const uint8_t *line, uint32_t bit) {
    uint64_t values;
    memcpy(&values, line + (bit >> 3), 8);
    return values >> (bit & 7);
}

/* Where the word that answers is: that of the number's entry, or `*native`, where always that of its range is. No
 * branch depends on which: with half the numbers ported, the processor would guess wrong half the time. */
static inline uint32_t KERNEL(answer)(const KERNEL(flight) *flight, uint32_t *native) {
    const pd_slot *slot = flight->slot;
    const pd_layout *layout = flight->layout;
    const uint8_t *line = flight->line;
    uint32_t relative = flight->relative, local, found;
    if (layout->kind == PD_BITMAP) {
        uint64_t upto;
        uint64_t word = relative >> 6;
        memcpy(&upto, line + 56 - 8 * word, 8);
        upto >>= ~relative & 63;
        found = (uint32_t)upto & 1;
        uint32_t place = line[word] + (uint32_t)__builtin_popcountll(upto >> 1);
        local = (uint32_t)KERNEL(value)(line, place * layout->value_step & 511);
    } else {
        uint32_t lanes = KERNEL(lanes)(line, layout->key_mask, (uint16_t)relative) & layout->lanes;
        found = lanes != 0;
        uint32_t lane = (uint32_t)__builtin_ctz(lanes | 0x80000000u);
        uint32_t bit = layout->value_base + lane * layout->value_step;
        uint32_t over = bit > 448 ? bit - 448 : 0;
        local = (uint32_t)(KERNEL(value)(line, bit - over) >> (over & 63)); /* too far only where nothing was found */
    }
    uint32_t cell = (uint32_t)(((uint64_t)flight->offset * layout->cell_factor) >> PD_FACTOR_BITS);
    uint32_t entry = slot->palette + (local & layout->value_mask);
    *native = slot->natives + cell;
    return *native ^ ((*native ^ entry) & -found);
}

/* Returns 1 and fills `answer` and `around` (the range's code), or 0 with the page to verify first. */
static int KERNEL(find_one)(const pd_image *image, uint64_t number, uint32_t *answer, uint32_t *around,
                            uint32_t *page) {
    KERNEL(flight) flight;
    uint32_t word, native;
    KERNEL(locate)(image, number < PD_LIMIT ? number : 0, &flight);
    KERNEL(aim)(image, &flight);
    if (!KERNEL(verified)(image, &flight, page)) return 0;
    word = KERNEL(answer)(&flight, &native);
    if (image->words[word] & PD_OVERRIDE) native = word + flight.layout->value_mask + 1;
    *answer = image->words[word] & PD_ANSWER;
    *around = image->words[native];
    return 1;
}

/* Many dips, a stage at a time for PD_TOGETHER of them. A loop of one stage is short, so the processor's window holds
 * many turns of it and their cache misses overlap; loops over all three stages at once, however far ahead they fetch,
 * leave it two or three. Lines are fetched into the second-level cache, which has more misses in flight than the first. */
#define PD_TOGETHER 64

static inline __attribute__((always_inline)) size_t KERNEL(many)(
    const pd_image *image, const uint64_t *numbers, void *out, size_t count, uint32_t *page, int wide,
    int all_verified) {
    KERNEL(flight) flights[PD_TOGETHER];
    for (size_t start = 0; start < count; start += PD_TOGETHER) {
        size_t together = count - start < PD_TOGETHER ? count - start : PD_TOGETHER, ready = together;
        uint64_t any = 0;
        for (size_t i = 0; i < together; i++) any |= numbers[start + i];
        if (any >> PD_TOP_BITS == 0) {
            for (size_t i = 0; i < together; i++) KERNEL(locate)(image, numbers[start + i], &flights[i]);
        } else {
            for (size_t i = 0; i < together; i++) {
                KERNEL(locate)(image, numbers[start + i] < PD_LIMIT ? numbers[start + i] : 0, &flights[i]);
            }
        }
        for (size_t i = 0; i < ready; i++) {
            KERNEL(aim)(image, &flights[i]);
            if (!all_verified && __builtin_expect(!KERNEL(verified)(image, &flights[i], page), 0)) ready = i;
        }
        for (size_t i = 0; i < ready; i++) {
            uint32_t native, answer = image->words[KERNEL(answer)(&flights[i], &native)];
            if (wide) ((uint32_t *)out)[start + i] = answer & PD_ANSWER;
            else ((uint16_t *)out)[start + i] = (uint16_t)answer;
        }
        if (ready < together) return start + ready;
    }
    return count;
}

/* How many numbers were answered; fewer than `count` means `page` must be verified before going on. */
static size_t KERNEL(find_many)(const pd_image *image, const uint64_t *numbers, uint16_t *codes, size_t count,
                                uint32_t *page) {
    return image->all_verified ? KERNEL(many)(image, numbers, codes, count, page, 0, 1)
                               : KERNEL(many)(image, numbers, codes, count, page, 0, 0);
}

static size_t KERNEL(match_many)(const pd_image *image, const uint64_t *numbers, uint32_t *answers, size_t count,
                                 uint32_t *page) {
    return image->all_verified ? KERNEL(many)(image, numbers, answers, count, page, 1, 1)
                               : KERNEL(many)(image, numbers, answers, count, page, 1, 0);
}
