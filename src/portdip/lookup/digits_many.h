/* Many texts to integers, compiled for each instruction set; one is chosen at run time. All give what digits_number
 * gives, and read nothing outside the texts.
 *
 * With AVX2 four texts of 8 to 16 characters go side by side, plus sign or not, of one length or several: nothing
 * depends on a branch that the next number might turn. Two 8-byte loads of each, as in digits_long.
 */
#ifndef PORTDIP_DIGITS_MANY_H
#define PORTDIP_DIGITS_MANY_H

#include <stddef.h>

#include "digits.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>
#define DIGITS_X86 1
#endif

typedef struct {
    const char *name;
    void (*read)(const char *const *texts, const int64_t *lengths, uint64_t *numbers, size_t count);
} digits_kernel;

static void digits_portable(const char *const *texts, const int64_t *lengths, uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) numbers[i] = digits_number(texts[i], lengths[i]);
}

#ifdef DIGITS_X86
#define DIGITS_AVX2 __attribute__((target("avx2")))

/* Eight characters from each of four places. */
DIGITS_AVX2 static inline __m256i digits_load_four(const char *a, const char *b, const char *c, const char *d) {
    const __m128i low = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)a), _mm_loadl_epi64((const __m128i *)b));
    const __m128i high = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)c), _mm_loadl_epi64((const __m128i *)d));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* The values of eight digits each. */
DIGITS_AVX2 static inline __m256i digits_join_four(__m256i digits) {
    const __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(10 + (1 << 8)));
    const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(100 + (1 << 16)));
    return _mm256_add_epi64(_mm256_mul_epu32(fours, _mm256_set1_epi64x(10000)), _mm256_srli_epi64(fours, 32));
}

/* Four texts of 8 to 16 characters each. */
DIGITS_AVX2 static inline __m256i digits_long_four(const char *const *texts, const int64_t *lengths, __m256i length) {
    const __m256i zeros = _mm256_set1_epi8('0'), nine = _mm256_set1_epi8(9), first = _mm256_set1_epi64x(0xFF);
    __m256i head = _mm256_xor_si256(digits_load_four(texts[0], texts[1], texts[2], texts[3]), zeros);
    __m256i tail = _mm256_xor_si256(
        digits_load_four(texts[0] + lengths[0] - 8, texts[1] + lengths[1] - 8, texts[2] + lengths[2] - 8,
                         texts[3] + lengths[3] - 8),
        zeros);
    /* A plus in front becomes a digit 0; the tail has it as well if that is all of the text. */
    const __m256i plus = _mm256_cmpeq_epi64(_mm256_and_si256(head, first), _mm256_set1_epi64x('+' ^ '0'));
    const __m256i sign = _mm256_and_si256(plus, first);
    head = _mm256_andnot_si256(sign, head);
    tail = _mm256_andnot_si256(_mm256_and_si256(sign, _mm256_cmpeq_epi64(length, _mm256_set1_epi64x(8))), tail);
    /* No number: a first digit 0, a byte that is no digit, more than 15 digits. */
    const __m256i leading = _mm256_blendv_epi8(first, _mm256_set1_epi64x(0xFF00), plus);
    const __m256i highest = _mm256_max_epu8(_mm256_max_epu8(head, tail), nine);
    const __m256i digits = _mm256_add_epi64(length, plus); /* plus is -1 where there is one */
    const __m256i none = _mm256_or_si256(
        _mm256_cmpeq_epi64(_mm256_and_si256(head, leading), _mm256_setzero_si256()),
        _mm256_cmpgt_epi64(digits, _mm256_set1_epi64x(15)));
    /* What the tail holds as well is shifted out of the head. */
    const __m256i shift = _mm256_slli_epi64(_mm256_sub_epi64(_mm256_set1_epi64x(16), length), 3);
    const __m256i rest = digits_join_four(_mm256_sllv_epi64(head, shift));
    const __m256i value =
        _mm256_add_epi64(_mm256_mul_epu32(rest, _mm256_set1_epi64x(100000000)), digits_join_four(tail));
    return _mm256_andnot_si256(none, _mm256_and_si256(value, _mm256_cmpeq_epi64(highest, nine)));
}

DIGITS_AVX2 static void digits_avx2(const char *const *texts, const int64_t *lengths, uint64_t *numbers,
                                    size_t count) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const __m256i length = _mm256_loadu_si256((const __m256i *)(lengths + i));
        const __m256i outside = _mm256_or_si256(_mm256_cmpgt_epi64(_mm256_set1_epi64x(8), length),
                                                _mm256_cmpgt_epi64(length, _mm256_set1_epi64x(16)));
        if (_mm256_testz_si256(outside, outside))
            _mm256_storeu_si256((__m256i *)(numbers + i), digits_long_four(texts + i, lengths + i, length));
        else
            digits_portable(texts + i, lengths + i, numbers + i, 4);
    }
    digits_portable(texts + i, lengths + i, numbers + i, count - i);
}
#endif

static const digits_kernel digits_kernels[] = {
#ifdef DIGITS_X86
    {"avx2", digits_avx2},
#endif
    {"portable", digits_portable},
};
#define DIGITS_KERNELS (sizeof digits_kernels / sizeof digits_kernels[0])

static int digits_kernel_runs(size_t which) {
#ifdef DIGITS_X86
    __builtin_cpu_init();
    if (which == 0) return __builtin_cpu_supports("avx2");
#endif
    return which + 1 == DIGITS_KERNELS;
}

#endif
