"""ENUM (RFC 6116) over the DNS: queries to replies, from one generation.

A number's name is its digits from the last to the first, a label each, below the zone: +44 20 is 0.2.4.4.e164.arpa.
Where the zone's own name begins with digits, as 4.4.e164.arpa does, they belong to the number. The first rule that fits
a message is taken:

    shorter than a header, or a reply itself                      silence
    opcode, TC or Z bit set, more than one question               NOTIMP
    no question, or a name that is none or is compressed          FORMERR
    type ANY, AXFR, IXFR, MAILA, MAILB                            NOTIMP
    anything behind the question but one sound OPT record         FORMERR
    another version of EDNS than 0                                BADVERS
    another class than IN                                         REFUSED
    a name outside the zone                                       NXDOMAIN
    the node is down, or the data of the number damaged           SERVFAIL
    the zone's own name                                           SOA, NS, or no data
    labels that spell no number of 1 to 15 digits                 NXDOMAIN
    a number                                                      NAPTR as its profile says, or no data
    a number of which its profile says nothing                    NXDOMAIN, or no data if longer ones begin with it

What the zone does not have comes with its SOA record, whose serial is the sequence of the generation. Names are compared
without regard to case, and repeated as they came. A reply over UDP has at most three times the bytes of its request, 512
without EDNS and 1232 with it; of a larger one the client gets the question, and TC, which brings it to TCP.
"""

cimport cython

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from portdip.access._responder cimport PD_BATCH, Responder, pd_datagram

cdef extern from "enum.h" nogil:
    ctypedef struct pd_enum_record:
        pass
    ctypedef struct pd_enum_answer:
        pass
    ctypedef struct pd_enum_zone:
        const uint8_t *apex
        uint32_t apex_length
        uint32_t tail
        const uint8_t *soa
        uint32_t soa_length
        uint32_t serial_at
        uint32_t serial
        const uint8_t *ns
        uint32_t ns_length
        const uint8_t *text
        const pd_enum_record *records
        const pd_enum_answer *answers
        uint32_t codes
        uint32_t profiles
        const uint8_t *depths
    ctypedef struct pd_enum_question:
        uint64_t number
    void pd_enum_ask(
        const pd_enum_zone *zone, const pd_datagram *datagram, bint is_down, pd_enum_question *question
    )

cdef extern from "enum_reply.h" nogil:
    void pd_enum_tell(
        const pd_enum_zone *zone, pd_datagram *datagram, const pd_enum_question *question, uint32_t match, bint is_known
    )


@cython.final
cdef class EnumResponder(Responder):
    """Answers ENUM queries from a generation, by tables made of the same one. Unchanging, for any number of threads."""

    cdef pd_enum_zone zone
    cdef object tables  # what the zone points into

    def __init__(self, generation not None, tables not None):
        super().__init__(generation.index)
        zone, answers = tables.zone, tables.answers
        self.tables = tables
        self.zone.apex, self.zone.apex_length, self.zone.tail = zone.apex, len(zone.apex), zone.tail
        self.zone.soa, self.zone.soa_length, self.zone.serial_at = zone.soa, len(zone.soa) // 2, zone.serial_at
        self.zone.serial = generation.sequence & 0xFFFFFFFF
        self.zone.ns, self.zone.ns_length = zone.ns, len(zone.ns)
        self.zone.text = answers.text
        self.zone.records = <const pd_enum_record *><size_t>answers.records.ctypes.data
        self.zone.answers = <const pd_enum_answer *><size_t>answers.answers.ctypes.data
        self.zone.profiles, self.zone.codes = answers.answers.shape[0], answers.answers.shape[1]
        self.zone.depths = <const uint8_t *><size_t>tables.depths.ctypes.data

    cdef void answer(self, pd_datagram *datagrams, size_t count, bint is_down) noexcept nogil:
        cdef pd_enum_question questions[PD_BATCH]
        cdef uint64_t numbers[PD_BATCH]
        cdef uint32_t matches[PD_BATCH]
        cdef size_t row
        cdef bint sound, is_known
        memset(numbers, 0, sizeof(numbers))
        for row in range(count):
            pd_enum_ask(&self.zone, &datagrams[row], is_down, &questions[row])
            numbers[row] = questions[row].number
        is_known = sound = self.match(numbers, matches, count)
        for row in range(count):
            # Where one of the batch lies on a damaged page, each is asked for by itself.
            if not sound:
                is_known = self.match(&numbers[row], &matches[row], 1)
            pd_enum_tell(&self.zone, &datagrams[row], &questions[row], matches[row], is_known)


def deepen(uint8_t[::1] depths not None, const uint64_t[::1] numbers not None):
    """Raise `depths` (shape (1000,), see enum_depths.py) to the length of each number at its first three digits."""
    cdef size_t row
    cdef uint64_t number, limit
    cdef uint8_t digits
    if depths.shape[0] != 1000:
        raise ValueError("depths have shape (1000,)")
    with nogil:
        for row in range(<size_t>numbers.shape[0]):
            number = numbers[row]
            digits = 3 if number >= 100 else 2 if number >= 10 else 1
            limit = 1000
            while number >= limit:
                limit *= 10
                digits += 1
            number //= limit // 1000
            if depths[number] < digits:
                depths[number] = digits
