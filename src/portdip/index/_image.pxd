"""The structures of an index image in memory (image.py says what they mean)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "image.h" nogil:
    const uint64_t PD_LIMIT
    const uint64_t PD_BLOCK
    const uint32_t PD_TOP, PD_MID, PD_LEAF
    const uint32_t PD_MID_BITS, PD_LEAF_BITS, PD_GROUP_BITS, PD_FACTOR_BITS
    const uint32_t PD_LINE
    const uint32_t PD_BITMAP
    const uint32_t PD_ENTRY, PD_OVERRIDE, PD_ANSWER

    ctypedef struct pd_leaf:
        uint64_t blocks
        uint64_t slot

    ctypedef struct pd_slot:
        uint32_t first_line
        uint32_t palette
        uint32_t natives
        uint16_t layout
        uint16_t shift

    ctypedef struct pd_layout:
        uint32_t line_factor
        uint32_t cell_factor
        uint32_t lanes
        uint16_t span
        uint16_t lines
        uint16_t key_mask
        uint16_t value_base
        uint16_t value_mask
        uint8_t value_step
        uint8_t kind

    ctypedef struct pd_image:
        const uint32_t *top
        const uint32_t *mid
        const pd_leaf *leaf
        const pd_slot *directory
        const pd_layout *layouts
        const uint32_t *words
        const uint8_t *lines
        const uint64_t *verified
        int all_verified
