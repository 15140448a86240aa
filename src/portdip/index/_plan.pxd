"""Disjoint ranges, asked block by block."""

from libc.stdint cimport uint16_t, uint64_t


cdef class FlatPlan:
    cdef const uint64_t[::1] _first
    cdef const uint64_t[::1] _last
    cdef const uint16_t[::1] _code
    cdef Py_ssize_t _recent
    cdef Py_ssize_t _seek(self, uint64_t number) noexcept
    cdef int code_of_block(self, uint64_t start) noexcept
    cdef object codes_in_block(self, uint64_t start)

cpdef tuple split_cells(codes)
