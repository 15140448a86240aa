"""The load generator: asks a server on loopback by a schedule and keeps how long each answer took (`load.h`)."""

import os

from libc.stdint cimport int64_t, uint8_t, uint16_t

import numpy as np

cdef extern from "load.h" nogil:
    ctypedef struct pdl_load:
        const uint8_t *bytes
        const int64_t *starts
        int64_t questions
        int64_t count
        double rate
        int64_t seconds_ns
        int window
        int sockets
        uint16_t port
        int id_at
        int64_t *taken
        int64_t *late
        int64_t asked
        int64_t answered
        int64_t given_up
        int64_t elapsed_ns
        int64_t begin
        int64_t ended
        int64_t full
    int pdl_ask_datagrams(pdl_load *load)
    int pdl_ask_http(pdl_load *load)
    void pdl_settle(pdl_load *load)
    int64_t PDL_PATIENCE_NS
    int PDL_SOCKETS_MAX
    int PDL_ROOM

#: What a question on schedule has waited for, at the least, that got no answer.
PATIENCE_NS = PDL_PATIENCE_NS


def ask(
    const uint8_t[::1] questions not None, const int64_t[::1] starts not None, int port, double seconds, double rate,
    int window, int sockets, Py_ssize_t count, id_at
):
    """Ask for so long, and at most `count` times; see the interface file."""
    cdef pdl_load load
    cdef int64_t[::1] taken, late
    cdef int failed
    cdef bint is_http = id_at is None
    if not (0 < port < 65536 and seconds > 0 and rate >= 0 and window > 0 and 0 < sockets <= PDL_SOCKETS_MAX):
        raise ValueError("no such load")
    if count <= 0 or len(starts) < 2 or starts[0] != 0 or starts[len(starts) - 1] != len(questions):
        raise ValueError("no questions")
    sizes = np.diff(starts)
    if sizes.min() <= 0 or not is_http and (sizes.max() > PDL_ROOM or not 0 <= id_at <= sizes.min() - 2):
        raise ValueError("a question is too short or too long")
    taken = np.zeros(count, dtype=np.int64)
    late = np.zeros(count, dtype=np.int64)
    load.bytes, load.starts, load.questions = &questions[0], &starts[0], len(starts) - 1
    load.count, load.rate, load.seconds_ns = count, rate, <int64_t>(seconds * 1e9)
    load.window, load.sockets, load.port, load.id_at = window, sockets, <uint16_t>port, 0 if is_http else id_at
    load.taken, load.late = &taken[0], &late[0]
    load.asked = load.answered = load.given_up = load.elapsed_ns = load.begin = load.ended = load.full = 0
    with nogil:
        if is_http:
            failed = pdl_ask_http(&load)
        else:
            failed = pdl_ask_datagrams(&load)
        pdl_settle(&load)
    if failed:
        raise OSError(failed, os.strerror(failed))
    return np.asarray(taken[:load.asked]), np.asarray(late[:load.asked]), load.answered, load.elapsed_ns / 1e9
