"""The dips of a table that changes, for the compiled modules of other rooms."""

cimport cython

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from portdip.index._index cimport Index
from portdip.index._overlay cimport Overlay


@cython.final
cdef class LiveIndex:
    cdef readonly Index base
    cdef readonly Overlay overlay
    cdef bint _same, _entries_only
    cdef object _length

    # As match_many: how many of `numbers` are answered. If not all, let `check` see to `page`, and go on from there.
    # `prepare` is called once before.
    cdef size_t match_verified(
        self, const uint64_t *numbers, uint32_t *matches, size_t count, uint32_t *page
    ) noexcept nogil
    cdef int prepare(self) except -1
    cdef int check(self, uint32_t page) except -1

    cdef int _find(self, uint64_t number, uint32_t *answer, uint32_t *around) except -1
    cdef size_t _ranges(self, const uint64_t *numbers, uint16_t *out, size_t count, uint32_t *page) noexcept nogil
    cdef _many(self, numbers, out, dtype, threads)
    cdef size_t _answer(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil
    cdef size_t _answer_entries(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil
    cdef size_t _answer_all(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil
    cdef _count(self)
