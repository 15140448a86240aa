"""Sorted numbers and ranges to an image, in one pass and little memory.

A builder is used by one thread. It writes lines as blocks complete and keeps only the tables (about 8 bytes a block).
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from portdip import files
from portdip.errors import OutOfOrderError, UnknownRouteError
from portdip.index import image, trie
from portdip.index import ranges as interval

from portdip.index._block cimport Block, choose_layout, write_lines
from portdip.index._image cimport PD_ENTRY, PD_FACTOR_BITS, PD_LIMIT, PD_OVERRIDE, pd_layout, pd_slot
from portdip.index._palette cimport Palette, Palettes

cdef enum:
    BLOCK = 10000
    GROUP_BLOCKS = 64
    GROUP = 640000
    LINE = 64
    # No block takes more lines than numbers.
    BLOCK_BYTES_MAX = BLOCK * LINE


cdef class Builder:
    """Writes the image at `path` from numbers given in order: `with Builder(path, ranges) as builder: builder.add(...)`.

    `ranges`: shape (n, 3), first number, last number, code (0 withdraws), nested as in a numbering plan. The file
    appears under `path`, synced, when `finish` returns or the block ends without an error; otherwise nothing does.
    Raises InvalidRangeError for ranges that are none or contradict each other.
    """

    cdef object _path, _file, _closing, _pages, _finished
    cdef object _first, _last, _code
    cdef const uint64_t[::1] _seg_first
    cdef const uint64_t[::1] _seg_last
    cdef const uint16_t[::1] _seg_code
    cdef Py_ssize_t _segment
    cdef object _carry_numbers, _carry_codes
    cdef uint64_t _previous
    cdef uint64_t _entries, _lines
    cdef Palettes _palettes
    cdef Palette _blank_palette
    cdef list _groups
    cdef dict _layout_of, _natives_of
    cdef object _slots, _natives
    cdef int _local_bits
    cdef Block *_block
    cdef uint8_t *_buffer

    def __cinit__(self):
        self._block = <Block *>PyMem_Malloc(sizeof(Block))
        self._buffer = <uint8_t *>PyMem_Malloc(BLOCK_BYTES_MAX)
        if self._block == NULL or self._buffer == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self._block)
        PyMem_Free(self._buffer)

    def __init__(self, path, ranges):
        self._first, self._last, self._code = interval.flatten(ranges)
        self._seg_first, self._seg_last, self._seg_code = self._first, self._last, self._code
        self._carry_numbers = np.empty(0, dtype=np.uint64)
        self._carry_codes = np.empty(0, dtype=np.uint16)
        self._palettes = Palettes()
        self._blank_palette = self._palettes.private([])
        self._groups = []
        self._layout_of = {}
        self._natives_of = {}
        self._slots = bytearray()
        self._natives = bytearray()
        self._local_bits = 1
        self._closing = ExitStack()
        self._path = Path(path)
        self._file = self._closing.enter_context(files.replacing(self._path))
        self._pages = image.PageWriter(self._file)
        # Line 0 is blank and slot 0 answers "none": what has no entries points here.
        self._pages.write(bytes(LINE))
        self._lines = 1
        self._range_slot(0)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.finish()
        else:
            self._closing.__exit__(kind, error, trace)

    def add(self, numbers, codes):
        """Take in the next entries: `numbers` uint64, greater than all before and strictly increasing; `codes` uint16.

        Raises OutOfOrderError or UnknownRouteError naming the row (counted over all calls); the build is then over.
        """
        numbers = np.ascontiguousarray(numbers, dtype=np.uint64)
        codes = np.ascontiguousarray(codes, dtype=np.uint16)
        if len(numbers) != len(codes):
            raise OutOfOrderError("numbers and codes differ in length", got=f"{len(numbers)} and {len(codes)}")
        if len(self._carry_numbers):
            numbers = np.concatenate([self._carry_numbers, numbers])
            codes = np.concatenate([self._carry_codes, codes])
        done = self._take(numbers, codes, False)
        self._carry_numbers, self._carry_codes = numbers[done:].copy(), codes[done:].copy()

    def finish(self):
        """Write what is left and put the image in its place; a second call does nothing."""
        if self._finished:
            return
        self._finished = True
        with self._closing:
            self._take(self._carry_numbers, self._carry_codes, True)
            with_entries = {group for group, _, _ in self._groups}
            for group in trie.boundary_groups(self._first, self._last).tolist():
                if group not in with_entries:
                    self._add_group(group, NULL, NULL, 0)
            self._write_tables()

    cdef Py_ssize_t _take(self, const uint64_t[::1] numbers, const uint16_t[::1] codes, bint all_of_it) except -1:
        """Build the groups that are complete; returns how many rows that took."""
        cdef Py_ssize_t start = 0, end, count = len(numbers)
        cdef uint64_t group, limit
        while start < count:
            group = numbers[start] // GROUP
            limit = (group + 1) * GROUP
            end = start
            while end < count and numbers[end] < limit:
                if numbers[end] <= self._previous or numbers[end] >= PD_LIMIT:
                    self._refuse_number(end - start, numbers[end])
                if codes[end] == 0 or codes[end] == 0xFFFF:
                    self._refuse_code(end - start, codes[end])
                self._previous = numbers[end]
                end += 1
            if end == start:
                self._refuse_number(0, numbers[start])
            if end == count and not all_of_it:
                # The group may go on in the next chunk, which starts with it again.
                self._previous = numbers[start] - 1
                break
            self._add_group(group, &numbers[start], &codes[start], end - start)
            self._entries += end - start
            start = end
        return start

    cdef _refuse_number(self, Py_ssize_t row, uint64_t number):
        raise OutOfOrderError(
            "number out of order", expected=f"more than {self._previous}, at most 15 digits", got=str(number),
            where=f"row {self._entries + row}", fix="Sort the numbers and remove duplicates first.",
        )

    cdef _refuse_code(self, Py_ssize_t row, int code):
        raise UnknownRouteError(
            "no such route code", expected="1 to 65534", got=str(code), where=f"row {self._entries + row}"
        )

    cdef _add_group(self, uint64_t group, const uint64_t *numbers, const uint16_t *codes, Py_ssize_t count):
        """The 64 blocks of a group: a slot for what answers most of it, then one for each block that differs."""
        cdef uint64_t start = group * GROUP, blocks = 0, end
        cdef int index, native
        cdef int usual = self._usual_code(start)
        cdef Py_ssize_t taken = 0, before
        cdef uint32_t base = self._range_slot(usual)
        for index in range(GROUP_BLOCKS):
            end = start + BLOCK
            before = taken
            while taken < count and numbers[taken] < end:
                self._block.offsets[taken - before] = <uint16_t>(numbers[taken] - start)
                taken += 1
            self._block.count = <int>(taken - before)
            native = self._one_code(start)
            if self._block.count or native != usual:
                self._add_block(start, native, codes + before)
                blocks |= <uint64_t>1 << index
            start = end
        self._groups.append((group, blocks, base))

    cdef _add_block(self, uint64_t start, int native, const uint16_t *codes):
        cdef uint32_t first_line = 0
        cdef Palette palette
        cdef int unit = BLOCK
        cdef pd_layout layout
        if native >= 0:
            natives, exceptions = np.array([native], dtype=np.uint16), {}
        else:
            natives, unit, exceptions = split_cells(self._codes_in(start))
        if exceptions:
            palette = self._mixed_entries(exceptions, codes)
        else:
            palette = self._plain_entries(codes)
        layout = self._layout(palette.bits, unit)
        if self._block.count:
            write_lines(self._block, palette.bits, &layout, self._buffer)
            first_line = <uint32_t>self._lines
            self._pages.write(memoryview(<uint8_t[:layout.lines * LINE]>self._buffer))
            self._lines += layout.lines
        self._append_slot(first_line, palette, natives, &layout)

    cdef Palette _plain_entries(self, const uint16_t *codes):
        """Local codes of the block's entries by a shared palette."""
        cdef uint16_t[BLOCK] distinct
        cdef int i, count = 0
        cdef Palette palette
        cdef uint8_t[65536] seen
        memset(seen, 0, sizeof(seen))
        for i in range(self._block.count):
            if not seen[codes[i]]:
                seen[codes[i]] = 1
                distinct[count] = codes[i]
                count += 1
        palette = self._palettes.choose(distinct, count)
        for i in range(self._block.count):
            self._block.locals[i] = palette.local_of[codes[i]]
        return palette

    cdef Palette _mixed_entries(self, dict exceptions, const uint16_t *codes):
        """Entries in form for numbers whose cell of 100 has another range: `exceptions` maps offset to true code."""
        cdef int i
        # Offset -> (the number's word, its range's word); palettes keep them value_mask + 1 apart.
        words = {offset: (code | PD_OVERRIDE, code) for offset, code in exceptions.items()}
        for i in range(self._block.count):
            offset = self._block.offsets[i]
            if offset in exceptions:
                words[offset] = (codes[i] | PD_ENTRY | PD_OVERRIDE, exceptions[offset])
            else:
                words[offset] = (codes[i] | PD_ENTRY, 0)
        local_of = {pair: local for local, pair in enumerate(dict.fromkeys(words.values()))}
        self._block.count = len(words)
        for i, offset in enumerate(sorted(words)):
            self._block.offsets[i] = offset
            self._block.locals[i] = local_of[words[offset]]
        return self._palettes.private(list(local_of))

    cdef Py_ssize_t _seek(self, uint64_t number) noexcept:
        """The first segment that ends at or after `number`. Blocks come mostly in order, so it is near the last."""
        cdef Py_ssize_t count = len(self._seg_first), low = 0, high = count
        if self._segment < count and (self._segment == 0 or self._seg_last[self._segment - 1] < number):
            low = self._segment
            if self._seg_last[low] >= number:
                return low
            if low + 1 < count and self._seg_last[low + 1] >= number:
                self._segment = low + 1
                return low + 1
        while low < high:
            if self._seg_last[(low + high) // 2] < number:
                low = (low + high) // 2 + 1
            else:
                high = (low + high) // 2
        self._segment = low
        return low

    cdef int _one_code(self, uint64_t start) noexcept:
        """The code of the one range that holds the whole block, 0 if none touches it, -1 if it is cut."""
        cdef Py_ssize_t segment = self._seek(start)
        cdef uint64_t last = start + BLOCK - 1
        if segment == len(self._seg_first) or self._seg_first[segment] > last:
            return 0
        if self._seg_first[segment] <= start and self._seg_last[segment] >= last:
            return self._seg_code[segment]
        return -1

    cdef int _usual_code(self, uint64_t start):
        """The code that holds most whole blocks of the group."""
        cdef int index, code
        count_of = {0: 0}
        for index in range(GROUP_BLOCKS):
            code = self._one_code(start + index * BLOCK)
            if code >= 0:
                count_of[code] = count_of.get(code, 0) + 1
        return max(count_of, key=count_of.__getitem__)

    cdef object _codes_in(self, uint64_t start):
        """The range code of each number of a block: uint16, shape (10000,)."""
        codes = np.zeros(BLOCK, dtype=np.uint16)
        segment = self._seek(start)
        while segment < len(self._seg_first) and self._seg_first[segment] < start + BLOCK:
            low = max(self._seg_first[segment], start) - start
            codes[low : min(self._seg_last[segment], start + BLOCK - 1) - start + 1] = self._seg_code[segment]
            segment += 1
        return codes

    cdef uint32_t _range_slot(self, int code) except? 0:
        """The slot that answers one range's code and nothing else; a new one at each call."""
        cdef pd_layout layout
        self._block.count = 0
        layout = self._layout(1, BLOCK)
        return self._append_slot(0, self._blank_palette, np.array([code], dtype=np.uint16), &layout)

    cdef pd_layout _layout(self, int bits, int unit):
        """The layout for the block's entries; `unit` numbers have one range code."""
        cdef pd_layout layout
        memset(&layout, 0, sizeof(layout))
        choose_layout(self._block, bits, &layout)
        layout.cell_factor = <uint32_t>(((<uint64_t>1 << PD_FACTOR_BITS) + unit - 1) // unit)
        self._local_bits = max(self._local_bits, bits)
        return layout

    cdef uint32_t _append_slot(self, uint32_t first_line, Palette palette, natives, pd_layout *layout) except? 0:
        """Palette and natives are known by their places in line until all words are laid out."""
        cdef pd_slot slot
        cdef uint32_t index = <uint32_t>(len(self._slots) // sizeof(pd_slot))
        row = natives.tobytes()
        at = self._natives_of.get(row)
        if at is None:
            at = self._natives_of[row] = len(self._natives) // 2
            self._natives += row
        slot.first_line, slot.palette, slot.natives = first_line, <uint32_t>palette.index, at
        slot.layout = self._layout_of.setdefault((<char *>layout)[:sizeof(pd_layout)], len(self._layout_of))
        self._slots += (<char *>&slot)[:sizeof(pd_slot)]
        return index

    cdef _write_tables(self):
        """Everything behind the lines, then the header in front of them."""
        slot_of_code = np.zeros(65536, dtype=np.uint32)
        for code in np.unique(self._code).tolist():
            slot_of_code[code] = self._range_slot(code)
        rows = sorted(self._groups)
        groups = trie.Groups(
            np.array([group for group, _, _ in rows], dtype=np.uint64),
            np.array([blocks for _, blocks, _ in rows], dtype=np.uint64),
            np.array([base for _, _, base in rows], dtype=np.uint32),
        )
        leaf, mid, top = trie.plant(groups, self._first, self._last, self._code, slot_of_code)
        palettes = [palette.all_words() for palette in self._palettes.all]
        starts = np.cumsum([0] + [len(palette) for palette in palettes], dtype=np.uint32)
        words = [word for palette in palettes for word in palette]
        words += np.frombuffer(self._natives, dtype=np.uint16).tolist()
        # A damaged line may hold any local code: behind the last palette there must be as much to read.
        words += [0] * (2 << self._local_bits)
        slots = np.frombuffer(self._slots, dtype="<u4").reshape(-1, 4).copy()
        slots[:, 1] = starts[slots[:, 1]]
        slots[:, 2] += starts[len(palettes)]
        self._pages.finish(
            entries=self._entries,
            local_bits=self._local_bits,
            lines=self._lines,
            tables={
                "words": np.array(words, dtype=np.uint32),
                "layouts": np.frombuffer(b"".join(self._layout_of), dtype=np.uint8),
                "directory": slots,
                "leaf": leaf,
                "mid": mid,
                "top": top,
            },
        )


def split_cells(codes):
    """A cut block's ranges as cells: (code of each cell, numbers per cell, {offset: code} of numbers that differ).

    `codes`: uint16, shape (10000,). Cells of 1,000 if every one has one code, else of 100; there the commonest code
    of a cell is the cell's.
    """
    thousands = codes.reshape(10, 1000)
    if (thousands == thousands[:, :1]).all():
        return thousands[:, 0].copy(), 1000, {}
    hundreds = codes.reshape(100, 100)
    cells = hundreds[:, 0].copy()
    exceptions = {}
    for cell in np.flatnonzero((hundreds != hundreds[:, :1]).any(axis=1)).tolist():
        values, counts = np.unique(hundreds[cell], return_counts=True)
        cells[cell] = values[counts.argmax()]
        for place in np.flatnonzero(hundreds[cell] != cells[cell]).tolist():
            exceptions[100 * cell + place] = int(hundreds[cell, place])
    return cells, 100, exceptions
