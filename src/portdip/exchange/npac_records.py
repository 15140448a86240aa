"""The records of NPAC's download files, of whatever kind and however many files, as columns; the highest versions only.

For one reader, in one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip.errors import FeedError
from portdip.exchange import delimited, fixed_digits, npac_layout, rows
from portdip.exchange.feeds.options import BadRows, Overlooked
from portdip.exchange.latest import Repeats, only_latest
from portdip.exchange.npac_layout import DELETE, DIGITS, NEW, Kind, Layout, Span
from portdip.exchange.reading import Bad, Chunk, Source, filled, reading, refuse

Numbers = npt.NDArray[np.uint64]

_COUNTRY = 10**10
_NATIONAL_DIGITS = 10
_SPID_LETTERS = 4
_NAME = r"\A[^\x00-\x1f\x7f]{1,200}\z"
_VERSION_DIGITS_MAX = 18
#: By reason: of records of one version the higher counts.
_STAGE = np.array([0, 2, 1, 1], dtype=np.int64)


def numbers_of_key(kind: Kind) -> int:
    """How many numbers one key stands for."""
    return int(10 ** (_NATIONAL_DIGITS - DIGITS[kind]))


class Download:
    """The files of one call. Raises FeedError for a file that is of no kind or cannot be read."""

    def __init__(self, files: list[Path], bad_rows: BadRows) -> None:
        self._bad_rows = bad_rows
        self._files = [_opened(position, file) for position, file in enumerate(files)]
        self._created = np.array([file.span.created for file in self._files], dtype=np.int64)
        self._time_range = np.array([file.span.has_time_range for file in self._files], dtype=bool)

    def refuse_full(self) -> None:
        """FeedError if a file of SVs or blocks is a full one, by its name."""
        for file in self._files:
            if file.span.is_full and file.layout.kind in (Kind.SV, Kind.NPB):
                raise FeedError(
                    "a full file, not a delta",
                    where=str(file.source),
                    expected="a file of a time range",
                    fix="Load it with: portdip import --feed npac-bdd.",
                )

    def carriers(self) -> Iterator[tuple[pa.Array, pa.Array]]:
        """SPIDs and their names."""
        for file in self._of(Kind.SPID):
            for (spid, name), row_numbers in file.chunks(["spid", "name"], self._bad_rows):
                name = pc.utf8_trim_whitespace(name)
                faults = {
                    "the SPID is not 4 letters or digits": _no_spid(spid),
                    "the name is empty or not text": ~_mask(pc.match_substring_regex(name, _NAME)),
                }
                good = pa.array(~refuse(file.source, row_numbers, [spid, name], faults, self._bad_rows))
                yield spid.filter(good), name.filter(good)

    def latest(self, kind: Kind) -> Iterator[pa.RecordBatch]:
        """The records of the highest version of each key: number (the first of the key), spid, lrn ('' if the kind
        has none), effective, version, reason and place. Where the reason is delete, SPID, LRN and time are null, but
        for those of an LRN.
        """
        repeats = Repeats()
        for file in self._of(kind):
            for numbers in file.numbers():
                repeats.add(numbers)
        batches = (batch for file in self._of(kind) for batch in file.records(self._bad_rows))
        return only_latest(repeats.numbers(), batches, self._rank, ("spid", "lrn"), self.refuse)

    def check(self, kind: Kind) -> None:
        """Read the records of a kind for nothing but to refuse bad ones."""
        for file in self._of(kind):
            for _ in file.records(self._bad_rows):
                pass

    def of_time_range(self, records: pa.RecordBatch) -> Bad:
        """Which records come from a file whose name has a time range."""
        return self._time_range[_file_of(records)]

    def refuse(self, place: int, reason: str) -> None:
        """Refuse the record at a place."""
        file, row = rows.place_of(place)
        self._bad_rows.refuse(self._files[file].source.path, row, reason, "")

    def _of(self, kind: Kind) -> list[_File]:
        return [file for file in self._files if file.layout.kind is kind]

    def _rank(self, records: pa.Table) -> list[npt.NDArray[np.int64]]:
        version = records.column("version").to_numpy().astype(np.int64)
        return [version, _STAGE[records.column("reason").to_numpy()], self._created[_file_of(records)]]


@dataclass(frozen=True)
class _File:
    """One file of a call; `position` is its place among the files given."""

    position: int
    source: Source
    layout: Layout
    width: int
    span: Span

    def chunks(self, roles: list[str], bad_rows: BadRows) -> Iterator[Chunk]:
        """The columns of these roles as text."""
        positions = [self.layout.positions[role] for role in roles]

        def read() -> Iterator[Chunk]:
            yield from delimited.open_file(self.source, npac_layout.FORM, bad_rows, self.width).read(positions)

        return filled(self.source, bad_rows, read())

    def numbers(self) -> Iterator[npt.NDArray[np.uint64]]:
        """The keys alone, as the first number of each; bad ones are left out."""
        for (key,), _ in self.chunks(["key"], Overlooked()):
            numbers, bad = self._numbers(key)
            yield numbers[~bad]

    def records(self, bad_rows: BadRows) -> Iterator[pa.RecordBatch]:
        """The good records, as `Download.latest` describes them."""
        roles = list(self.layout.positions)
        for columns, row_numbers in self.chunks(roles, bad_rows):
            by_role = dict(zip(roles, columns, strict=True))
            reason = pc.index_in(by_role["reason"], pa.array(npac_layout.REASONS))
            unknown = _mask(reason.is_null())
            # A record deleted need not say what it was; a deleted LRN is itself what is deleted.
            bare = (reason.fill_null(NEW).to_numpy() == DELETE) & (self.layout.kind is not Kind.LRN)
            numbers, no_number = self._numbers(by_role["key"])
            version, no_version = _versions(by_role["version"])
            effective, no_time = fixed_digits.times(by_role["effective"])
            digits = DIGITS[self.layout.kind]
            faults = {
                f"the key is not {digits} digits, the first 2 to 9": no_number,
                "the version id is not an integer": no_version,
                "the download reason is not 0, 1, 2 or 3": unknown,
                "the SPID is not 4 letters or digits": _no_spid(by_role["spid"]) & ~bare,
                "the time is not yyyymmddhhmmss": no_time & ~bare,
            }
            if "lrn" in by_role:
                faults["the LRN is not 10 digits"] = fixed_digits.fields(by_role["lrn"], (10,))[1] & ~bare
            refused = refuse(self.source, row_numbers, columns, faults, bad_rows)
            lrn = by_role.get("lrn", pa.repeat("", len(numbers)))
            told = {"spid": by_role["spid"], "lrn": lrn, "effective": effective}
            if bare.any():
                told = {name: _null_where(bare, column) for name, column in told.items()}
            place = rows.places(self.position, row_numbers)
            records = pa.record_batch({"number": numbers, **told, "version": version, "reason": reason, "place": place})
            yield records.filter(pa.array(~refused)) if refused.any() else records

    def _numbers(self, key: pa.Array) -> tuple[npt.NDArray[np.uint64], Bad]:
        digits = DIGITS[self.layout.kind]
        (values,), bad = fixed_digits.fields(key, (digits,))
        bad |= values < 2 * 10 ** (digits - 1)
        return (_COUNTRY + values * 10 ** (_NATIONAL_DIGITS - digits)).astype(np.uint64), bad


def _opened(position: int, file: Path) -> _File:
    if not file.is_file():
        raise FeedError("no such file", where=str(file))
    source = Source(file)
    with reading(source):
        layout, width = npac_layout.detect(source)
    return _File(position, source, layout, width, npac_layout.span(source))


def _file_of(records: pa.RecordBatch | pa.Table) -> npt.NDArray[np.intp]:
    return rows.files_of(records.column("place").to_numpy())


def _versions(column: pa.Array) -> tuple[pa.Array, Bad]:
    good = pc.and_(pc.ascii_is_decimal(column), pc.less_equal(pc.binary_length(column), _VERSION_DIGITS_MAX))
    return pc.if_else(good, column, "0").cast(pa.uint64()), ~_mask(good)


def _null_where(mask: Bad, column: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)


def _no_spid(column: pa.Array) -> Bad:
    return ~_mask(pc.and_(pc.ascii_is_alnum(column), pc.equal(pc.binary_length(column), _SPID_LETTERS)))


def _mask(column: pa.Array) -> Bad:
    mask: Bad = column.to_numpy(zero_copy_only=False)
    return mask
