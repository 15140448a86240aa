"""The image of an index: what each byte means. This page is the specification; `_builder` writes it, `_index` reads it.

An image answers two questions about a number: has it an entry of its own, and which range is around it. It is one
position-independent file, never changed once written, little-endian throughout.

    header    512 bytes: the fields below, then section offsets and sizes, then an xxh3-64 of the first 504 bytes
    lines     64 bytes each: the entries
    tables    words, layouts, directory, leaf, mid, top
    checks    an xxh3-64 for every 64 KiB page of what lies between header and checks

**From a number to a line.** 10,000 numbers that share all but their last four digits are a *block*; 64 blocks are a
*group*. A trie finds the group: `top` (4,096 entries) by its high bits names a `mid` node (2,048 entries), whose next
11 bits name a `leaf` node (256 entries), whose last 8 bits name the group. An entry of top and mid is a u32: where in
the section below its node begins. Nodes that stand for one range alone, or for none, are shared.

    leaf entry    u64 blocks: bit b set where block b has a directory slot of its own; u64: the slot of those that have
                  none, followed by the others', in order (rank by popcount)
    slot          u32 first_line, u32 palette, u32 natives, u16 layout, u16 shift: 16 bytes a block
    layout        how a block's lines are laid out (image.h, pd_layout): 32 bytes, shared by all blocks alike

The number's offset in its block (0 to 9,999), divided by the layout's `span`, names the one line that can hold it. Thin
neighbours share a line: `shift` is where in it a block begins.

**In a line.** Entries hold a *local* code of `w` bits; `words[slot.palette + local]` is the entry's word.

    bitmap line   bit 511-r: the line's number r has an entry; between counts and bitmap the local codes, in order,
                  value i at bit i * `value_step`, from value number `value_base` on; byte k is that plus the entries
                  before number 64k, so that a value's place is one load and one popcount
    list line     16-bit lanes: `key_mask` bits of number-in-line, all ones where empty; the local code sits above the
                  key in the same lane (`value_step` 16), or, where it does not fit, behind the last key lane; from bit
                  `value_base` either way

    word          u32: bits 0-15 route code, 16 entry of its own, 17 the word `value_mask + 1` further on stands for
                  this number's range

**Ranges.** `words[slot.natives + offset / cell]` is the word of the range around, cells being 10,000, 1,000 or 100
numbers, whichever the block needs. Where a range begins or ends inside a cell of 100, the fewer numbers of that cell
get entries whose word lacks bit 16: an entry in form, a range in fact.

**Worked example.** Number 8613800138000 -> block 861380013, offset 8000; group 13459062, its block 45. With span 250
and bitmap lines it is number 0 of the block's line 32: bit 511 there.

Checksums find accidents, not forgers. A page is verified before the first answer from it; opening reads the header
alone.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy.typing as npt
import xxhash

from portdip.errors import DamagedImageError, ImageError, ImageVersionError

MAGIC = b"PORTDIPX"
VERSION = 1
#: Written little-endian: reads as 0x04030201 where byte orders differ.
BYTE_ORDER = 0x01020304
HEADER_BYTES = 512
PAGE_BYTES = 64 * 1024
LINE_BYTES = 64
#: Section name -> bytes per element, in file order.
SECTIONS = {
    "lines": 64,
    "words": 4,
    "layouts": 32,
    "directory": 16,
    "leaf": 16,
    "mid": 4,
    "top": 4,
    "checks": 8,
}
#: magic, version, byte order, file bytes, numbers with an entry, widest local code in bits, checksum of the checks
_FIELDS = struct.Struct("<8sIIQQQQ")
_SECTION = struct.Struct("<QQ")  # offset, elements
_CHECKSUM = struct.Struct("<Q")


@dataclass(frozen=True)
class Header:
    """A header, read: where each section lies. `sections` maps a name to (offset in bytes, elements)."""

    file_bytes: int
    entries: int
    local_bits: int
    checks_checksum: int
    sections: dict[str, tuple[int, int]]


def checksum(data: bytes | bytearray | memoryview) -> int:
    """xxh3-64 of the bytes."""
    return xxhash.xxh3_64_intdigest(data)


def pack(header: Header) -> bytes:
    """The header's 512 bytes."""
    content = _FIELDS.pack(
        MAGIC, VERSION, BYTE_ORDER, header.file_bytes, header.entries, header.local_bits, header.checks_checksum
    )
    content += b"".join(_SECTION.pack(*header.sections[name]) for name in SECTIONS)
    content = content.ljust(HEADER_BYTES - _CHECKSUM.size, b"\0")
    return content + _CHECKSUM.pack(checksum(content))


