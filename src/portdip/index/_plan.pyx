"""Disjoint ranges, asked block by block: which code has a block of 10,000 numbers, or which codes, if it is cut.

Blocks are asked mostly in order, which makes an answer a look at the range asked last. For one thread.
"""

import numpy as np

from libc.stdint cimport uint16_t, uint64_t

cdef enum:
    BLOCK = 10000


cdef class FlatPlan:
    """Intervals side by side, as `ranges.flatten` makes them."""

    def __init__(self, const uint64_t[::1] first, const uint64_t[::1] last, const uint16_t[::1] code):
        self._first, self._last, self._code = first, last, code
        self._recent = 0

    cdef Py_ssize_t _seek(self, uint64_t number) noexcept:
        """The first interval that ends at or after `number`."""
        cdef Py_ssize_t count = len(self._first), low = 0, high = count
        if self._recent < count and (self._recent == 0 or self._last[self._recent - 1] < number):
            low = self._recent
            if self._last[low] >= number:
                return low
            if low + 1 < count and self._last[low + 1] >= number:
                self._recent = low + 1
                return low + 1
        while low < high:
            if self._last[(low + high) // 2] < number:
                low = (low + high) // 2 + 1
            else:
                high = (low + high) // 2
        self._recent = low
        return low

    cdef int code_of_block(self, uint64_t start) noexcept:
        """The code of the one interval that holds the block from `start` on, 0 if none touches it, -1 if it is cut."""
        cdef Py_ssize_t place = self._seek(start)
        cdef uint64_t last = start + BLOCK - 1
        if place == len(self._first) or self._first[place] > last:
            return 0
        if self._first[place] <= start and self._last[place] >= last:
            return self._code[place]
        return -1

    cdef object codes_in_block(self, uint64_t start):
        """The code of each number of the block from `start` on: uint16, shape (10000,)."""
        codes = np.zeros(BLOCK, dtype=np.uint16)
        place = self._seek(start)
        while place < len(self._first) and self._first[place] < start + BLOCK:
            low = max(self._first[place], start) - start
            codes[low : min(self._last[place], start + BLOCK - 1) - start + 1] = self._code[place]
            place += 1
        return codes


cpdef tuple split_cells(codes):
    """A cut block's ranges as cells: (codes of the cells as bytes, numbers per cell, {offset: code} that differ).

    `codes`: uint16, shape (10000,). Cells of 1,000 if every one has one code, else of 100; there the commonest code
    of a cell is the cell's.
    """
    thousands = codes.reshape(10, 1000)
    if (thousands == thousands[:, :1]).all():
        return thousands[:, 0].tobytes(), 1000, {}
    hundreds = codes.reshape(100, 100)
    cells = hundreds[:, 0].copy()
    exceptions = {}
    for cell in np.flatnonzero((hundreds != hundreds[:, :1]).any(axis=1)).tolist():
        values, counts = np.unique(hundreds[cell], return_counts=True)
        cells[cell] = values[counts.argmax()]
        for place in np.flatnonzero(hundreds[cell] != cells[cell]).tolist():
            exceptions[100 * cell + place] = int(hundreds[cell, place])
    return cells.tobytes(), 100, exceptions
