"""Palettes: which route codes a block's local codes stand for.

Neighbouring blocks port to the same few routes, so they share palettes: a block takes a recent palette that has its
codes or has room for those missing. A palette only grows, so earlier blocks stay right.
"""

from libc.stdint cimport uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from portdip.index._image cimport PD_ENTRY

cdef enum:
    CODES = 65536
    NONE = 0xFFFF
    # Palettes of one width that are still offered to new blocks.
    RECENT = 8
    WIDTHS = 15
    # How many more bits a code may take so that its block shares a palette.
    WIDER_MAX = 2


cdef class Palette:
    """Up to 2^bits palette words; `local_of` finds a code's place while the palette still takes blocks."""

    def __dealloc__(self):
        free(self.local_of)

    cdef int missing(self, const uint16_t *codes, int count) noexcept nogil:
        """How many of the codes are not here."""
        cdef int i, absent = 0
        for i in range(count):
            absent += self.local_of[codes[i]] == NONE
        return absent

    cdef int add(self, const uint16_t *codes, int count) except -1:
        """Take in those of the codes that are not here."""
        cdef int i
        for i in range(count):
            if self.local_of[codes[i]] == NONE:
                self.local_of[codes[i]] = <uint16_t>len(self.words)
                self.words.append(codes[i] | PD_ENTRY)
        return 0


    def all_words(self):
        """The words of its place in the image: the entries', then, if any need them, those of the ranges around."""
        if not self.words or not isinstance(self.words[0], tuple):
            return self.words
        own, around = zip(*self.words)
        return [*own, *[0] * ((1 << self.bits) - len(own)), *around, *[0] * ((1 << self.bits) - len(own))]


cdef class Palettes:
    """All palettes of one image, in the order of their `index`."""

    def __init__(self):
        self.all = []
        self._recent = [[] for _ in range(WIDTHS)]

    cdef Palette choose(self, const uint16_t *codes, int count):
        """A palette that has all `count` distinct codes: the one that costs the fewest bytes."""
        cdef int bits = max(1, (count - 1).bit_length()), width, cost, best_cost = 8 * count, absent
        cdef int least_absent = count
        cdef Palette palette, best = None, nearest = None
        for width in range(bits, min(bits + WIDER_MAX, WIDTHS - 1) + 1):
            for palette in self._recent[width]:
                absent = palette.missing(codes, count)
                if len(palette.words) + absent <= 1 << width:
                    # A wider code costs a bit for each entry; a block has some ten entries a route.
                    cost = 8 * absent + (width - bits) * count
                    if cost < best_cost:
                        best, best_cost = palette, cost
                elif absent < least_absent:
                    nearest, least_absent = palette, absent
        if best is None:
            if nearest is not None and 2 * least_absent < count and nearest.bits < WIDTHS - 1:
                # The neighbourhood has outgrown its palette: the next one is wider and starts with what both have.
                bits = max(bits, nearest.bits + 1)
                best = self._new(bits)
                for word in nearest.words:
                    best.local_of[<uint16_t><uint32_t>word] = <uint16_t>len(best.words)
                    best.words.append(word)
            else:
                best = self._new(bits)
        best.add(codes, count)
        return best

    cdef Palette private(self, list words):
        """A palette of just these words, offered to no other block; words may be (word, word of the range around)."""
        cdef Palette palette = Palette()
        palette.bits = max(1, (len(words) - 1).bit_length())
        palette.words = words
        palette.index = len(self.all)
        self.all.append(palette)
        return palette

    cdef Palette _new(self, int bits):
        cdef Palette palette = self.private([])
        cdef Palette oldest
        palette.bits = bits
        palette.local_of = <uint16_t *>malloc(CODES * sizeof(uint16_t))
        if palette.local_of == NULL:
            raise MemoryError
        memset(palette.local_of, 0xFF, CODES * sizeof(uint16_t))
        recent = self._recent[bits]
        recent.insert(0, palette)
        if len(recent) > RECENT:
            oldest = recent.pop()
            free(oldest.local_of)
            oldest.local_of = NULL
        return palette
