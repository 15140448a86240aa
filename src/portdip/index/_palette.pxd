"""Palettes: which route codes a block's local codes stand for."""

from libc.stdint cimport uint16_t


cdef class Palette:
    cdef readonly int bits
    cdef readonly list words
    cdef readonly int index
    cdef uint16_t *local_of
    cdef int missing(self, const uint16_t *codes, int count) noexcept nogil
    cdef int add(self, const uint16_t *codes, int count) except -1


cdef class Palettes:
    cdef readonly list all
    cdef list _recent
    cdef Palette choose(self, const uint16_t *codes, int count)
    cdef Palette private(self, list words)
    cdef Palette _new(self, int bits)
