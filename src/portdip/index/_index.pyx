"""The reader of an index image: one dip, and many.

An Index never changes after `open` and may be used by any number of threads; the batch calls let go of the GIL. The
only thing written is the note which pages have matched their checksum, where a lost race costs a second look.
"""

cimport cython

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport UINT32_MAX, uint16_t, uint32_t, uint64_t

from portdip import files
from portdip.errors import DamagedImageError
from portdip.index import image

from portdip.index._image cimport (
    PD_BLOCK, PD_ENTRY, PD_FACTOR_BITS, PD_GROUP_BITS, PD_LEAF, PD_LEAF_BITS, PD_LIMIT, PD_MID, PD_MID_BITS, PD_TOP,
    pd_image, pd_layout, pd_leaf, pd_slot,
)
from portdip.index._kernels cimport PD_KERNELS, pd_kernel, pd_kernel_runs, pd_kernels

cdef extern from *:
    int __builtin_popcountll(unsigned long long) nogil
    int __builtin_ctzll(unsigned long long) nogil

cdef enum:
    COUNTED_TOGETHER = 500

cdef const pd_kernel *active = NULL

#: Numbers a thread should have before another one is worth its start.
THREAD_NUMBERS_MIN = 1 << 15

ENTRY = PD_ENTRY


def kernels():
    """Names of the instruction sets this build can use here, best first; the last one runs anywhere."""
    return [pd_kernels[which].name.decode() for which in range(PD_KERNELS) if pd_kernel_runs(which)]


def kernel():
    """The instruction set dips use now: `avx2` or `portable`."""
    return active.name.decode()


def use_kernel(name):
    """Make all dips of this process use another instruction set of `kernels()`: for tests and measurements."""
    global active
    for which in range(PD_KERNELS):
        if pd_kernels[which].name.decode() == name and pd_kernel_runs(which):
            active = &pd_kernels[which]
            return
    raise ValueError(f"no kernel {name!r} here; there are {', '.join(kernels())}")


