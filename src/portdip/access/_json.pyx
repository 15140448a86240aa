"""Dips as JSON and as `LRN;SPID` text: pieces that were rendered once, put together for each answer.

    {"number":"+8613800000001","status":"ported","carrier":{"id":"CU","name":"China Unicom"},"routing_number":"D002",
     "ported":true,"range_holder":{"id":"CM","name":"China Mobile"},"sequence":1,"as_of":"2026-01-02T03:04:05+00:00"}

All that is about carriers depends on nothing but the route code and is held as bytes for each code, so an answer is
two lookups in the index at most and some copies.
"""

cimport cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

import json

import numpy as np

from portdip.access._responder import OUTCOMES
from portdip.lookup.answers import unknown_route

cdef extern from "../lookup/digits.h" nogil:
    uint64_t digits_number(const char *text, int64_t length)

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const char *PyUnicode_DATA(object text)

cdef enum:
    CODES = 1 << 16
    CODE = CODES - 1
    DIGITS_MAX = 15

#: The places of the statuses among OUTCOMES.
cdef enum Outcome:
    PORTED
    NATIVE
    UNALLOCATED
    INVALID

assert OUTCOMES[:4] == ("ported", "native", "unallocated", "invalid")

cdef bytes OPEN = b'{"number":"+'
cdef bytes IS_PORTED = b'","status":"ported",'
cdef bytes IS_NATIVE = b'","status":"native",'
cdef bytes IS_UNALLOCATED = b'","status":"unallocated",'
cdef bytes TRUE = b',"ported":true,"range_holder":'
cdef bytes FALSE = b',"ported":false,"range_holder":'
cdef bytes NO_ROUTE = b'"carrier":null,"routing_number":null'
cdef bytes NULL_ = b'null'
cdef bytes IS_INVALID = b',"status":"invalid",' + NO_ROUTE + FALSE + NULL_


@cython.final
cdef class RouteTexts:
    """What the routes of a store read as. Good as long as the routes stay the same.

    A route is rendered when it is first met: a store may have tens of thousands, and nobody is to wait for all of them
    when some have changed. Any number of threads may use it; at worst two render the same.
    """

    cdef readonly object routes
    cdef list answers, holders, lines

    def __init__(self, routes):
        """`routes` maps route codes to Routes."""
        self.routes = routes
        self.answers = [None] * CODES
        self.holders = [None] * CODES
        self.lines = [None] * CODES

    cdef int render(self, uint32_t code) except -1:
        route = self.routes.get(code)
        if route is None:
            raise unknown_route(f"code {code}")
        carrier = route.carrier
        cdef bytes holder = as_json({"id": carrier.id, "name": carrier.name})
        self.answers[code] = b'"carrier":%b,"routing_number":%b' % (holder, as_json(route.routing_number))
        self.lines[code] = f"{route.routing_number};{carrier.id}\n".encode()
        self.holders[code] = holder
        return 0

    cdef bytes answer(self, uint32_t code):
        if self.answers[code] is None:
            self.render(code)
        return <bytes>self.answers[code]

    cdef bytes holder(self, uint32_t code):
        if code == 0:
            return NULL_
        if self.holders[code] is None:
            self.render(code)
        return <bytes>self.holders[code]

    cdef bytes line(self, uint32_t code):
        if self.lines[code] is None:
            self.render(code)
        return <bytes>self.lines[code]


