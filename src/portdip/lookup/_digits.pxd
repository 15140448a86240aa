"""A column of numbers, for the compiled modules of this room."""

cimport cython

from libc.stdint cimport uint8_t, uint64_t, uintptr_t


cdef struct Chunk:
    Py_ssize_t first  # row of the column
    Py_ssize_t offset
    const uint8_t *validity
    const void *values
    const char **texts


@cython.final
cdef class NumberColumn:
    cdef int layout
    cdef Chunk *chunks
    cdef size_t count
    cdef readonly Py_ssize_t rows
    cdef object arrays  # own the memory behind the addresses

    # As `read`, of rows that are there.
    cdef void read_rows(self, Py_ssize_t row, uint64_t *out, Py_ssize_t count) noexcept nogil

    cdef int _add(self, Chunk *chunk, array) except -1
    cdef void _read(self, const Chunk *chunk, Py_ssize_t row, uint64_t *out, Py_ssize_t count) noexcept nogil


cdef uintptr_t address(buffer) except? 0
