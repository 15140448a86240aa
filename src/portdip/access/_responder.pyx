"""What answers datagrams of one protocol from one generation: the part that all protocols share."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from portdip.errors import ImageError

_ROOM = 65535
OUTCOMES = ("ported", "native", "unallocated", "invalid", "other", "refused", "failed", "silent")

assert len(OUTCOMES) == PD_OUTCOMES


cdef class Responder:
    """Answers requests of one protocol from one generation. Unchanging; any number of threads may use it."""

    def __init__(self, LiveIndex index not None):
        self.index = index
        index.prepare()

    cdef void answer(self, pd_datagram *datagrams, size_t count, bint is_down) noexcept nogil:
        pass

    cdef bint match(self, const uint64_t *numbers, uint32_t *matches, size_t count) noexcept nogil:
        cdef size_t done = 0
        cdef uint32_t page
        while True:
            done += self.index.match_verified(numbers + done, matches + done, count - done, &page)
            if done == count:
                return True
            with gil:
                try:
                    self.index.check(page)
                except ImageError:
                    return False

    def respond(self, bytes request not None, int profile=0, bint is_down=False, bint is_stream=False):
        """The reply to one request, b"" for none, and what it says (one of OUTCOMES)."""
        cdef pd_datagram datagram
        cdef bytearray reply = bytearray(_ROOM if is_stream else PD_REPLY_MAX)
        datagram.request = request
        datagram.request_length = <uint32_t>len(request)
        datagram.reply = reply
        datagram.reply_room = <uint32_t>len(reply)
        datagram.reply_length = datagram.question_end = datagram.key = 0
        datagram.profile = <unsigned short>profile
        datagram.outcome = PD_SILENT
        datagram.is_stream = is_stream
        with nogil:
            self.answer(&datagram, 1, is_down)
        return bytes(reply[:datagram.reply_length]), OUTCOMES[datagram.outcome]
