"""Entries of one block to lines: which layout takes the fewest, and the bytes."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from portdip.index._image cimport pd_layout

# The entries of one block of 10,000 numbers, or of neighbours that share a line, sorted by offset.
cdef struct Block:
    int count
    uint16_t offsets[10000]
    uint16_t locals[10000]

cdef bint may_share(const Block *block, int bits) noexcept nogil
cdef void shared_layout(int bits, pd_layout *layout) noexcept nogil
cdef void choose_layout(const Block *block, int bits, pd_layout *layout) noexcept nogil
cdef void write_lines(const Block *block, int bits, const pd_layout *layout, uint8_t *lines) noexcept nogil