@cython.final
cdef class Index:
    """Numbers to route codes, from an image that `build` or `Builder` wrote.

    `index[number]` is the number's own code, else its range's, else 0; `number in index` asks for an entry of its own;
    `len(index)` counts those. Numbers are integers; one outside 1 to 10^15 - 1 has code 0.
    """

    def __init__(self):
        raise TypeError("use Index.open(path)")

    def __dealloc__(self):
        if self._held:
            PyBuffer_Release(&self._bytes)

    @staticmethod
    def open(path, resident=False):
        """The index in the file at `path`.

        Mapped (the default), only the header is read now; each 64 KiB page is read and checked when a dip first needs
        it, and shared with all processes of the host. `resident` copies the image into huge pages of this process and
        checks all of it: slower to open, fastest to dip.

        Raises ImageError, ImageVersionError, DamagedImageError; FileNotFoundError if there is no such file.
        """
        cdef Index self = Index.__new__(Index)
        path = Path(path)
        self._where = str(path)
        head, size = files.read_head(path, image.HEADER_BYTES)
        self._header = image.unpack(head, size, self._where)
        content = files.read_into_huge_pages(path) if resident else files.map_readonly(path)
        PyObject_GetBuffer(content, &self._bytes, PyBUF_SIMPLE)
        self._held = True
        if self._bytes.len != size:
            raise DamagedImageError("image changed while it was opened", where=self._where, fix=image.REMEDY)
        self._aim()
        if resident:
            self.verify()
        return self

    cdef _aim(self):
        cdef const char *start = <const char *>self._bytes.buf
        at = {name: offset for name, (offset, _) in self._header.sections.items()}
        self._image.lines = <const unsigned char *>(start + <size_t>at["lines"])
        self._image.words = <const uint32_t *>(start + <size_t>at["words"])
        self._image.layouts = <const pd_layout *>(start + <size_t>at["layouts"])
        self._image.directory = <const pd_slot *>(start + <size_t>at["directory"])
        self._image.leaf = <const pd_leaf *>(start + <size_t>at["leaf"])
        self._image.mid = <const uint32_t *>(start + <size_t>at["mid"])
        self._image.top = <const uint32_t *>(start + <size_t>at["top"])
        pages = self._header.sections["checks"][1]
        self._verified = np.zeros(pages // 64 + 1, dtype=np.uint64)
        self._verified_view = self._verified
        self._image.verified = &self._verified_view[0]

    def __getitem__(self, number):
        cdef uint32_t answer, around
        self.find(key_of(number), &answer, &around)
        return answer & 0xFFFF

    def __contains__(self, number):
        cdef uint32_t answer, around
        self.find(key_of(number), &answer, &around)
        return (answer & PD_ENTRY) != 0

    def __len__(self):
        return self._header.entries

    @property
    def nbytes(self):
        """Bytes of the image: lines, tables, checksums and header."""
        return self._bytes.len

    @property
    def where(self):
        """The file the index was opened from."""
        return self._where

    def match(self, number):
        """The number's code, plus ENTRY (1 << 16) if it has an entry of its own."""
        cdef uint32_t answer, around
        self.find(key_of(number), &answer, &around)
        return answer

    def range_code(self, number):
        """The code of the innermost range around the number, whatever its own entry says; 0 for none."""
        cdef uint32_t answer, around
        self.find(key_of(number), &answer, &around)
        return around

    def find_many(self, numbers, out=None, threads=1):
        """The code of each number, as `index[number]`: uint64 array in, uint16 array out, in order.

        `out`, if given, is filled and returned: uint16, contiguous, as long. `threads` share the work where there is
        enough of it. Raises TypeError for another dtype, DamagedImageError as soon as a needed page fails its checksum.
        """
        self.prepare()
        return in_shares(self._share, numbers, out, np.uint16, threads)

    def match_many(self, numbers, out=None, threads=1):
        """As find_many, but uint32: plus ENTRY (1 << 16) where the number has an entry of its own."""
        self.prepare()
        return in_shares(self._share, numbers, out, np.uint32, threads)

    def count(self, first, last):
        """How many of the numbers `first` to `last` have an entry of their own. Every block that has some is asked."""
        cdef uint64_t number = min(max(first, 0), PD_LIMIT), end = min(max(last + 1, 0), PD_LIMIT), found = 0
        cdef uint32_t page
        self.prepare()
        while number < end:
            with nogil:
                found += self.count_verified(&number, end, &page)
            if number < end:
                self.check_page(page)
        return found

    def verify(self):
        """Check every byte of the image now. Raises DamagedImageError naming the first page that fails."""
        self._check_checks()
        for page in range(len(self._checks)):
            self.check_page(page)
        self._check_tables()
        self._image.all_verified = True

    cdef int find(self, uint64_t number, uint32_t *answer, uint32_t *around) except -1:
        """The number's code, plus ENTRY if it has an entry of its own; and the code of the range around it."""
        cdef uint32_t page
        self.prepare()
        while not self.find_verified(number, answer, around, &page):
            self.check_page(page)
        return 0

    cdef bint find_verified(self, uint64_t number, uint32_t *answer, uint32_t *around, uint32_t *page) noexcept nogil:
        """As `find`, or False and the page to check first."""
        return active.find_one(&self._image, number, answer, around, page)

    cdef size_t many_verified(
        self, const uint64_t *numbers, void *out, size_t count, bint wide, uint32_t *page
    ) noexcept nogil:
        """Answer into uint32 (`wide`, with ENTRY) or uint16; how many were: if not all, check the page and go on."""
        if wide:
            return active.match_many(&self._image, numbers, <uint32_t *>out, count, page)
        return active.find_many(&self._image, numbers, <uint16_t *>out, count, page)

    cdef uint64_t count_verified(self, uint64_t *number, uint64_t end, uint32_t *page) noexcept nogil:
        """Count the entries from `number` on, up to `end`, or to where a page must be checked before going on."""
        cdef uint64_t numbers[COUNTED_TOGETHER]
        cdef uint32_t answers[COUNTED_TOGETHER]
        cdef uint64_t found = 0, block, together, i
        while number[0] < end:
            block = next_block(&self._image, number[0] // PD_BLOCK, (end + PD_BLOCK - 1) // PD_BLOCK)
            number[0] = max(number[0], block * PD_BLOCK)
            together = min(<uint64_t>COUNTED_TOGETHER, (block + 1) * PD_BLOCK - number[0])
            if number[0] >= end:
                break
            together = min(together, end - number[0])
            for i in range(together):
                numbers[i] = number[0] + i
            if self.many_verified(numbers, answers, together, True, page) < together:
                break
            for i in range(together):
                found += answers[i] >> 16
            number[0] += together
        return found

    def _share(self, const uint64_t[::1] numbers, unsigned char[::1] out, bint wide):
        cdef size_t done = 0, count = len(numbers), width = 4 if wide else 2
        cdef uint32_t page
        while done < count:
            with nogil:
                done += self.many_verified(&numbers[done], &out[done * width], count - done, wide, &page)
            if done < count:
                self.check_page(page)

    cdef int prepare(self) except -1:
        """Before the first dip: the tables are checked."""
        if not self._tables_checked:
            self._check_tables()
        return 0

    cdef _check_checks(self):
        """The checksums match their own checksum."""
        offset, pages = self._header.sections["checks"]
        checks = memoryview(self._content())[offset:offset + 8 * pages]
        if image.checksum(checks) != self._header.checks_checksum:
            self._damaged("checksums fail their own checksum", offset)
        self._checks = np.frombuffer(checks, dtype=np.uint64).copy()

    cdef check_page(self, size_t page):
        """Note that the page matches its checksum, or raise. Two threads that note at once may lose one note."""
        start = image.HEADER_BYTES + page * image.PAGE_BYTES
        end = min(start + image.PAGE_BYTES, self._header.sections["checks"][0])
        if image.checksum(memoryview(self._content())[start:end]) != self._checks[page]:
            self._damaged(f"page {page} of the image fails its checksum", start)
        self._verified_view[page >> 6] |= <uint64_t>1 << (page & 63)

    cdef _check_tables(self):
        """The tables match their checksums, and point nowhere outside the image."""
        self._check_checks()
        first = (self._header.sections["words"][0] - image.HEADER_BYTES) // image.PAGE_BYTES
        for page in range(first, len(self._checks)):
            self.check_page(page)
        at = {name: elements for name, (_, elements) in self._header.sections.items()}
        if at["top"] != PD_TOP or not tables_hold(
            &self._image, at["lines"], at["words"], at["layouts"], at["directory"], at["leaf"], at["mid"]
        ):
            self._damaged("tables of the image point outside of it", self._header.sections["words"][0])
        self._tables_checked = True

    cdef object _content(self):
        return <char[:self._bytes.len]><char *>self._bytes.buf

    cdef _damaged(self, what, offset):
        raise DamagedImageError(what, where=f"{self._where}, offset {offset}", fix=image.REMEDY)


cdef uint64_t next_block(const pd_image *tables, uint64_t block, uint64_t end) noexcept nogil:
    """The first block from `block` on that has entries, `end` for none before it."""
    cdef uint64_t blocks, leaf_blocks = <uint64_t>1 << (PD_LEAF_BITS + PD_GROUP_BITS)
    cdef uint32_t leaf, group, empty = UINT32_MAX
    cdef bint whole
    while block < end:
        leaf = tables.mid[tables.top[block // leaf_blocks >> PD_MID_BITS] + (block // leaf_blocks & (PD_MID - 1))]
        # Where there are no entries, node after node is the same one.
        if leaf == empty:
            block += leaf_blocks
            continue
        whole = block % leaf_blocks == 0
        for group in range(block >> PD_GROUP_BITS & (PD_LEAF - 1), PD_LEAF):
            blocks = tables.leaf[leaf + group].blocks >> (block & 63)
            if blocks:
                return min(block + __builtin_ctzll(blocks), end)
            block = (block | 63) + 1
        if whole:
            empty = leaf
    return end


cdef object in_shares(share, numbers, out, dtype, threads):
    """A batch: `share(numbers, bytes of out, wide)` on one thread or several; the arrays are checked first."""
    numbers = np.asarray(numbers)
    if numbers.dtype != np.uint64 or numbers.ndim != 1:
        raise TypeError(f"expected a one-dimensional uint64 array of numbers, got {numbers.dtype} {numbers.shape}")
    numbers = np.ascontiguousarray(numbers)
    if out is None:
        out = np.empty(len(numbers), dtype=dtype)
    elif out.dtype != dtype or out.shape != numbers.shape or not out.flags.c_contiguous:
        raise TypeError(f"expected out as a contiguous {np.dtype(dtype)} array of {len(numbers)}")
    content, width, wide = out.view(np.uint8), out.itemsize, dtype is np.uint32
    shares = max(1, min(threads, len(numbers) // THREAD_NUMBERS_MIN))
    if shares == 1:
        share(numbers, content, wide)
    else:
        edges = [len(numbers) * part // shares for part in range(shares + 1)]
        with ThreadPoolExecutor(shares - 1) as pool:
            others = [
                pool.submit(share, numbers[low:high], content[width * low:width * high], wide)
                for low, high in zip(edges[1:shares], edges[2:])
            ]
            share(numbers[:edges[1]], content[:width * edges[1]], wide)
            for other in others:
                other.result()
    return out


cdef bint tables_hold(
    const pd_image *tables, uint64_t lines, uint64_t words, uint64_t layouts, uint64_t slots, uint64_t leaves,
    uint64_t mids,
) noexcept:
    """Whether no number can lead a dip outside the image, whatever the lines hold."""
    cdef uint64_t i
    for i in range(PD_TOP):
        if <uint64_t>tables.top[i] + PD_MID > mids:
            return False
    for i in range(mids):
        if <uint64_t>tables.mid[i] + PD_LEAF > leaves:
            return False
    for i in range(leaves):
        if tables.leaf[i].slot >= slots or tables.leaf[i].slot + __builtin_popcountll(tables.leaf[i].blocks) >= slots:
            return False
    for i in range(layouts):
        if not layout_holds(&tables.layouts[i]):
            return False
    for i in range(slots):
        if tables.directory[i].layout >= layouts or not slot_holds(
            &tables.directory[i], &tables.layouts[tables.directory[i].layout], lines, words
        ):
            return False
    return True


cdef bint layout_holds(const pd_layout *layout) noexcept:
    """Whether every offset in a block leads to one of its lines, and in a bitmap line to bits inside it."""
    return (
        layout.span > 0
        and layout.line_factor == ((<uint64_t>1 << PD_FACTOR_BITS) + layout.span - 1) // layout.span
        and (PD_BLOCK - 1) * layout.line_factor >> PD_FACTOR_BITS < <uint64_t>max(layout.lines, 1)
        and (layout.kind == 0 or layout.span <= 448)
    )


cdef bint slot_holds(const pd_slot *slot, const pd_layout *layout, uint64_t lines, uint64_t words) noexcept:
    """Whether the block's lines are there, and words for every local code and cell."""
    return (
        <uint64_t>slot.first_line + max(layout.lines, 1) <= lines
        and <uint64_t>slot.palette + 2 * layout.value_mask + 1 < words
        and slot.natives + ((PD_BLOCK - 1) * layout.cell_factor >> PD_FACTOR_BITS) < words
    )


use_kernel(kernels()[0])
