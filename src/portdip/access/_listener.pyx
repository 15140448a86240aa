"""The loop that moves datagrams: socket, who may ask, how often, responder, socket. Knows nothing of what they say.

One thread runs it and never takes the GIL. `swap` gives it another responder by a hazard pointer: the loop publishes
which responder it is about to use, and looks again whether that is still the one on offer; `swap` puts the new one on
offer, waits until the old one is not in use, and then lets go of it. So no batch mixes two generations, the loop waits
for nobody, and responders are freed by who swaps.
"""

cimport cython

from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport (
    EAGAIN, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, ENOBUFS, ENOMEM, errno,
)
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

import threading

from portdip.access._clients cimport Clients, pd_source
from portdip.access._limits cimport DROP, SLIP, Limits
from portdip.access._responder cimport (
    PD_BATCH, PD_FAILED, PD_OUTCOMES, PD_REPLY_MAX, PD_REQUEST_MAX, PD_SILENT, Responder, pd_datagram,
)
from portdip.access.counters import COLUMNS, LATENCY_BUCKETS, NAMES

cdef extern from "listener.h" nogil:
    enum:
        PD_RECEIVED
        PD_REPLIED
        PD_OUTCOME
        PD_DROPPED_SOURCE
        PD_DROPPED_RATE
        PD_LIMITED
        PD_SLIPPED
        PD_SHED
        PD_OVERFLOWED
        PD_ERRORS
        PD_BYTES_IN
        PD_BYTES_OUT
        PD_LATENCY_BUCKETS
    struct cmsghdr:
        pass
    ctypedef union pd_address:
        pass
    struct msghdr:
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    ctypedef struct pd_batch:
        mmsghdr incoming[PD_BATCH]
        pd_address sources[PD_BATCH]
        uint8_t requests[PD_BATCH][1]
        uint8_t replies[PD_BATCH][1]
    pd_batch *pd_new_batch()
    bint pd_prepare(int socket)
    int pd_receive(pd_batch *batch, int socket, bint batched, bint wait)
    uint64_t pd_read_control(pd_batch *batch, unsigned i, cmsghdr **control, size_t *length)
    void pd_address_reply(
        pd_batch *batch, unsigned place, unsigned i, uint32_t length, cmsghdr *control, size_t control_length
    )
    unsigned pd_send(pd_batch *batch, int socket, bint batched, unsigned count, uint64_t *bytes)
    pd_source pd_source_of_address(const pd_address *address)
    uint64_t pd_overflowed(int socket)
    void pd_step_aside(int socket)
    uint64_t pd_now()
    void pd_pause(unsigned microseconds)
    unsigned pd_latency_bucket(uint64_t nanoseconds)

# C11 atomics, for what other threads write while the loop runs.
cdef extern from "<stdatomic.h>" nogil:
    ctypedef int atomic_int
    ctypedef void *atomic_pointer "_Atomic(void *)"
    int atomic_load_int "atomic_load"(atomic_int *at)
    void atomic_store_int "atomic_store"(atomic_int *at, int value)
    void *atomic_load_pointer "atomic_load"(atomic_pointer *at)
    void atomic_store_pointer "atomic_store"(atomic_pointer *at, void *value)
    void *atomic_exchange(atomic_pointer *at, void *value)

cdef enum:
    SECOND_NS = 1_000_000_000
    # After `stop`: done once nothing came for so long, or after so long anyhow.
    QUIET_NS = 5_000_000
    DRAIN_NS = 500_000_000
    PAUSE_US = 500
    # DNS: where a reply's flags and counts are.
    FLAGS = 2
    TRUNCATED = 0x02
    CODE = 3
    RECORD_COUNTS = 6
    HEADER = 12

assert [NAMES[place] for place in (PD_RECEIVED, PD_OUTCOME, PD_DROPPED_SOURCE, PD_SHED, PD_BYTES_OUT)] == [
    "received", "ported", "dropped_source", "shed", "bytes_out"
]
assert LATENCY_BUCKETS == PD_LATENCY_BUCKETS


# What is kept of a request while it is answered: which incoming message it is, and how its reply is sent.
cdef struct Pending:
    unsigned message
    int client
    pd_source source
    uint64_t stamp
    cmsghdr *control
    size_t control_length


