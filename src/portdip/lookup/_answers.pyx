"""Numbers to columns of answers, straight into Arrow's buffers.

A batch is three passes: text to numbers, numbers to matches (the index), matches to columns. They take turns on a
few rows, so that what one leaves for the next stays in the nearest cache, and let go of the GIL once for all rows.

Carrier and routing number of a code are two dictionary indices side by side, so an answer costs one small load.
"""

from libc.stdint cimport UINT64_MAX, int8_t, int32_t, uint8_t, uint32_t, uint64_t

cimport cython

import pyarrow as pa

from portdip.index._live cimport LiveIndex
from portdip.lookup._digits cimport NumberColumn, address

cdef enum:
    TOGETHER = 2048  # a multiple of 64, so that no two threads share a word of a bitmap

CODES = 1 << 16


cdef packed struct Label:
    int32_t carrier
    int32_t routing_number


cdef struct Columns:
    int32_t *carrier
    int32_t *routing_number
    int8_t *status
    uint64_t *ported
    uint64_t *known
    uint64_t *present
    uint64_t *certain


@cython.final
cdef class Answers:
    """The columns of `rows` answers, being filled: Arrow buffers.

    `carrier` and `routing_number` (int32) index the dictionaries behind `labels`; `status` (int8) is 0
    ported, 1 native, 2 unallocated, 3 invalid, 3 + doubt where there is one. `ported`, `known` (has a route),
    `present` (not null) and `certain` (not null, no doubt) are bitmaps, a bit a row, lowest first, in uint64
    words. Different rows may be filled from different threads.
    """

    cdef readonly object carrier, routing_number, status, ported, known, present, certain
    cdef Columns columns
    cdef Py_ssize_t rows
    cdef const int32_t[:, ::1] labels

    def __init__(self, Py_ssize_t rows, const int32_t[:, ::1] labels not None):
        """`labels` has shape (CODES, 2): indices of carrier and routing number, -1 for codes without a route."""
        cdef Py_ssize_t bitmap = (rows + 63) // 64 * 8
        if labels.shape[0] != CODES or labels.shape[1] != 2:
            raise ValueError("labels have shape (65536, 2)")
        self.rows = rows
        self.labels = labels
        self.carrier, self.routing_number = pa.allocate_buffer(4 * rows), pa.allocate_buffer(4 * rows)
        self.status, bitmaps = pa.allocate_buffer(rows), pa.allocate_buffer(4 * bitmap)
        self.ported, self.known, self.present, self.certain = (
            bitmaps.slice(place * bitmap, bitmap) for place in range(4)
        )
        self.columns.carrier = <int32_t *>address(self.carrier)
        self.columns.routing_number = <int32_t *>address(self.routing_number)
        self.columns.status = <int8_t *>address(self.status)
        self.columns.ported = <uint64_t *>address(self.ported)
        self.columns.known = <uint64_t *>address(self.known)
        self.columns.present = <uint64_t *>address(self.present)
        self.columns.certain = <uint64_t *>address(self.certain)

    def fill(self, LiveIndex index not None, NumberColumn numbers not None, Py_ssize_t first, Py_ssize_t last):
        """Answer the rows from `first` (a multiple of 64) to `last` out of an index.

        False if it names a code without a label; raises as the index does.
        """
        cdef uint64_t asked[TOGETHER]
        cdef uint32_t matches[TOGETHER]
        cdef size_t count, done
        cdef uint32_t page
        cdef bint labelled = True
        if first % 64 or not 0 <= first <= last <= min(self.rows, numbers.rows):
            raise IndexError("rows outside the answers")
        index.prepare()
        with nogil:
            while labelled and first < last:
                count = min(<Py_ssize_t>TOGETHER, last - first)
                numbers.read_rows(first, asked, count)
                done = index.match_verified(asked, matches, count, &page)
                while done < count:
                    with gil:
                        index.check(page)
                    done += index.match_verified(asked + done, matches + done, count - done, &page)
                labelled = put(asked, matches, NULL, <const Label *>&self.labels[0, 0], first, count, &self.columns)
                first += count
        return labelled

    def put(
        self, Py_ssize_t row, const uint64_t[::1] numbers not None, const uint32_t[::1] matches not None,
        const uint8_t[::1] doubts not None,
    ):
        """Answer the rows from `row` (a multiple of 64) on: False if a match names a code without a label.

        Where there is a doubt, 1 or 2, no route is known, but of what is no number: that is none at any time.
        """
        cdef Py_ssize_t count = numbers.shape[0]
        cdef bint labelled
        if row % 64 or row < 0 or row + count > self.rows or not count == matches.shape[0] == doubts.shape[0]:
            raise IndexError("rows outside the answers")
        if count == 0:
            return True
        with nogil:
            labelled = put(
                &numbers[0], &matches[0], &doubts[0], <const Label *>&self.labels[0, 0], row, count, &self.columns
            )
        return labelled


cdef bint put(const uint64_t *numbers, const uint32_t *matches, const uint8_t *doubts, const Label *labels,
              Py_ssize_t row, Py_ssize_t count, const Columns *columns) noexcept nogil:
    cdef int32_t *carrier = columns.carrier + row
    cdef int32_t *routing_number = columns.routing_number + row
    cdef int8_t *status = columns.status + row
    cdef Py_ssize_t word = row // 64
    cdef uint64_t ported, known, present, doubtful
    cdef uint64_t match, entry, code, there, invalid
    cdef Py_ssize_t begin, index
    cdef Label label
    cdef int32_t lowest = 0
    cdef uint64_t doubt = 0
    for begin in range(0, count, 64):
        ported = known = present = doubtful = 0
        for index in range(begin, min(begin + 64, count)):
            invalid = numbers[index] == 0
            if doubts != NULL:
                doubt = doubts[index] * (1 - invalid)
            match = matches[index] if doubt == 0 else 0
            code = match & 0xFFFF
            entry = match >> 16
            label = labels[code]
            there = code != 0
            lowest |= label.carrier
            carrier[index] = label.carrier
            routing_number[index] = label.routing_number
            status[index] = <int8_t>(3 + doubt if doubt else 2 + invalid - there - entry)
            ported |= entry << (index - begin)
            known |= there << (index - begin)
            present |= <uint64_t>(numbers[index] != UINT64_MAX) << (index - begin)
            doubtful |= <uint64_t>(doubt != 0) << (index - begin)
        columns.ported[word] = ported
        columns.known[word] = known
        columns.present[word] = present
        columns.certain[word] = present & ~doubtful
        word += 1
    return lowest >= 0
