"""The changes since the base image, for the dips of this room."""

cimport cython

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from portdip.index._facts cimport Facts


# Who holds the numbers of an interval. Pieces lie side by side, in order.
cdef struct Piece:
    uint64_t first
    uint64_t last
    uint32_t ordinal
    uint32_t code


# What every older code in an interval becomes; without a map, older entries are released. Rules lie by ordinal.
cdef struct Rule:
    uint64_t first
    uint64_t last
    uint64_t ordinal
    const uint16_t *map


cdef struct Changes:
    const Piece *pieces
    size_t piece_count
    const Rule *rules
    size_t rule_count


@cython.final
cdef class Overlay:
    cdef Facts facts
    cdef Changes changes
    # The arrays that `changes` points into; the rules as they are shown.
    cdef object _pieces, _rule_table
    cdef tuple _rules

    cdef _set(self, Facts facts, pieces, tuple rules)
