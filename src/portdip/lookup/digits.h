/* A phone number's digits to an integer, eight at a time, reading nothing outside the text.
 *
 * Eight to fifteen digits are two 8-byte loads that overlap: the first eight characters and the last eight. Each load
 * is one integer with a character a byte, the first character in the lowest byte, so this needs a little-endian
 * machine. What is no number is found out at the end, in one test: a column of numbers runs without a surprise.
 */
#ifndef PORTDIP_DIGITS_H
#define PORTDIP_DIGITS_H

#include <stdint.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "portdip reads eight characters as one little-endian integer; this machine is not little-endian"
#endif

/* One above the largest number of 15 digits. */
#define DIGITS_LIMIT UINT64_C(1000000000000000)

#define DIGITS_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t digits_load(const char *text) {
    uint64_t eight;
    memcpy(&eight, text, sizeof eight);
    return eight;
}

/* The value of eight digits, a digit a byte: neighbours join to pairs, pairs to fours, fours to eight. */
static inline uint64_t digits_join(uint64_t digits) {
    digits = ((digits * (1 + (10 << 8))) >> 8) & UINT64_C(0x00FF00FF00FF00FF);
    digits = ((digits * (1 + (100 << 16))) >> 16) & UINT64_C(0x0000FFFF0000FFFF);
    return (digits * (1 + (UINT64_C(10000) << 32))) >> 32;
}

/* 8 to 15 characters, all of them digits or the text is no number. */
static inline uint64_t digits_long(const char *text, int64_t length) {
    const uint64_t head = digits_load(text) ^ DIGITS_EACH('0');
    const uint64_t tail = digits_load(text + length - 8) ^ DIGITS_EACH('0');
    /* Adding 0x76 carries a byte above 9 into its top bit; one that overflows had its top bit set before. Taking 1
     * away sets the top bit of the first byte if that is 0. */
    const uint64_t strange = (head | (head + DIGITS_EACH(0x76)) | tail | (tail + DIGITS_EACH(0x76)) | (head - 1)) &
                             DIGITS_EACH(0x80);
    /* What the tail holds as well is shifted out of the head, in two steps because that may be all of it. */
    const uint64_t rest = (head << 8) << (8 * (15 - length));
    const uint64_t value = digits_join(rest) * 100000000 + digits_join(tail);
    return strange ? 0 : value;
}

/* 0 to 7 characters, all of them digits or the text is no number. */
static inline uint64_t digits_short(const char *text, int64_t length) {
    uint64_t value = 0;
    for (int64_t at = 0; at < length; at++) {
        const unsigned digit = (unsigned char)text[at] - (unsigned)'0';
        if (digit > 9 || (at == 0 && digit == 0))
            return 0;
        value = value * 10 + digit;
    }
    return value;
}

/* The number that `length` characters spell: 1 to 15 digits, the first not 0, after at most one '+'. 0 for anything else. */
static inline uint64_t digits_number(const char *text, int64_t length) {
    if (length == 0)
        return 0;
    const int64_t plus = *text == '+';
    text += plus;
    length -= plus;
    if (length >= 8 && length <= 15)
        return digits_long(text, length);
    return length < 8 ? digits_short(text, length) : 0;
}

#endif
