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
    uint16_t offset;   /* of the number in its block */
    uint16_t relative; /* of the number in its line */
} KERNEL(flight);

static inline void KERNEL(locate)(const pd_image *image, uint64_t number, KERNEL(flight) *flight) {
    number = number < PD_LIMIT ? number : 0;
    uint64_t block = number / PD_BLOCK;
    uint64_t mid = image->top[block >> (PD_MID_BITS + PD_LEAF_BITS + PD_GROUP_BITS)];
    uint64_t leaf = image->mid[mid << PD_MID_BITS | (block >> (PD_LEAF_BITS + PD_GROUP_BITS) & (PD_MID - 1))];
    const pd_leaf *entry = &image->leaf[leaf << PD_LEAF_BITS | (block >> PD_GROUP_BITS & (PD_LEAF - 1))];
    uint64_t upto = entry->blocks << (~block & 63); /* this block's bit on top, those before it under it */
    uint64_t own = (uint64_t)__builtin_popcountll(upto) & -(upto >> 63);
    flight->slot = &image->directory[entry->base + own];
    flight->offset = (uint16_t)(number - block * PD_BLOCK);
    __builtin_prefetch(flight->slot);
}

static inline void KERNEL(aim)(const pd_image *image, KERNEL(flight) *flight) {
    const pd_slot *slot = flight->slot;
    const pd_layout *layout = &image->layouts[slot->layout];
    uint32_t line = (uint32_t)(((uint64_t)flight->offset * layout->line_factor) >> PD_FACTOR_BITS);
    flight->layout = layout;
    flight->relative = (uint16_t)(flight->offset - line * layout->span);
    flight->line = image->lines + (uint64_t)(slot->first_line + line) * PD_LINE;
    __builtin_prefetch(flight->line);
}

/* Whether the line's page has matched its checksum; names the page. */
static inline int KERNEL(verified)(const pd_image *image, const KERNEL(flight) *flight, uint32_t *page) {
    *page = (uint32_t)((uint64_t)(flight->line - image->lines) / PD_PAGE);
    return (int)(image->verified[*page >> 6] >> (*page & 63)) & 1;
}

