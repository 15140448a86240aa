"""What answers datagrams of one protocol from one generation; the loop that moves them knows nothing else."""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from portdip.index._live cimport LiveIndex


cdef extern from "datagram.h" nogil:
    enum:
        PD_REQUEST_MAX
        PD_REPLY_MAX
        PD_BATCH
    enum pd_outcome:
        PD_PORTED
        PD_NATIVE
        PD_UNALLOCATED
        PD_INVALID
        PD_OTHER
        PD_REFUSED
        PD_FAILED
        PD_SILENT
        PD_OUTCOMES

    ctypedef struct pd_datagram:
        const uint8_t *request
        uint32_t request_length
        uint32_t reply_room
        uint8_t *reply
        uint32_t reply_length
        uint32_t question_end
        uint32_t key
        uint16_t profile
        uint8_t outcome
        uint8_t is_stream


cdef class Responder:
    # The index of the generation; `prepare` was called.
    cdef LiveIndex index

    # Fill reply, reply_length, outcome, key and question_end of at most PD_BATCH datagrams. `is_down`: the node is
    # loading or staler than its limit. Any thread, no GIL; takes it only to check a page of the image.
    cdef void answer(self, pd_datagram *datagrams, size_t count, bint is_down) noexcept nogil

    # The matches of at most PD_BATCH numbers: code, plus PD_ENTRY for an entry of its own. False: a page of the image
    # is damaged, and nothing may be answered from these matches.
    cdef bint match(self, const uint64_t *numbers, uint32_t *matches, size_t count) noexcept nogil
