/* Numbers as digits, eight at a time. */
#ifndef PORTDIP_SPELLING_H
#define PORTDIP_SPELLING_H

#include <stdint.h>
#include <string.h>

enum { SPELLED = 16, EIGHT = 100000000 };

/* The digits of the last number: sixteen of them, the first ones zeros, and room behind for whoever copies in steps. */
typedef struct {
    char text[2 * SPELLED];
    uint64_t high;
    uint64_t least;
    uint64_t beyond;
    int count;
} Spelling;

static const uint64_t SPELLING_POWERS[SPELLED + 1] = {
    1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull,
    10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull, 1000000000000000ull,
    10000000000000000ull,
};

static inline void spelling_begin(Spelling *spelling)
{
    memset(spelling, '0', sizeof *spelling);
    spelling->high = UINT64_MAX;
    spelling->least = 1;
    spelling->beyond = 0;
    spelling->count = 0;
}

/* Eight digits of a number below EIGHT: halved into fours, twos and ones, side by side in one word. */
static inline void spelling_eight(uint32_t number, char *text)
{
    uint64_t fours = (uint64_t)(number / 10000) | (uint64_t)(number % 10000) << 32;
    uint64_t high = ((fours * 10486) >> 20) & 0x0000007F0000007Full;
    uint64_t twos = high | (fours - 100 * high) << 16;
    high = ((twos * 103) >> 10) & 0x000F000F000F000Full;
    uint64_t ones = (high | (twos - 10 * high) << 8) | 0x3030303030303030ull;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    ones = __builtin_bswap64(ones);
#endif
    memcpy(text, &ones, sizeof ones);
}

/* The digits of a number below 10^16, `spelling->count` of them. Numbers near the last one cost least. */
static inline const char *spelling_of(Spelling *spelling, uint64_t number)
{
    uint64_t high = number / EIGHT;
    if (high != spelling->high) {
        spelling_eight((uint32_t)high, spelling->text);
        spelling->high = high;
    }
    spelling_eight((uint32_t)(number % EIGHT), spelling->text + 8);
    if (number < spelling->least || number >= spelling->beyond) {
        int count = 0;
        while (count < SPELLED && SPELLING_POWERS[count] <= number)
            count++;
        spelling->count = count;
        spelling->least = count ? SPELLING_POWERS[count - 1] : 0;
        spelling->beyond = SPELLING_POWERS[count];
    }
    return spelling->text + SPELLED - spelling->count;
}

#endif
