"""Sorted numbers and ranges to an image, in one pass and little memory.

A builder is used by one thread. It writes lines as blocks complete and keeps only the tables (about 16 bytes a block).
"""

from array import array
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from portdip import files
from portdip.errors import OutOfOrderError, UnknownRouteError
from portdip.index import image, trie
from portdip import intervals as interval

from portdip.index._block cimport Block, choose_layout, may_share, shared_layout, write_lines
from portdip.index._image cimport PD_ENTRY, PD_FACTOR_BITS, PD_LIMIT, PD_OVERRIDE, pd_layout, pd_slot
from portdip.index._palette cimport Palette, Palettes
from portdip.index._plan cimport FlatPlan, split_cells

cdef enum:
    BLOCK = 10000
    GROUP_BLOCKS = 64
    GROUP = 640000
    LINE = 64
    # Keys of 16 bits, one of them kept to mean an empty lane.
    SHARED_NUMBERS_MAX = 65535
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
    cdef FlatPlan _plan
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
    # The line that thin blocks share while it is open: its entries, first number, width of codes, and their slots.
    cdef Block *_shared
    cdef uint64_t _shared_start
    cdef int _shared_bits
    cdef list _shared_slots

    def __cinit__(self):
        self._block = <Block *>PyMem_Malloc(sizeof(Block))
        self._buffer = <uint8_t *>PyMem_Malloc(BLOCK_BYTES_MAX)
        self._shared = <Block *>PyMem_Malloc(sizeof(Block))
        if self._block == NULL or self._buffer == NULL or self._shared == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self._block)
        PyMem_Free(self._buffer)
        PyMem_Free(self._shared)

    def __init__(self, path, ranges):
        self._first, self._last, self._code = interval.flatten(ranges)
        self._plan = FlatPlan(self._first, self._last, self._code)
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
        self._shared.count = 0
        self._shared_slots = []
        self._closing = ExitStack()
        self._path = Path(path)
        self._file = self._closing.enter_context(files.replacing(self._path))
        self._pages = image.PageWriter(self._file)
        # Line 0 is blank: blocks without entries lead to it.
        self._pages.write(bytes(LINE))
        self._lines = 1

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
            self._close_shared()
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
        """The 64 blocks of a group: a slot for what answers most of them, then one for each block that differs."""
        cdef uint64_t start = group * GROUP, blocks = 0, base, end
        cdef int index, usual = self._usual_code(start)
        cdef Py_ssize_t taken = 0, before
        base = self._range_slot(usual)
        for index in range(GROUP_BLOCKS):
            end = start + BLOCK
            before = taken
            while taken < count and numbers[taken] < end:
                self._block.offsets[taken - before] = <uint16_t>(numbers[taken] - start)
                taken += 1
            self._block.count = <int>(taken - before)
            if self._block.count or self._plan.code_of_block(start) != usual:
                self._add_block(start, codes + before)
                blocks |= <uint64_t>1 << index
            start = end
        self._groups.append((group, blocks, base))

    cdef int _usual_code(self, uint64_t start):
        """The code that holds most whole blocks of the group."""
        cdef int index, code
        count_of = {0: 0}
        for index in range(GROUP_BLOCKS):
            code = self._plan.code_of_block(start + index * BLOCK)
            if code >= 0:
                count_of[code] = count_of.get(code, 0) + 1
        return max(count_of, key=count_of.__getitem__)

    cdef _add_block(self, uint64_t start, const uint16_t *codes):
        cdef int code = self._plan.code_of_block(start), unit = BLOCK
        cdef Palette palette
        cdef pd_layout layout
        if code >= 0:
            natives, exceptions = self._one_native(code), None
        else:
            natives, unit, exceptions = split_cells(self._plan.codes_in_block(start))
        if exceptions:
            palette = self._mixed_entries(exceptions, codes)
        elif self._block.count:
            palette = self._plain_entries(codes)
        else:
            palette = self._blank_palette
        self._local_bits = max(self._local_bits, palette.bits)
        memset(&layout, 0, sizeof(layout))
        layout.cell_factor = <uint32_t>(((<uint64_t>1 << PD_FACTOR_BITS) + unit - 1) // unit)
        if may_share(self._block, palette.bits):
            self._add_shared(start, palette, natives, &layout)
            return
        choose_layout(self._block, palette.bits, &layout)
        self._append_slot(self._write_lines(self._block, palette.bits, &layout), 0, palette, natives, &layout)

    cdef uint32_t _write_lines(self, const Block *block, int bits, const pd_layout *layout) except? 0:
        """The first of the lines now written; line 0, which is blank, for a block without entries."""
        cdef uint32_t first_line = <uint32_t>self._lines
        if layout.lines == 0:
            return 0
        write_lines(block, bits, layout, self._buffer)
        self._pages.write(memoryview(<uint8_t[:layout.lines * LINE]>self._buffer))
        self._lines += layout.lines
        return first_line

    cdef _add_shared(self, uint64_t start, Palette palette, natives, pd_layout *layout):
        """Put a thin block into the line that is open, or open one. Its place is known when it closes."""
        cdef Block *shared = self._shared
        cdef int i
        shared_layout(palette.bits, layout)
        if shared.count and (
            start + BLOCK - self._shared_start >= SHARED_NUMBERS_MAX
            or palette.bits != self._shared_bits
            or shared.count + self._block.count > 512 // (16 + palette.bits)
        ):
            self._close_shared()
        if shared.count == 0:
            self._shared_start, self._shared_bits = start, palette.bits
        for i in range(self._block.count):
            shared.offsets[shared.count + i] = <uint16_t>(start - self._shared_start + self._block.offsets[i])
            shared.locals[shared.count + i] = self._block.locals[i]
        shared.count += self._block.count
        self._shared_slots.append(
            self._append_slot(0, <uint16_t>(start - self._shared_start), palette, natives, layout)
        )

    cdef _close_shared(self):
        """Write the open line and tell the blocks that share it where it is."""
        cdef pd_layout layout
        cdef pd_slot *slots
        cdef uint32_t line
        if self._shared.count == 0:
            return
        memset(&layout, 0, sizeof(layout))
        shared_layout(self._shared_bits, &layout)
        line = self._write_lines(self._shared, self._shared_bits, &layout)
        slots = <pd_slot *><char *>self._slots
        for index in self._shared_slots:
            slots[<Py_ssize_t>index].first_line = line
        self._shared.count = 0
        self._shared_slots.clear()

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

    cdef object _one_native(self, int code):
        return array("H", (code,)).tobytes()

    def _range_slot(self, int code):
        """A new slot that answers one range's code and nothing else."""
        cdef pd_layout layout
        self._block.count = 0
        memset(&layout, 0, sizeof(layout))
        layout.cell_factor = <uint32_t>(((<uint64_t>1 << PD_FACTOR_BITS) + BLOCK - 1) // BLOCK)
        choose_layout(self._block, 1, &layout)
        return self._append_slot(0, 0, self._blank_palette, self._one_native(code), &layout)

    cdef uint32_t _append_slot(
        self, uint32_t first_line, uint16_t shift, Palette palette, natives, pd_layout *layout
    ) except? 0:
        """Palette and natives are known by their places in line until all words are laid out."""
        cdef pd_slot slot
        cdef uint32_t index = <uint32_t>(len(self._slots) // sizeof(pd_slot))
        at = self._natives_of.get(natives)
        if at is None:
            at = self._natives_of[natives] = len(self._natives) // 2
            self._natives += natives
        slot.first_line, slot.palette, slot.natives, slot.shift = first_line, <uint32_t>palette.index, at, shift
        slot.layout = self._layout_of.setdefault((<char *>layout)[:sizeof(pd_layout)], len(self._layout_of))
        self._slots += (<char *>&slot)[:sizeof(pd_slot)]
        return index

    cdef _write_tables(self):
        """Everything behind the lines, then the header in front of them."""
        groups = np.array(sorted(self._groups), dtype=np.uint64).reshape(-1, 3)
        leaf, mid, top = trie.plant(groups, self._first, self._last, self._code, self._range_slot)
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

