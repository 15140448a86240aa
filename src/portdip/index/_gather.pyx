"""The physical limit that dips are held against: reading lines of memory at random, as fast as the machine can."""

from libc.stdint cimport uint8_t, uint64_t

cdef extern from *:
    void __builtin_prefetch(const void *) nogil

cdef enum:
    LINE = 64
    AHEAD = 32


def gather(const uint8_t[::1] memory, const uint64_t[::1] order):
    """Read one word of each 64-byte line named by `order`, fetching 32 lines ahead; returns the words' sum.

    `order` holds line numbers below len(memory) / 64, which is not checked here: a check would be measured too.
    Lets go of the GIL.
    """
    cdef Py_ssize_t i, count = len(order)
    cdef uint64_t total = 0
    with nogil:
        for i in range(count - AHEAD):
            __builtin_prefetch(&memory[order[i + AHEAD] * LINE])
            total += (<const uint64_t *>&memory[order[i] * LINE])[0]
        for i in range(max(count - AHEAD, 0), count):
            total += (<const uint64_t *>&memory[order[i] * LINE])[0]
    return total
