"""Numbers out of text: one Python string, or an Arrow column of strings or integers.

Texts that are no number become 0, nulls become MISSING; both are outside the numbering plan, so an index
answers 0 for them like for any number without a route. Arrow memory is reached by address: nothing of pyarrow
is compiled in.
"""

from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.stdint cimport UINT64_MAX, int32_t, int64_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free

cimport cython

import pyarrow as pa

cdef extern from "digits.h" nogil:
    const uint64_t DIGITS_LIMIT
    uint64_t digits_number(const char *text, int64_t length)

cdef extern from "digits_many.h" nogil:
    ctypedef struct digits_kernel:
        const char *name
        void (*read)(const char *const *texts, const int64_t *lengths, uint64_t *numbers, size_t count) noexcept nogil
    const digits_kernel digits_kernels[]
    const size_t DIGITS_KERNELS
    bint digits_kernel_runs(size_t which)

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const char *PyUnicode_DATA(object text)

cdef enum:
    TOGETHER = 64

cdef const digits_kernel *active = NULL

MISSING = UINT64_MAX


def kernels():
    """Names of the instruction sets this build can use here, best first; the last one runs anywhere."""
    return [digits_kernels[which].name.decode() for which in range(DIGITS_KERNELS) if digits_kernel_runs(which)]


def use_kernel(name):
    """Make all columns of this process be read with another instruction set of `kernels()`: for tests."""
    global active
    for which in range(DIGITS_KERNELS):
        if digits_kernels[which].name.decode() == name and digits_kernel_runs(which):
            active = &digits_kernels[which]
            return
    raise ValueError(f"no kernel {name!r} here; there are {', '.join(kernels())}")


def parse(str text not None):
    """The number a string spells, or 0.

    >>> parse("+8613800138000"), parse("+86 138"), parse("١٢٣")
    (8613800138000, 0, 0)
    """
    if not PyUnicode_IS_COMPACT_ASCII(text):
        return 0
    return digits_number(PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))


ctypedef fused Offset:
    int32_t
    int64_t


cdef void read_strings(const Offset *offsets, const char *text, uint64_t *out, Py_ssize_t count) noexcept nogil:
    cdef const char *texts[TOGETHER]
    cdef int64_t lengths[TOGETHER]
    cdef Py_ssize_t row, together
    while count:
        together = min(<Py_ssize_t>TOGETHER, count)
        for row in range(together):
            texts[row] = text + offsets[row]
            lengths[row] = offsets[row + 1] - offsets[row]
        active.read(texts, lengths, out, together)
        offsets, out, count = offsets + together, out + together, count - together


cdef packed struct View:
    # Arrow's string view: up to 12 characters follow the length, of longer texts the first four and a place.
    int32_t length
    char prefix[4]
    int32_t buffer
    int32_t offset


cdef inline bint is_valid(const uint8_t *validity, Py_ssize_t row) noexcept nogil:
    return validity == NULL or (validity[row >> 3] >> (row & 7)) & 1


cdef void read_views(
    const View *views, const uint8_t *validity, const char *const *buffers, Py_ssize_t first, uint64_t *out,
    Py_ssize_t count,
) noexcept nogil:
    cdef const char *texts[TOGETHER]
    cdef int64_t lengths[TOGETHER]
    cdef Py_ssize_t row, together
    cdef const View *view
    while count:
        together = min(<Py_ssize_t>TOGETHER, count)
        for row in range(together):
            view = &views[first + row]
            lengths[row] = view.length
            texts[row] = <const char *>view.prefix
            # What lies under a null may be anything, also in a column that Arrow has found valid.
            if not is_valid(validity, first + row):
                lengths[row] = 0
            elif view.length > 12:
                texts[row] = buffers[view.buffer] + view.offset
        active.read(texts, lengths, out, together)
        first, out, count = first + together, out + together, count - together


