"""The reader of an index image, for the compiled modules of this room."""

cimport cython

from cpython.number cimport PyNumber_Index
from libc.stdint cimport uint32_t, uint64_t

from portdip.index._image cimport pd_image


@cython.final
cdef class Index:
    cdef pd_image _image
    cdef Py_buffer _bytes
    cdef bint _held
    cdef object _header, _where, _verified
    cdef uint64_t[::1] _verified_view
    cdef uint64_t[::1] _checks
    cdef bint _tables_checked

    cdef _aim(self)
    cdef int prepare(self) except -1
    cdef int find(self, uint64_t number, uint32_t *answer, uint32_t *around) except -1
    cdef bint find_verified(self, uint64_t number, uint32_t *answer, uint32_t *around, uint32_t *page) noexcept nogil
    cdef size_t many_verified(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil
    cdef uint64_t count_verified(self, uint64_t *number, uint64_t end, uint32_t *page) noexcept nogil
    cdef _check_checks(self)
    cdef check_page(self, size_t page)
    cdef _check_tables(self)
    cdef object _content(self)
    cdef _damaged(self, what, offset)


cdef object in_shares(share, numbers, out, dtype, threads)


cdef inline uint64_t key_of(object number) except? 0:
    """The integer as one that can be asked: what is negative or too large becomes 0, which has no code."""
    try:
        return number if type(number) is int else PyNumber_Index(number)
    except OverflowError:
        return 0
