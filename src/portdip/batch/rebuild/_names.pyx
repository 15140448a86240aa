"""The nodes of the digit tree on the way to each rule, as names of DNS need them."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    DIGITS_MAX = 15
    ENTRY = 1 << 16


cdef class Nodes:
    cdef uint64_t left
    cdef int depth
    cdef uint32_t held[DIGITS_MAX + 1]
    cdef bint starred[DIGITS_MAX + 1]
    cdef uint64_t width[DIGITS_MAX + 1]

    def __cinit__(self):
        cdef int depth
        self.depth = 0
        self.held[0] = 0
        self.width[DIGITS_MAX] = 1
        for depth in range(DIGITS_MAX - 1, -1, -1):
            self.width[depth] = self.width[depth + 1] * 10

    def write(
        self, const uint64_t[::1] places, const uint32_t[::1] matches, const uint8_t[::1] whole, bint nested,
        uint64_t[::1] prefix, uint32_t[::1] match,
    ):
        cdef Py_ssize_t count = 0, row
        cdef uint64_t left
        cdef int depth, shared, at
        with nogil:
            for row in range(len(places)):
                left, depth = places[row] >> 4, <int>(places[row] & 15)
                shared = 0
                while shared < self.depth and shared < depth - 1 and (
                    left // self.width[shared + 1] == self.left // self.width[shared + 1]
                ):
                    shared += 1
                if shared == self.depth and shared and not self.starred[shared]:
                    # A number, and longer ones begin with it.
                    self.starred[shared] = True
                    if self.held[shared]:
                        prefix[count], match[count] = left // self.width[shared], self.held[shared]
                        count += 1
                for at in range(shared + 1, depth):
                    self.held[at] = self.held[at - 1]
                    self.starred[at] = True
                    if self.held[at]:
                        prefix[count], match[count] = left // self.width[at], self.held[at]
                        count += 1
                self.left, self.depth = left, depth
                self.held[depth] = matches[row] & (ENTRY - 1)
                self.starred[depth] = nested or not whole[row]
                if whole[row]:
                    prefix[count], match[count] = left // self.width[depth], self.held[depth] | ENTRY
                    count += 1
                if self.starred[depth]:
                    prefix[count], match[count] = left // self.width[depth], self.held[depth]
                    count += 1
        return count
