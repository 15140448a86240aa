"""The Chinese mobile numbering plan, as the installed package `phone` carries it (extra `cn`).

Which of the seven-digit segments 1300000 to 1999999 exist, and which carrier holds each; a segment is the
10,000 numbers 86SSSSSSS0000 to 86SSSSSSS9999. Calls to a native number need no routing number.

`phone.dat`, little-endian: version (4 characters), offset of the index (u32); up to there records
`province|city|postcode|area code`, UTF-8, each closed by a NUL; then the index, 9 bytes a segment, ascending:
segment (i32), offset of its record (i32), kind of holder (u8, see CARRIERS). The package's own reader,
https://github.com/ls0f/phone, is the only description of it. A file that departs from it is refused whole.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.errors import FeedError, MissingPackageError
from portdip.exchange import rows as row_kinds
from portdip.exchange.feeds.options import Options
from portdip.route import Carrier

NEEDS_FILES = False

BROADNET = 7
#: The holder of a segment, by the kind the file gives; 4, 5, 6 and 8 resell the network of another.
CARRIERS = {
    1: Carrier("CMCC", "China Mobile 中国移动"),
    2: Carrier("CUCC", "China Unicom 中国联通"),
    3: Carrier("CTCC", "China Telecom 中国电信"),
    4: Carrier("CTCC-MVNO", "Virtual operator on China Telecom 中国电信虚拟运营商"),
    5: Carrier("CUCC-MVNO", "Virtual operator on China Unicom 中国联通虚拟运营商"),
    6: Carrier("CMCC-MVNO", "Virtual operator on China Mobile 中国移动虚拟运营商"),
    BROADNET: Carrier("CBN", "China Broadnet 中国广电"),
    8: Carrier("CBN-MVNO", "Virtual operator on China Broadnet 中国广电虚拟运营商"),
}

_HEADER = 8
_ENTRY = np.dtype([("segment", "<i4"), ("record", "<i4"), ("kind", "u1")])
_FIX = "Reinstall the package: pip install --force-reinstall 'portdip[cn]'."
_COUNTRY = 86 * 10**11


@dataclass(frozen=True)
class Segments:
    """The plan in columns, ascending: `segment` (int32, seven digits), `kind` (uint8, a key of CARRIERS) and
    `province` (int64, a row of `provinces`)."""

    segment: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]
    province: npt.NDArray[np.int64]
    provinces: list[str]

    def bounds(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """First and last number of each segment, 13 digits."""
        first = self.segment.astype(np.uint64) * np.uint64(10_000) + np.uint64(_COUNTRY)
        return first, first + np.uint64(9_999)


def rows(files: list[Path], options: Options) -> Iterator[pa.RecordBatch]:
    """One batch of carriers and one of ranges, a range a segment.

    Raises MissingPackageError without the package, FeedError where its file is not as described above.
    """
    plan = segments()
    yield pa.record_batch(
        [[carrier.id for carrier in CARRIERS.values()], [carrier.name for carrier in CARRIERS.values()]],
        schema=row_kinds.CARRIERS,
    )
    first, last = plan.bounds()
    ids = pa.array([CARRIERS[kind].id if kind in CARRIERS else None for kind in range(max(CARRIERS) + 1)])
    carrier = ids.take(pa.array(plan.kind))
    routing_number = pa.repeat("", len(first))
    yield pa.record_batch([first, last, carrier, routing_number], schema=row_kinds.RANGES)


def segments() -> Segments:
    """The plan of the installed package. Raises as `rows` does."""
    try:
        path = importlib.resources.files("phone") / "phone.dat"
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "the Chinese numbering plan comes with the package 'phone', which is not installed",
            fix="Run: pip install 'portdip[cn]'.",
        ) from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FeedError("cannot read the numbering plan", where=str(path), got=str(error), fix=_FIX) from error
    return parse(content, where=str(path))


def parse(content: bytes, where: str) -> Segments:
    """The plan in the bytes of a `phone.dat`; `where` names them in a FeedError."""
    size = len(content)
    index = int.from_bytes(content[4:_HEADER], "little")
    if not _HEADER <= index < size or (size - index) % _ENTRY.itemsize:
        raise FeedError(
            "not a phone.dat, or a truncated one",
            expected="an index of whole 9-byte entries between offset 8 and the end",
            got=f"{size} bytes with the index at offset {index}",
            where=where,
            fix=_FIX,
        )
    entries = np.frombuffer(content, dtype=_ENTRY, offset=index)
    segment, record, kind = (np.ascontiguousarray(entries[name]) for name in ("segment", "record", "kind"))
    disorder = np.diff(segment, prepend=0) <= 0
    foreign = (segment < 1_000_000) | (segment > 1_999_999)
    unknown = ~np.isin(kind, list(CARRIERS))
    outside = (record < _HEADER) | (record >= index)
    wrong = disorder | foreign | unknown | outside
    if wrong.any():
        row = int(np.argmax(wrong))
        raise FeedError(
            "damaged index entry in phone.dat",
            expected=f"ascending mobile segments, records before offset {index}, kinds 1 to {max(CARRIERS)}",
            got=f"segment {segment[row]}, record at {record[row]}, kind {kind[row]}",
            where=f"{where}, offset {index + row * _ENTRY.itemsize}",
            fix=_FIX,
        )
    offsets, record_of = np.unique(record, return_inverse=True)
    names = [_province(content[:index], int(offset), where) for offset in offsets]
    provinces, province_of = np.unique(names, return_inverse=True)
    return Segments(segment, kind, province_of[record_of], provinces.tolist())


def _province(content: bytes, offset: int, where: str) -> str:
    begins = offset == _HEADER or content[offset - 1] == 0
    end = content.find(b"\0", offset)
    fields = content[offset:end].split(b"|")
    try:
        province = fields[0].decode()
    except UnicodeDecodeError:
        province = ""
    if not begins or end < 0 or len(fields) != 4 or not province:
        raise FeedError(
            "damaged record in phone.dat",
            expected="province|city|postcode|area code in UTF-8",
            got=repr(content[offset : offset + 40]),
            where=f"{where}, offset {offset}",
            fix=_FIX,
        )
    return province