@cython.final
cdef class Listener:
    """Answers the datagrams of one UDP socket with a responder, until it is stopped."""

    cdef object _socket, _swapping
    cdef int _fd
    cdef Clients _clients
    cdef Limits _limits
    cdef uint64_t[::1] _row
    cdef uint64_t _wait_limit_ns, _overflowed, _looked
    cdef unsigned _latency
    cdef uint8_t _shed_code
    cdef bint _batched, _is_main
    cdef atomic_int _stopping, _down
    cdef atomic_pointer _offered, _in_use
    cdef pd_batch *_batch
    cdef pd_datagram _datagrams[PD_BATCH]
    cdef Pending _pending[PD_BATCH]

    def __init__(
        self, socket not None, Responder responder not None, Clients clients not None, Limits limits not None,
        uint64_t[::1] row not None, *, double wait_limit_ms=40.0, int shed_code=0, bint batched=True,
    ):
        assert self._batch == NULL and len(row) == COLUMNS and 0 <= shed_code < 16
        self._socket, self._fd = socket, socket.fileno()
        self._clients, self._limits, self._row = clients, limits, row
        self._wait_limit_ns = <uint64_t>(wait_limit_ms * 1e6)
        self._shed_code, self._batched = shed_code, batched
        self._latency = len(NAMES)
        self._swapping = threading.Lock()
        if not pd_prepare(self._fd):
            PyErr_SetFromErrno(OSError)
        self._overflowed = pd_overflowed(self._fd)
        self._batch = pd_new_batch()
        if self._batch == NULL:
            raise MemoryError
        Py_INCREF(responder)
        atomic_store_pointer(&self._offered, <void *>responder)

    def __dealloc__(self):
        cdef void *responder = atomic_load_pointer(&self._offered)
        if responder != NULL:
            Py_DECREF(<object>responder)
        free(self._batch)

    @property
    def is_down(self):
        """Is the node loading or staler than its limit? Then the responder answers as it does in that case."""
        return atomic_load_int(&self._down) != 0

    @is_down.setter
    def is_down(self, bint value):
        atomic_store_int(&self._down, value)

    def swap(self, Responder responder not None):
        """Answer from `responder` from the next batch on. Returns when the old one is not used any more."""
        cdef void *old
        with self._swapping:
            Py_INCREF(responder)
            old = atomic_exchange(&self._offered, <void *>responder)
            with nogil:
                while atomic_load_pointer(&self._in_use) == old:
                    pd_pause(20)
            Py_DECREF(<object>old)

    def stop(self):
        """Let `run` answer what has come in so far, and return."""
        atomic_store_int(&self._stopping, 1)

    def run(self):
        """Receive, answer and send until `stop`; lets go of the GIL."""
        self._is_main = threading.current_thread() is threading.main_thread()
        with nogil:
            while not atomic_load_int(&self._stopping):
                if not self._turn(True):
                    self._count_overflow(pd_now())
            pd_step_aside(self._fd)
            self._drain()
            self._count_overflow(pd_now())

    cdef int _drain(self) except -1 nogil:
        """Answer what is in the socket's buffer, and what was on its way there."""
        cdef uint64_t began = pd_now(), quiet_since = began, now = began
        while now - quiet_since < QUIET_NS and now - began < DRAIN_NS:
            if self._turn(False):
                quiet_since = pd_now()
            else:
                pd_pause(PAUSE_US)
            now = pd_now()
        return 0

    cdef int _turn(self, bint wait) except -1 nogil:
        """Receive once and answer; how many came."""
        cdef int count = pd_receive(self._batch, self._fd, self._batched, wait)
        if count > 0:
            self._handle(<unsigned>count)
            return count
        # Another thread may have got the signal, whose handler is for the main thread to call.
        if errno == EINTR or errno == EAGAIN and self._is_main:
            with gil:
                PyErr_CheckSignals()
        elif errno in (ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH, ENETDOWN, ENETUNREACH):
            self._row[PD_ERRORS] += 1  # an earlier reply came back
        elif errno in (ENOBUFS, ENOMEM):
            self._row[PD_ERRORS] += 1
            pd_pause(PAUSE_US)
        elif errno != EAGAIN:
            with gil:
                PyErr_SetFromErrno(OSError)
        return 0

    cdef void _handle(self, unsigned count) noexcept nogil:
        """Answer a batch: what is in time from the front of the arrays, what is late and answered from their back."""
        cdef uint64_t now = pd_now()
        cdef unsigned i, timely = 0, late = 0, place, sent, taken
        cdef Pending *pending
        cdef uint64_t bytes_out = 0
        self._row[PD_RECEIVED] += count
        for i in range(count):
            pending = &self._pending[timely]
            if not self._admit(i, now, pending):
                continue
            if pending.stamp and pending.stamp + self._wait_limit_ns < now:
                self._row[PD_SHED] += 1
                if self._shed_code == 0:
                    continue
                late += 1
                place = PD_BATCH - late
                self._pending[place] = pending[0]
            else:
                place = timely
                timely += 1
            self._ask(&self._datagrams[place], i, pending.client)
        if timely:
            self._answer(self._datagrams, timely, atomic_load_int(&self._down) != 0)
        if late:
            self._answer(&self._datagrams[PD_BATCH - late], late, True)
            for i in range(PD_BATCH - late, PD_BATCH):
                if self._datagrams[i].outcome == PD_FAILED and self._datagrams[i].reply_length >= HEADER:
                    self._datagrams[i].reply[CODE] = (self._datagrams[i].reply[CODE] & 0xF0) | self._shed_code
        sent = self._address(0, timely, 0, now)
        sent = self._address(PD_BATCH - late, PD_BATCH, sent, now)
        self._record_latency(timely)
        if sent:
            taken = pd_send(self._batch, self._fd, self._batched, sent, &bytes_out)
            self._row[PD_REPLIED] += taken
            self._row[PD_ERRORS] += sent - taken
            self._row[PD_BYTES_OUT] += bytes_out
        if now - self._looked > SECOND_NS:
            self._count_overflow(now)

    cdef bint _admit(self, unsigned i, uint64_t now, Pending *pending) noexcept nogil:
        """May incoming message `i` be answered? Fills `pending`."""
        cdef uint32_t length = self._batch.incoming[i].msg_len
        self._row[PD_BYTES_IN] += length
        pending.message = i
        pending.source = pd_source_of_address(&self._batch.sources[i])
        pending.client = self._clients.of(pending.source)
        if pending.client < 0:
            self._row[PD_DROPPED_SOURCE] += 1
            return False
        if not self._limits.admit(pending.client, pending.source, now):
            self._row[PD_DROPPED_RATE] += 1
            return False
        if length > PD_REQUEST_MAX:
            self._row[PD_OUTCOME + PD_SILENT] += 1
            return False
        pending.stamp = pd_read_control(self._batch, i, &pending.control, &pending.control_length)
        return True

    cdef void _ask(self, pd_datagram *datagram, unsigned i, int client) noexcept nogil:
        """Make a datagram of incoming message `i`, not answered yet."""
        datagram.request = self._batch.requests[i]
        datagram.request_length = self._batch.incoming[i].msg_len
        datagram.reply = self._batch.replies[i]
        datagram.reply_room = PD_REPLY_MAX
        datagram.reply_length = datagram.question_end = datagram.key = 0
        datagram.profile = self._clients.profiles[client]
        datagram.outcome = PD_SILENT
        datagram.is_stream = False

    cdef void _answer(self, pd_datagram *datagrams, unsigned count, bint is_down) noexcept nogil:
        """Let the responder on offer answer; while it does, `swap` keeps it."""
        cdef void *responder = atomic_load_pointer(&self._offered)
        cdef unsigned i
        while True:
            atomic_store_pointer(&self._in_use, responder)
            if atomic_load_pointer(&self._offered) == responder:
                break
            responder = atomic_load_pointer(&self._offered)
        (<Responder>responder).answer(datagrams, count, is_down)
        atomic_store_pointer(&self._in_use, NULL)
        for i in range(count):
            self._row[PD_OUTCOME + datagrams[i].outcome] += 1

    cdef unsigned _address(self, unsigned first, unsigned end, unsigned sent, uint64_t now) noexcept nogil:
        """Put the replies of datagrams `first` up to `end` behind the `sent` outgoing messages; how many there are."""
        cdef unsigned i
        cdef pd_datagram *datagram
        cdef Pending *pending
        for i in range(first, end):
            datagram, pending = &self._datagrams[i], &self._pending[i]
            # Only what has a question can be truncated, and comes from where addresses are forged.
            if datagram.question_end and datagram.reply_length and not self._may_reply(datagram, pending, now):
                datagram.reply_length = 0
            if datagram.reply_length:
                pd_address_reply(
                    self._batch, sent, pending.message, datagram.reply_length, pending.control, pending.control_length
                )
                sent += 1
        return sent

    cdef bint _may_reply(self, pd_datagram *datagram, const Pending *pending, uint64_t now) noexcept nogil:
        """Response-rate limiting: False drops the reply; it may become a truncated one."""
        cdef int verdict = self._limits.reply(pending.client, pending.source, datagram.key, now)
        cdef unsigned i
        if verdict == DROP:
            self._row[PD_LIMITED] += 1
            return False
        if verdict == SLIP:
            self._row[PD_SLIPPED] += 1
            datagram.reply_length = datagram.question_end
            datagram.reply[FLAGS] |= TRUNCATED
            for i in range(RECORD_COUNTS, HEADER):
                datagram.reply[i] = 0
        return True

    cdef void _record_latency(self, unsigned timely) noexcept nogil:
        """Count by latency what is about to be sent. A clock that was put back makes it 0."""
        cdef uint64_t now = pd_now(), stamp
        cdef unsigned i
        for i in range(timely):
            stamp = self._pending[i].stamp
            if self._datagrams[i].reply_length and stamp:
                self._row[self._latency + pd_latency_bucket(now - stamp if now > stamp else 0)] += 1

    cdef void _count_overflow(self, uint64_t now) noexcept nogil:
        """What the kernel dropped since the last look."""
        cdef uint64_t overflowed = pd_overflowed(self._fd)
        self._row[PD_OVERFLOWED] += <uint32_t>(overflowed - self._overflowed)
        self._overflowed, self._looked = overflowed, now