/* Lanes of 16 bits, bit k set where lane k & mask == key. */
static inline uint32_t KERNEL(lanes)(const uint8_t *line, uint16_t mask, uint16_t key) {
#if defined(PD_AVX512)
    __m512i different = _mm512_xor_si512(_mm512_loadu_si512(line), _mm512_set1_epi16((short)key));
    return _mm512_testn_epi16_mask(different, _mm512_set1_epi16((short)mask));
#elif defined(PD_AVX2)
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

/* Where the word that answers is: that of the number's entry, or `*native`, where always that of its range is. No
 * branch depends on which: with half the numbers ported, the processor would guess wrong half the time. */
static inline uint32_t KERNEL(answer)(const KERNEL(flight) *flight, uint32_t *native) {
    const pd_slot *slot = flight->slot;
    const pd_layout *layout = flight->layout;
    const uint8_t *line = flight->line;
    uint32_t relative = flight->relative, position, bit, byte, found;
    if (layout->kind == PD_BITMAP) {
        uint64_t upto;
        memcpy(&upto, line + 56 - 8 * (relative >> 6), 8);
        upto >>= ~relative & 63;
        found = (uint32_t)upto & 1;
        position = line[relative >> 6] + (uint32_t)__builtin_popcountll(upto >> 1);
        bit = layout->value_base + position * layout->value_step;
        byte = bit >> 3 & 63; /* the bitmap behind the values keeps eight bytes from here inside the line */
    } else {
        uint32_t lanes = KERNEL(lanes)(line, layout->key_mask, (uint16_t)relative) & layout->lanes;
        found = lanes != 0;
        position = (uint32_t)__builtin_ctz(lanes | 0x80000000u);
        bit = layout->value_base + position * layout->value_step;
        byte = bit >> 3 < PD_LINE - 8 ? bit >> 3 : PD_LINE - 8;
    }
    uint64_t values;
    memcpy(&values, line + byte, 8);
    uint32_t local = (uint32_t)(values >> ((bit - 8 * byte) & 63)) & layout->value_mask;
    uint32_t cell = (uint32_t)(((uint64_t)flight->offset * layout->cell_factor) >> PD_FACTOR_BITS);
    *native = slot->natives + cell;
    return *native ^ ((*native ^ (slot->palette + local)) & -found);
}

/* Returns 1 and fills `answer` and `around` (the range's code), or 0 with the page to verify first. */
static int KERNEL(find_one)(const pd_image *image, uint64_t number, uint32_t *answer, uint32_t *around,
                            uint32_t *page) {
    KERNEL(flight) flight;
    uint32_t word, native;
    KERNEL(locate)(image, number, &flight);
    KERNEL(aim)(image, &flight);
    if (!KERNEL(verified)(image, &flight, page)) return 0;
    word = KERNEL(answer)(&flight, &native);
    if (image->words[word] & PD_OVERRIDE) native = word + flight.layout->value_mask + 1;
    *answer = image->words[word] & PD_ANSWER;
    *around = image->words[native];
    return 1;
}

/* A sliding window: while number i is answered, the line of i + D and the directory slot of i + 2D are under way. It
 * never drains between groups, so the memory system always has about D lines to fetch. Flights lie in a row, so that
 * the three places are fixed distances apart; every PD_STRIDE numbers the row moves back to the start. */
#define PD_AHEAD 24
#define PD_STRIDE 192

static inline __attribute__((always_inline)) size_t KERNEL(many)(
    const pd_image *image, const uint64_t *numbers, void *out, size_t count, int wide, int all_verified,
    uint32_t *page) {
    KERNEL(flight) row[PD_STRIDE + 2 * PD_AHEAD];
    size_t limit = count; /* numbers from here on wait for a page to be verified */
    for (size_t i = 0; i < 2 * PD_AHEAD && i < count; i++) KERNEL(locate)(image, numbers[i], &row[i]);
    for (size_t i = 0; i < PD_AHEAD && i < limit; i++) {
        KERNEL(aim)(image, &row[i]);
        if (!all_verified && !KERNEL(verified)(image, &row[i], page)) limit = i;
    }
    size_t i = 0;
#define PD_ANSWER_TO(flight)                                                                                     \
    do {                                                                                                           \
        uint32_t native, answer = image->words[KERNEL(answer)(flight, &native)];                                   \
        if (wide) ((uint32_t *)out)[i] = answer & PD_ANSWER;                                                       \
        else ((uint16_t *)out)[i] = (uint16_t)answer;                                                              \
    } while (0)
    while (limit == count && i + PD_STRIDE + 2 * PD_AHEAD <= count) {
        KERNEL(flight) *flight = row;
        for (size_t stop = i + PD_STRIDE; i < stop; i++, flight++) {
            KERNEL(locate)(image, numbers[i + 2 * PD_AHEAD], flight + 2 * PD_AHEAD);
            KERNEL(aim)(image, flight + PD_AHEAD);
            if (!all_verified && __builtin_expect(!KERNEL(verified)(image, flight + PD_AHEAD, page), 0)) {
                limit = i + PD_AHEAD;
                break;
            }
            PD_ANSWER_TO(flight);
        }
        memcpy(row, flight, 2 * PD_AHEAD * sizeof row[0]);
    }
    /* The last numbers, or those before a page that waits: nothing new is started beyond them. */
    for (size_t j = 0; i < limit; i++, j++) {
        if (i + 2 * PD_AHEAD < limit) KERNEL(locate)(image, numbers[i + 2 * PD_AHEAD], &row[j + 2 * PD_AHEAD]);
        if (limit == count && i + PD_AHEAD < count) {
            KERNEL(aim)(image, &row[j + PD_AHEAD]);
            if (!all_verified && !KERNEL(verified)(image, &row[j + PD_AHEAD], page)) limit = i + PD_AHEAD;
        }
        PD_ANSWER_TO(&row[j]);
    }
#undef PD_ANSWER_TO
    return limit;
}

/* How many numbers were answered; fewer than `count` means `page` must be verified before going on. */
static size_t KERNEL(find_many)(const pd_image *image, const uint64_t *numbers, uint16_t *codes, size_t count,
                                uint32_t *page) {
    return image->all_verified ? KERNEL(many)(image, numbers, codes, count, 0, 1, page)
                               : KERNEL(many)(image, numbers, codes, count, 0, 0, page);
}

static size_t KERNEL(match_many)(const pd_image *image, const uint64_t *numbers, uint32_t *answers, size_t count,
                                 uint32_t *page) {
    return image->all_verified ? KERNEL(many)(image, numbers, answers, count, 1, 1, page)
                               : KERNEL(many)(image, numbers, answers, count, 1, 0, page);
}
