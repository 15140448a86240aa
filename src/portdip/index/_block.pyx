"""Entries of one block to lines: which layout takes the fewest, and the bytes (image.py says what they mean).

No Python objects: called by the builder for every block, safe from any thread.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from portdip.index._image cimport PD_BITMAP, PD_FACTOR_BITS, PD_LINE, pd_layout

cdef extern from *:
    int __builtin_popcountll(unsigned long long) nogil

cdef enum:
    NUMBERS = 10000
    WORDS = 157
    LINE_BITS = 512
    LANES = 32
    # A bitmap line's counts are bytes.
    RANK_MAX = 255

# Which numbers of the block have an entry, and how many do before each word.
cdef struct Presence:
    uint64_t words[WORDS]
    uint16_t before[WORDS]


cdef void mark(const Block *block, Presence *presence) noexcept nogil:
    cdef int i, word, seen = 0
    memset(presence, 0, sizeof(Presence))
    for i in range(block.count):
        presence.words[block.offsets[i] >> 6] |= <uint64_t>1 << (block.offsets[i] & 63)
    for word in range(WORDS):
        presence.before[word] = <uint16_t>seen
        seen += __builtin_popcountll(presence.words[word])


cdef inline int entries_before(const Presence *presence, int offset) noexcept nogil:
    cdef uint64_t below = (<uint64_t>1 << (offset & 63)) - 1
    return presence.before[offset >> 6] + __builtin_popcountll(presence.words[offset >> 6] & below)


cdef bint fits(const Presence *presence, int span, int capacity) noexcept nogil:
    """Whether no line of `span` numbers has more than `capacity` entries."""
    cdef int start = 0, seen = 0, upto
    while start < NUMBERS:
        start += span
        upto = entries_before(presence, start if start < NUMBERS else NUMBERS)
        if upto - seen > capacity:
            return False
        seen = upto
    return True


cdef inline int span_of(int lines) noexcept nogil:
    return (NUMBERS + lines - 1) // lines


cdef inline int key_bits(int span) noexcept nogil:
    """Bits that hold 0 to span-1 and leave "all ones" free to mean an empty lane."""
    cdef int bits = 1
    while (1 << bits) - 1 < span:
        bits += 1
    return bits


cdef inline int list_capacity(int span, int bits) noexcept nogil:
    return LANES if key_bits(span) + bits <= 16 else LINE_BITS // (16 + bits)


cdef inline int values_before(int span, int bits) noexcept nogil:
    """How many values would fit where a bitmap line has its counts: the first value comes behind."""
    return (8 * ((span + 63) // 64) + bits - 1) // bits


cdef inline int bitmap_capacity(int span, int bits) noexcept nogil:
    """Values a bitmap line has room for; eight bytes are read from where one starts."""
    cdef int ends = min((LINE_BITS - span) // bits, (LINE_BITS - 57) // bits + 1)
    return min(ends, RANK_MAX) - values_before(span, bits)


cdef int fewest_list_lines(const Presence *presence, int count, int bits) noexcept nogil:
    cdef int lines = (count + LANES - 1) // LANES, capacity
    while True:
        capacity = list_capacity(span_of(lines), bits)
        if count <= capacity * lines and fits(presence, span_of(lines), capacity):
            return lines
        lines += 1


cdef int fewest_bitmap_lines(const Presence *presence, int count, int bits, int limit) noexcept nogil:
    """`limit` if it takes that many or more."""
    # 440 numbers leave room for their seven counts and two values.
    cdef int lines = (NUMBERS + 439) // 440, capacity
    while lines < limit:
        capacity = bitmap_capacity(span_of(lines), bits)
        if count <= capacity * lines and fits(presence, span_of(lines), capacity):
            return lines
        lines += 1
    return limit


cdef bint may_share(const Block *block, int bits) noexcept nogil:
    """Whether another block as thin as this one fits into the same line."""
    return 0 < 2 * block.count <= LINE_BITS // (16 + bits)


cdef void shared_layout(int bits, pd_layout *layout) noexcept nogil:
    """The layout of a line that blocks share: keys of 16 bits, values behind them."""
    cdef int capacity = LINE_BITS // (16 + bits)
    layout.kind = 0
    layout.span = NUMBERS
    layout.lines = 1
    layout.line_factor = <uint32_t>(((<uint64_t>1 << PD_FACTOR_BITS) + NUMBERS - 1) // NUMBERS)
    layout.lanes = <uint32_t>((<uint64_t>1 << capacity) - 1)
    layout.key_mask = 0xFFFF
    layout.value_base = <uint16_t>(16 * capacity)
    layout.value_mask = <uint16_t>((1 << bits) - 1)
    layout.value_step = <uint8_t>bits


cdef void choose_layout(const Block *block, int bits, pd_layout *layout) noexcept nogil:
    """Fill the layout for the fewest lines; `bits` (1 to 14) is the width of a local code."""
    cdef Presence presence
    cdef int lines, bitmap_lines, span
    layout.value_mask = <uint16_t>((1 << bits) - 1)
    layout.lanes = 0
    layout.key_mask = 0
    if block.count == 0:
        # Line 0 of the image is blank: no lane of it is looked at.
        layout.kind = 0
        layout.lines = 0
        layout.value_base = 0
        layout.value_step = 16
        span = NUMBERS
    else:
        mark(block, &presence)
        lines = fewest_list_lines(&presence, block.count, bits)
        bitmap_lines = fewest_bitmap_lines(&presence, block.count, bits, lines)
        if bitmap_lines < lines:
            span = span_of(bitmap_lines)
            layout.kind = <uint8_t>PD_BITMAP
            layout.value_base = <uint16_t>values_before(span, bits)
            layout.value_step = <uint8_t>bits
        else:
            span = span_of(lines)
            layout.kind = 0
            if key_bits(span) + bits <= 16:
                layout.lanes = 0xFFFFFFFF
                layout.key_mask = <uint16_t>((1 << key_bits(span)) - 1)
                layout.value_base = <uint16_t>key_bits(span)
                layout.value_step = 16
            else:
                layout.lanes = <uint32_t>((<uint64_t>1 << list_capacity(span, bits)) - 1)
                layout.key_mask = 0xFFFF
                layout.value_base = <uint16_t>(16 * list_capacity(span, bits))
                layout.value_step = <uint8_t>bits
        layout.lines = <uint16_t>((NUMBERS + span - 1) // span)
    layout.span = <uint16_t>span
    layout.line_factor = <uint32_t>(((<uint64_t>1 << PD_FACTOR_BITS) + span - 1) // span)


cdef inline void put_bits(uint8_t *line, int bit, int bits, uint32_t value) noexcept nogil:
    """Or `value` into the line; its bits there are still zero."""
    cdef uint32_t shifted = value << (bit & 7)
    cdef int byte = bit >> 3
    while shifted:
        line[byte] |= <uint8_t>shifted
        shifted >>= 8
        byte += 1


cdef void write_lines(const Block *block, int bits, const pd_layout *layout, uint8_t *lines) noexcept nogil:
    """Write `layout.lines` lines of 64 bytes for the block's entries."""
    cdef int i, line, relative, position = 0, current = -1, word
    cdef uint8_t *at = lines
    memset(lines, 0xFF if layout.key_mask else 0, <size_t>layout.lines * PD_LINE)
    for line in range(layout.lines):
        if layout.key_mask == 0xFFFF:
            memset(lines + line * PD_LINE + layout.value_base // 8, 0, PD_LINE - layout.value_base // 8)
        elif layout.kind == PD_BITMAP:
            memset(lines + line * PD_LINE, layout.value_base, (layout.span + 63) // 64)
    for i in range(block.count):
        line = block.offsets[i] // layout.span if layout.lines > 1 else 0
        relative = block.offsets[i] - line * layout.span
        if line != current:
            current, position, at = line, 0, lines + line * PD_LINE
        if layout.kind == PD_BITMAP:
            at[63 - (relative >> 3)] |= <uint8_t>(0x80 >> (relative & 7))
            put_bits(at, (layout.value_base + position) * bits, bits, block.locals[i])
            for word in range((relative >> 6) + 1, (layout.span + 63) // 64):
                at[word] += 1
        elif layout.key_mask == 0xFFFF:
            at[2 * position] = <uint8_t>relative
            at[2 * position + 1] = <uint8_t>(relative >> 8)
            put_bits(at, layout.value_base + position * bits, bits, block.locals[i])
        else:
            relative |= block.locals[i] << layout.value_base
            at[2 * position] = <uint8_t>relative
            at[2 * position + 1] = <uint8_t>(relative >> 8)
        position += 1
