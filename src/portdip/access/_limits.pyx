"""How often a source may ask, and how often it is told the same.

A source is its /24 or /64. Queries are counted by a token bucket that holds a second's worth: what is more is not
answered. Equal replies are limited as NSD does it (response-rate limiting), against floods that carry the address of
a victim: while twice the smoothed rate of the last seconds is over the limit, replies are dropped, but for every
`slip`-th, which is sent truncated so that a genuine client comes back over TCP.

Both tables have a fixed number of buckets. A source takes over the bucket that its hash says from whoever had it, and
starts anew: nobody can make them grow, and a secret in the hash lets nobody aim at another's bucket. Every listener
counts for itself, as every process of NSD does: a source that several of them hear may ask each as often.
"""

cimport cython

import os
from ipaddress import ip_address

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from portdip.access._clients cimport Clients, pd_source

cdef extern from "address.h" nogil:
    pd_source pd_source_of(const unsigned char *bytes, int length)
    uint64_t pd_network(pd_source source)

cdef enum:
    SECOND_NS = 1_000_000_000


@cython.final
cdef class Limits:
    """The limits of each client network, and what their sources have used of them. For one thread."""

    def __cinit__(self, Clients clients not None, int slip=2, int buckets=1 << 16):
        cdef int i, count = max(<int>len(clients.clients), 1)
        assert buckets > 0 and buckets & buckets - 1 == 0, "a power of two"
        self._clients = clients
        self._slip = slip
        self._mask = buckets - 1
        self._secret = int.from_bytes(os.urandom(8), "little")
        self._queries = <Queries *>calloc(buckets, sizeof(Queries))
        self._replies = <Replies *>calloc(buckets, sizeof(Replies))
        self._query_ns = <uint32_t *>calloc(count, sizeof(uint32_t))
        self._reply_limits = <uint32_t *>calloc(count, sizeof(uint32_t))
        if self._queries == NULL or self._replies == NULL or self._query_ns == NULL or self._reply_limits == NULL:
            raise MemoryError
        for i, client in enumerate(clients.clients):
            if client.queries_per_second:
                self._query_ns[i] = max(SECOND_NS // client.queries_per_second, 1)
            self._reply_limits[i] = min(client.replies_per_second, 1 << 30)

    def __dealloc__(self):
        free(self._queries)
        free(self._replies)
        free(self._query_ns)
        free(self._reply_limits)

    def admits(self, str address not None, double at):
        """May an address ask at a time (seconds)? Addresses that are no client's may not."""
        cdef int client = self._clients.client(address)
        return client >= 0 and self.admit(client, source_of(address), <uint64_t>(at * SECOND_NS))

    def replies(self, str address not None, uint32_t key, double at):
        """What becomes of a reply: `send`, `slip` (send it truncated) or `drop`."""
        cdef int client = self._clients.client(address)
        if client < 0:
            return "drop"
        return ("send", "slip", "drop")[self.reply(client, source_of(address), key, <uint64_t>(at * SECOND_NS))]

    cdef bint admit(self, int client, pd_source source, uint64_t now_ns) noexcept nogil:
        cdef uint32_t each_ns = self._query_ns[client]
        cdef uint64_t key
        cdef Queries *bucket
        if each_ns == 0:
            return True
        key = mixed(pd_network(source) ^ self._secret)
        bucket = &self._queries[key & self._mask]
        # What is emptied for longer than a full bucket lasts was so by a clock that has been put back since.
        if bucket.key != key or bucket.empty_until_ns < now_ns or bucket.empty_until_ns > now_ns + 2 * SECOND_NS:
            bucket.key = key
            bucket.empty_until_ns = now_ns
        if bucket.empty_until_ns + each_ns > now_ns + SECOND_NS:
            return False
        bucket.empty_until_ns += each_ns
        return True

    cdef Verdict reply(self, int client, pd_source source, uint32_t key, uint64_t now_ns) noexcept nogil:
        cdef uint32_t limit = self._reply_limits[client]
        cdef uint32_t over
        cdef uint64_t hashed
        cdef Replies *bucket
        if limit == 0:
            return SEND
        hashed = mixed(mixed(pd_network(source) ^ self._secret) + key)
        bucket = &self._replies[hashed & self._mask]
        if bucket.key != hashed:
            bucket.key = hashed
            bucket.count = bucket.rate = 0
            bucket.stamp = <uint32_t>(now_ns // SECOND_NS)
        pass_time(bucket, <uint32_t>(now_ns // SECOND_NS))
        bucket.count += bucket.count < 1 << 30
        # A sudden rise is stopped within its first second, a steady one by the rate, which tends to twice of it.
        over = bucket.count + bucket.rate // 2 if bucket.count > bucket.rate // 2 else bucket.rate
        if over <= 2 * limit:
            return SEND
        if self._slip == 0:
            return DROP
        self._slip_turn += 1
        return SLIP if self._slip_turn % self._slip == 0 else DROP


cdef inline void pass_time(Replies *bucket, uint32_t second) noexcept nogil:
    """Make the bucket one of this second; a clock that was put back begins anew."""
    cdef uint32_t passed = second - bucket.stamp
    if passed == 0:
        return
    bucket.rate = (bucket.rate >> passed) + (bucket.count >> passed - 1) if passed < 32 else 0
    bucket.count = 0
    bucket.stamp = second


cdef inline uint64_t mixed(uint64_t value) noexcept nogil:
    """A hash in which every bit depends on every other (the finaliser of splitmix64)."""
    value = (value ^ value >> 30) * <uint64_t>0xBF58476D1CE4E5B9
    value = (value ^ value >> 27) * <uint64_t>0x94D049BB133111EB
    return value ^ value >> 31


cdef pd_source source_of(str address):
    cdef bytes packed = ip_address(address.partition("%")[0]).packed
    return pd_source_of(packed, <int>len(packed))
