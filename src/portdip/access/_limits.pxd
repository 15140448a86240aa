"""How often a source may ask and be told the same, for the loop that moves datagrams."""

from libc.stdint cimport uint32_t, uint64_t

from portdip.access._clients cimport pd_source


cdef enum Verdict:
    SEND
    SLIP  # send it truncated
    DROP


# Token bucket of a source's queries: `empty_until`, when as many tokens as were taken will have come back.
cdef struct Queries:
    uint64_t key
    uint64_t empty_until_ns


# Equal replies to a source: `count` in the second `stamp`, `rate` smoothed over those before.
cdef struct Replies:
    uint64_t key
    uint32_t stamp
    uint32_t count
    uint32_t rate


cdef class Limits:
    cdef Queries *_queries
    cdef Replies *_replies
    cdef uint64_t _mask, _secret
    cdef uint32_t *_query_ns
    cdef uint32_t *_reply_limits
    cdef uint32_t _slip, _slip_turn
    cdef object _clients

    # May client `client` ask now? One thread only, as `reply`.
    cdef bint admit(self, int client, pd_source source, uint64_t now_ns) noexcept nogil
    # What to do with a reply that has this key.
    cdef Verdict reply(self, int client, pd_source source, uint32_t key, uint64_t now_ns) noexcept nogil