@cython.final
cdef class DipTexts:
    """Renders the dips of one generation. Unchanging; any number of threads may use it.

    What a dip says is told beside its text as its place in OUTCOMES. Raises ImageError where the image is damaged and
    UnknownRouteError where the index holds a code without a route.
    """

    cdef object index
    cdef RouteTexts routes
    cdef readonly bytes moment

    def __init__(self, index, RouteTexts routes not None, sequence, as_of):
        """`as_of` is the generation's moment as ISO 8601 has it."""
        self.index = index
        self.routes = routes
        self.moment = b'"sequence":%d,"as_of":%b' % (sequence, as_json(as_of))

    def one(self, str text not None):
        """The JSON object of one dip, and its outcome."""
        cdef uint64_t number = number_of(text)
        cdef uint32_t match
        if number == 0:
            return b"%b,%b}" % (invalid(text), self.moment), INVALID
        match = self.index.match(number)
        return self.render(number, match, b"," + self.moment + b"}"), outcome(number, match)

    def many(self, list texts not None):
        """The JSON array of many dips, without the moment they share, and how often each outcome is in it."""
        cdef Py_ssize_t row, rows = len(texts)
        cdef uint64_t[::1] numbers = np.empty(rows, dtype=np.uint64)
        cdef uint32_t[::1] matches
        cdef list objects = [None] * rows
        cdef list counts = [0] * 4
        for row in range(rows):
            numbers[row] = number_of(texts[row])
        matches = self.index.match_many(np.asarray(numbers))
        for row in range(rows):
            if numbers[row] == 0:
                objects[row] = invalid(texts[row]) + b"}"
            else:
                objects[row] = self.render(numbers[row], matches[row], b"}")
            counts[outcome(numbers[row], matches[row])] += 1
        return b"[%b]" % b",".join(objects), counts

    def lines(self, bytes text not None):
        """A line `LRN;SPID` for each line of text, and how often each outcome is in it.

        LRN is the routing number of a ported number, which may need none, and any other number itself. SPID is the
        carrier's id, nothing for an unallocated number. What is no number has neither.
        """
        cdef list spelled = split(text)
        cdef Py_ssize_t row, rows = len(spelled)
        cdef uint64_t[::1] numbers = np.empty(rows, dtype=np.uint64)
        cdef uint32_t[::1] matches
        cdef list lines = [None] * rows
        cdef list counts = [0] * 4
        cdef bytes line
        for row in range(rows):
            line = spelled[row]
            numbers[row] = digits_number(PyBytes_AS_STRING(line), PyBytes_GET_SIZE(line))
        matches = self.index.match_many(np.asarray(numbers))
        for row in range(rows):
            kind = outcome(numbers[row], matches[row])
            counts[kind] += 1
            if kind == PORTED:
                lines[row] = self.routes.line(matches[row] & CODE)
            elif kind == NATIVE:
                line = self.routes.line(matches[row] & CODE)
                lines[row] = b"%d%b" % (numbers[row], line[line.index(b";"):])
            elif kind == UNALLOCATED:
                lines[row] = b"%d;\n" % numbers[row]
            else:
                lines[row] = b";\n"
        return b"".join(lines), counts

    cdef bytes render(self, uint64_t number, uint32_t match, bytes end):
        cdef uint32_t code = match & CODE
        cdef bytes status, answer, ported = FALSE, holder
        cdef char digits[DIGITS_MAX]
        cdef int first = DIGITS_MAX
        if match == 0:
            status, answer, holder = IS_UNALLOCATED, NO_ROUTE, NULL_
        elif match == code:
            status, answer, holder = IS_NATIVE, self.routes.answer(code), self.routes.holder(code)
        else:
            status, answer, ported = IS_PORTED, self.routes.answer(code), TRUE
            holder = self.routes.holder(self.index.range_code(number))
        while number:
            first -= 1
            digits[first] = <char>(c'0' + number % 10)
            number //= 10
        cdef Py_ssize_t size = (
            PyBytes_GET_SIZE(OPEN) + DIGITS_MAX - first + PyBytes_GET_SIZE(status) + PyBytes_GET_SIZE(answer)
            + PyBytes_GET_SIZE(ported) + PyBytes_GET_SIZE(holder) + PyBytes_GET_SIZE(end)
        )
        cdef bytes text = PyBytes_FromStringAndSize(NULL, size)
        cdef char *place = put(PyBytes_AS_STRING(text), OPEN)
        memcpy(place, &digits[first], DIGITS_MAX - first)
        put(put(put(put(put(place + DIGITS_MAX - first, status), answer), ported), holder), end)
        return text


cdef inline char *put(char *place, bytes piece):
    memcpy(place, PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece))
    return place + PyBytes_GET_SIZE(piece)


cdef inline int outcome(uint64_t number, uint32_t match):
    if number == 0:
        return INVALID
    if match == 0:
        return UNALLOCATED
    return NATIVE if match < CODES else PORTED


cdef inline uint64_t number_of(str text) except? 0:
    if not PyUnicode_IS_COMPACT_ASCII(text):
        return 0
    return digits_number(PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))


cdef bytes invalid(str text):
    return b'{"number":%b%b' % (json.dumps(text).encode(), IS_INVALID)


cdef bytes as_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


cdef list split(bytes text):
    """The lines of text, without CR and LF; nothing follows the last LF."""
    cdef list lines = text.split(b"\n")
    if not lines[len(lines) - 1]:
        lines.pop()
    return [line.rstrip(b"\r") for line in lines]
