"""Numbers out of text: one Python string, or a column of Arrow strings or integers in pieces.

Texts that are no number become 0, nulls become MISSING; both are outside the numbering plan, so an index
answers 0 for them like for any number without a route. Arrow memory is reached by address: nothing of pyarrow
is compiled in.
"""

from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.stdint cimport UINT64_MAX, int32_t, int64_t, uint8_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc

cimport cython

cdef extern from "digits.h" nogil:
    const uint64_t DIGITS_LIMIT
    uint64_t digits_number(const char *text, int64_t length)

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    const char *PyUnicode_DATA(object text)

MISSING = UINT64_MAX


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


cdef void read_strings(const Offset *offsets, const char *text, uint64_t[::1] out) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(out.shape[0]):
        out[row] = digits_number(text + offsets[row], offsets[row + 1] - offsets[row])


cdef packed struct View:
    # Arrow's string view: up to 12 characters follow the length, of longer texts the first four and a place.
    int32_t length
    char prefix[4]
    int32_t buffer
    int32_t offset


cdef void read_views(const View *views, const char *const *buffers, uint64_t[::1] out) noexcept nogil:
    cdef Py_ssize_t row
    cdef const View *view
    cdef const char *text
    for row in range(out.shape[0]):
        view = &views[row]
        if view.length <= 12:
            text = <const char *>view.prefix
        else:
            text = buffers[view.buffer] + view.offset
        out[row] = digits_number(text, view.length)


cdef void read_integers(const uint64_t *numbers, uint64_t[::1] out) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(out.shape[0]):
        out[row] = numbers[row] if numbers[row] < DIGITS_LIMIT else 0


cdef void mark_nulls(const uint8_t *validity, Py_ssize_t first, uint64_t[::1] out) noexcept nogil:
    cdef Py_ssize_t row
    cdef uint64_t valid
    for row in range(out.shape[0]):
        valid = (validity[(first + row) >> 3] >> ((first + row) & 7)) & 1
        out[row] |= valid - 1


cdef enum Layout:
    INTEGERS
    STRINGS
    LARGE_STRINGS
    VIEWS

LAYOUTS = {"uint64": INTEGERS, "string": STRINGS, "large_string": LARGE_STRINGS, "string_view": VIEWS}


@cython.final
cdef class NumberColumn:
    """The numbers of one Arrow array of a type in LAYOUTS, read in pieces from any thread."""

    cdef Layout layout
    cdef Py_ssize_t rows, offset
    cdef const uint8_t *validity
    cdef const void *values
    cdef const char **texts
    cdef object array  # owns the memory behind the addresses

    def __cinit__(self, array):
        cdef list buffers = array.buffers()
        cdef Py_ssize_t index
        self.layout = LAYOUTS[str(array.type)]
        self.rows = len(array)
        self.offset = array.offset
        self.array = array
        self.validity = <const uint8_t *>address(buffers[0])
        self.values = <const void *>address(buffers[1])
        self.texts = <const char **>malloc(len(buffers) * sizeof(char *))
        if self.texts is NULL:
            raise MemoryError
        for index in range(2, len(buffers)):
            self.texts[index - 2] = <const char *>address(buffers[index])

    def __dealloc__(self):
        free(self.texts)

    def __len__(self):
        return self.rows

    def read(self, Py_ssize_t row, uint64_t[::1] out not None):
        """Fill `out` with the numbers from `row` on; raises IndexError when there are not as many."""
        if row < 0 or row + out.shape[0] > self.rows:
            raise IndexError("rows outside the array")
        cdef Py_ssize_t first = self.offset + row
        with nogil:
            if self.layout == INTEGERS:
                read_integers(<const uint64_t *>self.values + first, out)
            elif self.layout == STRINGS:
                read_strings(<const int32_t *>self.values + first, self.texts[0], out)
            elif self.layout == LARGE_STRINGS:
                read_strings(<const int64_t *>self.values + first, self.texts[0], out)
            else:
                read_views(<const View *>self.values + first, self.texts, out)
            if self.validity:
                mark_nulls(self.validity, first, out)


cdef uintptr_t address(buffer) except? 0:
    return 0 if buffer is None else buffer.address
