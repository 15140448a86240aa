"""The physical limits that dips are held against: lines of memory read at random, all at once and one after another."""

from libc.stdint cimport uint8_t, uint64_t

cdef extern from *:
    void __builtin_prefetch(const void *) nogil

cdef enum:
    LINE = 64
    WORDS = LINE // 8
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


def chase(const uint64_t[::1] lines, Py_ssize_t steps):
    """Go `steps` times from a line to the line whose number is its first word; returns the line arrived at.

    Each step waits for the one before, so the time of a step is the memory's latency. Lets go of the GIL.
    """
    cdef uint64_t line = 0
    cdef Py_ssize_t i
    with nogil:
        for i in range(steps):
            line = lines[line * WORDS]
    return line


def spin(Py_ssize_t steps):
    """Go `steps` times through a generator of pseudo-random numbers; returns the last.

    It touches no memory: its time is the processor's alone, and tells whether two runs had the same share of one.
    """
    cdef uint64_t state = 88172645463325252
    cdef Py_ssize_t i
    with nogil:
        for i in range(steps):
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
    return state