cdef void read_integers(const uint64_t *numbers, uint64_t *out, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(count):
        out[row] = numbers[row] if numbers[row] < DIGITS_LIMIT else 0


cdef void mark_nulls(const uint8_t *validity, Py_ssize_t first, uint64_t *out, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(count):
        out[row] |= <uint64_t>is_valid(validity, first + row) - 1


cdef enum Layout:
    INTEGERS
    STRINGS
    LARGE_STRINGS
    VIEWS

LAYOUTS = {
    pa.uint64(): INTEGERS, pa.string(): STRINGS, pa.large_string(): LARGE_STRINGS, pa.string_view(): VIEWS,
}


@cython.final
cdef class NumberColumn:
    """The numbers of an Arrow array or chunked array of a type in LAYOUTS, read in pieces from any thread.

    Raises TypeError for anything else.
    """

    def __cinit__(self, column):
        kind = getattr(column, "type", type(column).__name__)
        if not isinstance(column, (pa.Array, pa.ChunkedArray)) or kind not in list(LAYOUTS):  # not all kinds hash
            raise TypeError(f"numbers must be an Arrow array of {', '.join(map(str, LAYOUTS))}, not {kind}")
        self.layout = LAYOUTS[kind]
        self.rows = 0
        self.arrays = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        self.chunks = <Chunk *>calloc(len(self.arrays) + 1, sizeof(Chunk))
        if self.chunks is NULL:
            raise MemoryError
        for array in self.arrays:
            self.count += 1
            self._add(&self.chunks[self.count - 1], array)

    def __dealloc__(self):
        cdef size_t index
        for index in range(self.count):
            free(self.chunks[index].texts)
        free(self.chunks)

    def __len__(self):
        return self.rows

    def read(self, Py_ssize_t row, uint64_t[::1] out not None):
        """Fill `out` with the numbers from `row` on; raises IndexError when there are not as many."""
        if row < 0 or row + out.shape[0] > self.rows:
            raise IndexError("rows outside the column")
        if out.shape[0]:
            with nogil:
                self.read_rows(row, &out[0], out.shape[0])

    cdef int _add(self, Chunk *chunk, array) except -1:
        cdef list buffers = array.buffers()
        cdef Py_ssize_t index, texts = len(buffers) - 2
        chunk.first = self.rows
        chunk.offset = array.offset
        chunk.validity = <const uint8_t *>address(buffers[0])
        chunk.values = <const void *>address(buffers[1])
        if texts > 0:
            chunk.texts = <const char **>calloc(texts, sizeof(char *))
            if chunk.texts is NULL:
                raise MemoryError
        for index in range(texts):
            chunk.texts[index] = <const char *>address(buffers[index + 2])
        self.rows += len(array)
        return 0

    cdef void read_rows(self, Py_ssize_t row, uint64_t *out, Py_ssize_t count) noexcept nogil:
        cdef size_t low = 0, high = self.count, half
        cdef Py_ssize_t end, together
        while high - low > 1:  # the chunk that has the row, or begins with it
            half = (low + high) // 2
            if self.chunks[half].first <= row:
                low = half
            else:
                high = half
        while count:
            end = self.chunks[low + 1].first if low + 1 < self.count else self.rows
            together = min(count, end - row)
            self._read(&self.chunks[low], row, out, together)
            row, out, count, low = row + together, out + together, count - together, low + 1

    cdef void _read(self, const Chunk *chunk, Py_ssize_t row, uint64_t *out, Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t first = chunk.offset + row - chunk.first
        if self.layout == INTEGERS:
            read_integers(<const uint64_t *>chunk.values + first, out, count)
        elif self.layout == STRINGS:
            read_strings(<const int32_t *>chunk.values + first, chunk.texts[0], out, count)
        elif self.layout == LARGE_STRINGS:
            read_strings(<const int64_t *>chunk.values + first, chunk.texts[0], out, count)
        else:
            read_views(<const View *>chunk.values, chunk.validity, chunk.texts, first, out, count)
        if chunk.validity:
            mark_nulls(chunk.validity, first, out, count)


cdef uintptr_t address(buffer) except? 0:
    return 0 if buffer is None else buffer.address


use_kernel(kernels()[0])
