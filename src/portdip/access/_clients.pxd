"""Who may ask: the client network around a source, for the loop that moves datagrams."""

from libc.stdint cimport uint16_t, uint64_t


cdef extern from "address.h" nogil:
    ctypedef struct pd_source:
        uint64_t high
        uint64_t low
        int is_v4


# From `first` on, up to the next one's, addresses belong to client `client`, or to none (-1).
cdef struct Stretch:
    uint64_t high
    uint64_t low
    int client


cdef class Clients:
    cdef Stretch *_v4
    cdef Stretch *_v6
    cdef int _v4_count, _v6_count
    cdef readonly tuple clients
    # By client: index of its profile.
    cdef uint16_t *profiles

    # Index of the narrowest client network around a source, -1 for none. Any thread, no GIL.
    cdef int of(self, pd_source source) noexcept nogil
