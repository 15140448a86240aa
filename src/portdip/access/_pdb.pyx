"""Kamailio's pdb protocol, versions 1 and 0: requests to replies.

A message of version 1 is one datagram, packed, integers in network order (`modules/pdb/common.h` of Kamailio):

    offset  size  field     request          reply
    0       1     version   1                1
    1       1     type      0                1
    2       1     code      0                1 found, 2 not a number, 3 not found
    3       1     length    of the message   of the message
    4       2     id        any              that of the request
    6             payload   digits, NUL      found: digits, NUL, carrier (signed, 16 bits); else nothing

    8613800138000   01 00 00 14 0007  38363133383030313338303030 00
    carrier 11      01 01 01 16 0007  38363133383030313338303030 00 000b
    not found       01 01 03 06 0007

A request of version 0 is the digits, with or without NUL; its reply is digits, NUL and carrier, which is 0 or -1
(a setting) for none.

The client asks all its servers and takes the first reply. It compares the digits of a reply, but never its id, and a
`not found` has no digits. So nothing is answered unless the answer is sure: a node that is down, or whose data is
damaged, is silent, and the client takes the reply of another one. Carrier 0, which clients take for an error, is never
sent by version 1.

Where Kamailio's pdb_server reads on behind a malformed request, we are silent: a type other than 0 (two servers would
answer each other for ever), a length that is not that of the datagram, a payload that is not closed by its only NUL,
and in version 0 anything but digits, whose reply no client would take. The code of a request is ignored, as there.
What has more than 15 digits or begins with 0 is not found. A reply has at most two bytes more than its request, or
three where version 0 left out the NUL, and never more than three times its bytes.
"""

cimport cython

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from portdip.access._responder cimport (
    PD_BATCH, PD_FAILED, PD_INVALID, PD_NATIVE, PD_PORTED, PD_SILENT, PD_UNALLOCATED, Responder, pd_datagram,
)

cdef enum:
    VERSION = 1
    HEADER = 6  # bytes
    REQUEST = 0
    REPLY = 1
    FOUND = 1
    NOT_NUMBER = 2
    NOT_FOUND = 3
    PAYLOAD_MAX = 256  # pdb_server's, digits and NUL
    DIGITS_MAX = 15
    GROWTH_MAX = 3  # times the bytes of a request
    CODE = 0xFFFF

cdef enum Form:
    FORM_MALFORMED
    FORM_LETTERS  # version 1, not only digits
    FORM_1
    FORM_0


@cython.final
cdef class PdbResponder(Responder):
    """Answers Kamailio's pdb requests from one generation. Unchanging; any number of threads may use it."""

    cdef const uint16_t[::1] carriers
    cdef uint16_t v0_not_found

    def __init__(self, generation, tables):
        super().__init__(generation.index)
        self.carriers = tables.carriers
        self.v0_not_found = <uint16_t><int>tables.v0_not_found

    cdef void answer(self, pd_datagram *datagrams, size_t count, bint is_down) noexcept nogil:
        cdef uint64_t numbers[PD_BATCH]
        cdef uint32_t matches[PD_BATCH]
        cdef uint8_t forms[PD_BATCH]
        cdef uint32_t digits[PD_BATCH]
        cdef size_t i
        cdef bint sound
        for i in range(count):
            forms[i] = read(datagrams[i].request, datagrams[i].request_length, &digits[i], &numbers[i])
            datagrams[i].reply_length = datagrams[i].question_end = datagrams[i].key = 0
            datagrams[i].outcome = PD_SILENT if forms[i] == FORM_MALFORMED else PD_FAILED
        if is_down or not count:
            return
        sound = self.match(numbers, matches, count)
        for i in range(count):
            # Where one of the batch lies on a damaged page, each is asked for by itself.
            if forms[i] != FORM_MALFORMED and (sound or self.match(&numbers[i], &matches[i], 1)):
                self.write(&datagrams[i], forms[i], digits[i], numbers[i], matches[i])

    cdef void write(
        self, pd_datagram *datagram, uint8_t form, uint32_t digits, uint64_t number, uint32_t match
    ) noexcept nogil:
        cdef uint16_t carrier = self.carriers[match & CODE]
        if match and not carrier:
            return  # a route code without a route: this data answers nothing
        datagram.outcome = (
            PD_INVALID if not number else PD_PORTED if match > CODE else PD_NATIVE if match else PD_UNALLOCATED
        )
        if form == FORM_0:
            write_v0(datagram, digits, carrier if match else self.v0_not_found)
        else:
            write_v1(datagram, NOT_NUMBER if form == FORM_LETTERS else FOUND if match else NOT_FOUND, carrier)


cdef inline uint8_t read(
    const uint8_t *request, uint32_t length, uint32_t *digits, uint64_t *number
) noexcept nogil:
    """The form of a request, how many digits it has and the number they spell, 0 for none."""
    digits[0] = 0
    number[0] = 0
    if length == 0:
        return FORM_MALFORMED
    if request[0] != VERSION:
        if length > PAYLOAD_MAX or not read_digits(request, length - (request[length - 1] == 0), digits, number):
            return FORM_MALFORMED
        return FORM_0
    if length < HEADER or request[1] != REQUEST or request[3] != length:
        return FORM_MALFORMED
    if length == HEADER:
        return FORM_1
    if request[length - 1] != 0:
        return FORM_MALFORMED
    if read_digits(request + HEADER, length - HEADER - 1, digits, number):
        return FORM_1
    return FORM_LETTERS if without_nul(request + HEADER, length - HEADER - 1) else FORM_MALFORMED


cdef inline bint read_digits(
    const uint8_t *text, uint32_t length, uint32_t *digits, uint64_t *number
) noexcept nogil:
    """Whether `text` is digits only, none included; the number is 0 where they are no E.164 number."""
    cdef uint32_t i
    cdef uint32_t digit
    cdef uint64_t value = 0
    for i in range(length):
        digit = <uint32_t>text[i] - <uint32_t>c"0"
        if digit > 9:
            return False
        value = value * 10 + digit
    digits[0] = length
    if 0 < length <= DIGITS_MAX and text[0] != c"0":
        number[0] = value
    return True


cdef inline bint without_nul(const uint8_t *text, uint32_t length) noexcept nogil:
    cdef uint32_t i
    for i in range(length):
        if text[i] == 0:
            return False
    return True


cdef inline void write_v1(pd_datagram *datagram, uint8_t code, uint16_t carrier) noexcept nogil:
    cdef uint8_t *reply = datagram.reply
    cdef uint32_t length = datagram.request_length if code == FOUND else HEADER
    memcpy(reply, datagram.request, length)
    if code == FOUND:
        put_u16(reply + length, carrier)
        length += 2
    reply[1] = REPLY
    reply[2] = code
    reply[3] = <uint8_t>length
    datagram.reply_length = length


cdef inline void write_v0(pd_datagram *datagram, uint32_t digits, uint16_t carrier) noexcept nogil:
    if digits + 3 > GROWTH_MAX * datagram.request_length:
        datagram.outcome = PD_SILENT
        return
    memcpy(datagram.reply, datagram.request, digits)
    datagram.reply[digits] = 0
    put_u16(datagram.reply + digits + 1, carrier)
    datagram.reply_length = digits + 3


cdef inline void put_u16(uint8_t *at, uint16_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 8)
    at[1] = <uint8_t>value
