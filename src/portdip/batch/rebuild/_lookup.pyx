"""Tables of prefixes: asked as a switch asks them, for the rule of the longest beginning; and put into one another."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

import numpy as np

cdef enum:
    DIGITS_MAX = 15


def codes(const uint64_t[::1] places, const uint16_t[::1] rules, const uint64_t[::1] asked):
    """The code that each number finds, 0 for none."""
    found = np.zeros(len(asked), dtype=np.uint16)
    cdef uint16_t[::1] out = found
    if len(rules) != len(places):
        raise ValueError("a code for each place is needed")
    with nogil:
        read(places, rules, asked, out)
    return found


cdef void read(
    const uint64_t[::1] places, const uint16_t[::1] rules, const uint64_t[::1] asked, uint16_t[::1] out
) noexcept nogil:
    # Rules that the number now asked begins with, outer before inner: where each ends and its code.
    cdef uint64_t ends[DIGITS_MAX + 1]
    cdef uint16_t held[DIGITS_MAX + 1]
    cdef uint64_t width[DIGITS_MAX + 1]
    cdef uint64_t left
    cdef Py_ssize_t row, at, rule = 0, count = len(places)
    cdef int depth, open_rules = 0
    width[DIGITS_MAX] = 1
    for depth in range(DIGITS_MAX - 1, -1, -1):
        width[depth] = width[depth + 1] * 10
    for row in range(len(asked)):
        left = asked[row] >> 4
        if row == 0:
            # Of the rules up to here, those that the first number begins with.
            rule = first_from(places, asked[0] + 1)
            for depth in range(1, <int>(asked[0] & 15) + 1):
                at = first_from(places, ((left // width[depth] * width[depth]) << 4) | <uint64_t>depth)
                if at < count and places[at] == (((left // width[depth] * width[depth]) << 4) | <uint64_t>depth):
                    ends[open_rules] = left // width[depth] * width[depth] + width[depth]
                    held[open_rules] = rules[at]
                    open_rules += 1
        while True:
            while open_rules and ends[open_rules - 1] <= left:
                open_rules -= 1
            if rule == count or places[rule] > asked[row]:
                break
            depth = places[rule] & 15
            if (places[rule] >> 4) + width[depth] > left:
                # What this rule is not inside of ends before it begins.
                while open_rules and ends[open_rules - 1] <= places[rule] >> 4:
                    open_rules -= 1
                ends[open_rules] = (places[rule] >> 4) + width[depth]
                held[open_rules] = rules[rule]
                open_rules += 1
            rule += 1
        out[row] = held[open_rules - 1] if open_rules else 0


cdef Py_ssize_t first_from(const uint64_t[::1] places, uint64_t wanted) noexcept nogil:
    """Where the first place is that is not before `wanted`."""
    cdef Py_ssize_t low = 0, high = len(places), middle
    while low < high:
        middle = (low + high) // 2
        if places[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def interleave(
    const uint64_t[::1] places, const uint64_t[::1] prefixes, const uint32_t[::1] matches,
    const uint64_t[::1] other_places, const uint64_t[::1] other_prefixes, const uint32_t[::1] other_matches,
):
    cdef Py_ssize_t one = 0, two = 0, row, count = len(places), others = len(other_places)
    if not (len(prefixes) == len(matches) == count and len(other_prefixes) == len(other_matches) == others):
        raise ValueError("columns of one length are needed")
    found = tuple(np.empty(count + others, dtype=kind) for kind in (np.uint64, np.uint64, np.uint32))
    cdef uint64_t[::1] place = found[0]
    cdef uint64_t[::1] prefix = found[1]
    cdef uint32_t[::1] match = found[2]
    with nogil:
        for row in range(count + others):
            if two == others or (one < count and places[one] < other_places[two]):
                place[row], prefix[row], match[row] = places[one], prefixes[one], matches[one]
                one += 1
            else:
                place[row], prefix[row], match[row] = other_places[two], other_prefixes[two], other_matches[two]
                two += 1
    return found