def unpack(header: bytes, file_bytes: int, where: str) -> Header:
    """What a header says; `file_bytes` is what the file really has.

    Raises ImageError, ImageVersionError or DamagedImageError; `where` is named in them. Reads nothing but `header`.
    """
    if len(header) < HEADER_BYTES:
        raise DamagedImageError(
            "image ends inside its header", expected=f"{HEADER_BYTES} bytes", got=f"{len(header)}", where=where
        )
    magic, version, order, stated_bytes, entries, local_bits, checks_checksum = _FIELDS.unpack_from(header)
    if magic != MAGIC:
        raise ImageError("not an index image", expected=MAGIC.decode(), got=repr(magic), where=where)
    if order != BYTE_ORDER or version != VERSION:
        raise ImageVersionError(
            "image of another version or byte order",
            expected=f"version {VERSION}, little-endian",
            got=f"version {version}, byte order {order:#010x}",
            where=where,
            fix="Build it again from the table with this version of portdip, or use the version that wrote it.",
        )
    (stated,) = _CHECKSUM.unpack_from(header, HEADER_BYTES - _CHECKSUM.size)
    if stated != checksum(header[: HEADER_BYTES - _CHECKSUM.size]):
        raise DamagedImageError("image header fails its checksum", where=f"{where}, offset 0", fix=REMEDY)
    if stated_bytes != file_bytes:
        raise DamagedImageError(
            "image has the wrong size", expected=f"{stated_bytes} bytes", got=f"{file_bytes}", where=where, fix=REMEDY
        )
    sections = {}
    end = HEADER_BYTES
    for position, (name, element) in enumerate(SECTIONS.items()):
        offset, elements = _SECTION.unpack_from(header, _FIELDS.size + position * _SECTION.size)
        if offset < end or offset % LINE_BYTES or offset + elements * element > file_bytes:
            raise DamagedImageError("image has sections out of place", where=f"{where}, section {name}", fix=REMEDY)
        sections[name] = (offset, elements)
        end = offset + elements * element
    return Header(stated_bytes, entries, local_bits, checks_checksum, sections)


REMEDY = "Build the index again from its table, or fetch the snapshot again."


class PageWriter:
    """Writes an image's body page by page, with a checksum of each, and its header last.

    `file` is a binary file at its start; `finish` leaves it complete. Used by one thread.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._page = bytearray()
        self._checks: list[int] = []
        self._written = HEADER_BYTES
        file.write(bytes(HEADER_BYTES))

    def write(self, data: bytes | memoryview) -> None:
        """Append to the body."""
        self._page += data
        self._written += len(data)
        whole = len(self._page) // PAGE_BYTES * PAGE_BYTES
        if whole:
            with memoryview(self._page) as pages:
                for start in range(0, whole, PAGE_BYTES):
                    self._checks.append(checksum(pages[start : start + PAGE_BYTES]))
                self._file.write(pages[:whole])
            del self._page[:whole]

    def finish(self, entries: int, local_bits: int, lines: int, tables: dict[str, npt.NDArray[Any]]) -> None:
        """Append the tables, the checks and, at its start, the header."""
        sections = {"lines": (HEADER_BYTES, lines)}
        for name, table in tables.items():
            sections[name] = (self._written, table.nbytes // SECTIONS[name])
            self.write(table.tobytes())
            self.write(bytes(-self._written % LINE_BYTES))
        if self._page:
            self._checks.append(checksum(self._page))
            self._file.write(self._page)
        checks = b"".join(_CHECKSUM.pack(check) for check in self._checks)
        sections["checks"] = (self._written, len(self._checks))
        self._file.write(checks)
        file_bytes = self._written + len(checks)
        self._file.seek(0)
        self._file.write(pack(Header(file_bytes, entries, local_bits, checksum(checks), sections)))
