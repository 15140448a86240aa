/* Hashes of texts and integers that mean the same on every machine: the digests of `portdip.table.digests` are made of
 * them and travel between nodes, so nothing here may ever change. A text is read eight bytes at a time, the first byte
 * in the lowest place, which is what a little-endian machine does.
 */
#ifndef PORTDIP_DIGESTS_H
#define PORTDIP_DIGESTS_H

#include <stdint.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "portdip reads eight characters as one little-endian integer; this machine is not little-endian"
#endif

#define DIGESTS_ODD UINT64_C(0x9E3779B97F4A7C15)

/* The finalizer of SplitMix64 (Steele, Lea and Flood 2014): a bijection in which every bit depends on every other. */
static inline uint64_t digests_mix(uint64_t value) {
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

/* `length` bytes, at most 8, as an integer; `readable` bytes may be read, which lets most texts be one load. */
static inline uint64_t digests_load(const char *text, int64_t length, int64_t readable) {
    uint64_t word = 0;
    if (length >= 8 || readable >= 8) {
        memcpy(&word, text, sizeof word);
        return length >= 8 ? word : word & ((UINT64_C(1) << (8 * length)) - 1);
    }
    for (int64_t place = 0; place < length; place++)
        word |= (uint64_t)(uint8_t)text[place] << (8 * place);
    return word;
}

/* A text, which lies in `readable` bytes of memory that begin with it. */
static inline uint64_t digests_text(const char *text, int64_t length, int64_t readable, uint64_t seed) {
    uint64_t hash = (seed << 32) + (uint64_t)length;
    do {
        hash = digests_mix((hash * DIGESTS_ODD) ^ digests_load(text, length, readable));
        text += 8;
        length -= 8;
        readable -= 8;
    } while (length > 0);
    return hash;
}

/* What stands in a row besides the number, bound to the number. */
static inline uint64_t digests_row(uint64_t number, uint64_t rest) {
    return digests_mix(number * DIGESTS_ODD + rest);
}

#endif
