"""Rows of text out of numbers and codes, by a template for each code: as fast as the text can be copied.

A template is bytes in which DIGITS stands for the number's digits and DOTTED for its digits from the last to the first
with a dot after each, as in DNS. Which one a row takes is decided by its match (code, and entry or range) and by how
many digits it has; those that are missing are asked for as they are met.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

cdef extern from "spelling.h" nogil:
    enum:
        SPELLED
    ctypedef struct Spelling:
        int count
    void spelling_begin(Spelling *spelling)
    const char *spelling_of(Spelling *spelling, uint64_t number)

cdef enum:
    MATCHES = 1 << 17
    LENGTHS = 16
    DIGITS_MAX = 15

cdef uint64_t LIMIT = 10**15

DIGITS = b"\0"
DOTTED = b"\1"

cdef struct Piece:
    # Text in the store of texts, and what follows it: -1 nothing, 0 the digits, 1 the dotted digits.
    size_t text
    int32_t length
    int32_t then

cdef struct Template:
    int32_t first
    int32_t pieces
    int32_t longest


cdef inline void copy(char *out, const char *text, int32_t length) noexcept nogil:
    """Copy in one step of SPELLED bytes what is no longer; there is room behind `out` and `text`."""
    if length <= SPELLED:
        memcpy(out, text, SPELLED)
    else:
        memcpy(out, text, length)


cdef class Templates:
    cdef int32_t *places
    cdef Piece *pieces
    cdef Template *templates
    cdef char *texts
    cdef size_t texts_used
    cdef int32_t piece_count, template_count

    def __cinit__(self):
        self.places = <int32_t *>malloc(MATCHES * LENGTHS * sizeof(int32_t))
        if self.places == NULL:
            raise MemoryError
        memset(self.places, 0xFF, MATCHES * LENGTHS * sizeof(int32_t))

    def __dealloc__(self):
        free(self.places)
        free(self.pieces)
        free(self.templates)
        free(self.texts)

    def add(self, uint32_t match, int digits, bytes template not None):
        if match >= MATCHES or not 0 < digits <= DIGITS_MAX:
            raise ValueError(f"match {match}, {digits} digits")
        cdef list found = []
        cdef bytes text
        cdef int32_t then
        cdef int32_t longest = SPELLED
        rest = template
        while rest:
            places = [place for place in (rest.find(DIGITS), rest.find(DOTTED)) if place >= 0]
            place = min(places, default=len(rest))
            found.append((rest[:place], rest[place] if places else -1))
            rest = rest[place + 1:]
        self.pieces = <Piece *>realloc(self.pieces, (self.piece_count + len(found)) * sizeof(Piece))
        self.templates = <Template *>realloc(self.templates, (self.template_count + 1) * sizeof(Template))
        self.texts = <char *>realloc(self.texts, self.texts_used + len(template) + SPELLED)
        if (self.pieces == NULL and found) or self.templates == NULL or self.texts == NULL:
            raise MemoryError
        self.templates[self.template_count].first = self.piece_count
        self.templates[self.template_count].pieces = len(found)
        for text, then in found:
            self.pieces[self.piece_count].text = self.texts_used
            memcpy(self.texts + self.texts_used, <const char *>text, len(text))
            self.texts_used += len(text)
            self.pieces[self.piece_count].length = len(text)
            self.pieces[self.piece_count].then = then
            self.piece_count += 1
            longest += len(text) + 2 * DIGITS_MAX
        self.templates[self.template_count].longest = longest
        self.places[match * LENGTHS + digits] = self.template_count
        self.template_count += 1

    def write(self, const uint64_t[::1] numbers, const uint32_t[::1] matches, Py_ssize_t row, uint8_t[::1] out):
        cdef Py_ssize_t used = 0, end = len(numbers), room = len(out)
        if len(matches) != end:
            raise ValueError("a match for each number is needed")
        if row < end and room:
            with nogil:
                row = self.put(&numbers[0], &matches[0], row, end, <char *>&out[0], room, &used)
        return row, used

    cdef Py_ssize_t put(
        self, const uint64_t *numbers, const uint32_t *matches, Py_ssize_t row, Py_ssize_t end, char *out,
        Py_ssize_t room, Py_ssize_t *used,
    ) noexcept nogil:
        cdef Spelling spelling
        cdef char dotted[2 * LENGTHS]
        cdef const char *digits
        cdef int place
        cdef int32_t at
        cdef bint turned
        cdef char *begin = out
        cdef char *last = out + room
        cdef Piece *piece
        cdef Piece *after
        spelling_begin(&spelling)
        while row < end and matches[row] < <uint32_t>MATCHES and numbers[row] < LIMIT:
            digits = spelling_of(&spelling, numbers[row])
            at = self.places[matches[row] * LENGTHS + spelling.count]
            if at < 0 or last - out < self.templates[at].longest:
                break
            turned = False
            piece = self.pieces + self.templates[at].first
            after = piece + self.templates[at].pieces
            while piece < after:
                copy(out, self.texts + piece.text, piece.length)
                out += piece.length
                if piece.then == 0:
                    copy(out, digits, spelling.count)
                    out += spelling.count
                elif piece.then == 1:
                    if not turned:
                        for place in range(spelling.count):
                            dotted[2 * place] = digits[spelling.count - 1 - place]
                            dotted[2 * place + 1] = c'.'
                        turned = True
                    memcpy(out, dotted, 2 * spelling.count)
                    out += 2 * spelling.count
                piece += 1
            row += 1
        used[0] = out - begin
        return row
