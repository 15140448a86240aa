"""Route codes to columns: the last pass of a batch, straight into Arrow's buffers.

Carrier and routing number of a code are two dictionary indices side by side, so an answer costs one small
load, and the four columns are written while numbers and matches are still in the nearest cache.
"""

from libc.stdint cimport UINT64_MAX, int8_t, int32_t, uint32_t, uint64_t

cimport cython

import numpy as np

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


@cython.final
cdef class Answers:
    """The columns of `rows` answers, being filled.

    `carrier` and `routing_number` (int32) index the dictionaries behind `labels`; `status` (int8) is 0
    ported, 1 native, 2 unallocated, 3 invalid. `ported`, `known` (has a route) and `present` (not null) are
    bitmaps, a bit a row, lowest first, in uint64 words. Different rows may be put from different threads.
    """

    cdef readonly object carrier, routing_number, status, ported, known, present
    cdef Columns columns
    cdef Py_ssize_t rows
    cdef const int32_t[:, ::1] labels

    def __init__(self, Py_ssize_t rows, const int32_t[:, ::1] labels not None):
        """`labels` has shape (CODES, 2): indices of carrier and routing number, -1 for codes without a route."""
        cdef Py_ssize_t words = (rows + 63) // 64
        if labels.shape[0] != CODES or labels.shape[1] != 2:
            raise ValueError("labels have shape (65536, 2)")
        self.rows = rows
        self.labels = labels
        self.carrier, self.routing_number = np.empty((2, rows), dtype=np.int32)
        self.status = np.empty(rows, dtype=np.int8)
        self.ported, self.known, self.present = np.empty((3, words), dtype=np.uint64)
        self.columns.carrier = <int32_t *><size_t>self.carrier.ctypes.data
        self.columns.routing_number = <int32_t *><size_t>self.routing_number.ctypes.data
        self.columns.status = <int8_t *><size_t>self.status.ctypes.data
        self.columns.ported = <uint64_t *><size_t>self.ported.ctypes.data
        self.columns.known = <uint64_t *><size_t>self.known.ctypes.data
        self.columns.present = <uint64_t *><size_t>self.present.ctypes.data

    def put(self, Py_ssize_t row, const uint64_t[::1] numbers not None, const uint32_t[::1] matches not None):
        """Answer the rows from `row` (a multiple of 64) on: False if a match names a code without a label."""
        cdef Py_ssize_t count = numbers.shape[0]
        cdef bint labelled
        if row % 64 or row < 0 or row + count > self.rows or matches.shape[0] != count:
            raise IndexError("rows outside the answers")
        if count == 0:
            return True
        with nogil:
            labelled = put(&numbers[0], &matches[0], <const Label *>&self.labels[0, 0], row, count, &self.columns)
        return labelled


cdef bint put(const uint64_t *numbers, const uint32_t *matches, const Label *labels, Py_ssize_t row,
              Py_ssize_t count, const Columns *columns) noexcept nogil:
    cdef int32_t *carrier = columns.carrier + row
    cdef int32_t *routing_number = columns.routing_number + row
    cdef int8_t *status = columns.status + row
    cdef Py_ssize_t word = row // 64
    cdef uint64_t ported, known, present
    cdef uint64_t entry, code, there
    cdef Py_ssize_t begin, index
    cdef Label label
    cdef int32_t lowest = 0
    for begin in range(0, count, 64):
        ported = known = present = 0
        for index in range(begin, min(begin + 64, count)):
            code = matches[index] & 0xFFFF
            entry = matches[index] >> 16
            label = labels[code]
            there = code != 0
            lowest |= label.carrier
            carrier[index] = label.carrier
            routing_number[index] = label.routing_number
            status[index] = <int8_t>(2 + (numbers[index] == 0) - there - entry)
            ported |= entry << (index - begin)
            known |= there << (index - begin)
            present |= <uint64_t>(numbers[index] != UINT64_MAX) << (index - begin)
        columns.ported[word] = ported
        columns.known[word] = known
        columns.present[word] = present
        word += 1
    return lowest >= 0
