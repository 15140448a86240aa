"""Published numbering plans to RANGES and CARRIERS: what the feeds of numbering plans share.

Such a file is text with a delimiter, a row for a range and its holder. A feed says which `Layout` a file has; the
layout is data. Reads plain and compressed files, and all of the files in a zip archive that the feed knows. Plans
have some 100,000 rows, read here one by one.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from portdip import number
from portdip.errors import FeedError, PortdipError
from portdip.exchange import carrier_ids, delimited, rows
from portdip.exchange.delimited import Form
from portdip.exchange.feeds.options import BadRows, Options
from portdip.exchange.reading import Source, reading, sources

_BATCH_ROWS = 1 << 16
_SAMPLE_ROWS = 100

#: Reads the lengths, in national digits, that the numbers of a row have, from a field; ValueError if it says none.
ReadLengths = Callable[[str], tuple[int, ...]]


@dataclass(frozen=True)
class Layout:
    """Where the rows of one kind of file have what; columns are positions from 0.

    All numbers of a row begin with the digits of the columns `prefix`. Those of the columns `first` and `last`, of
    which leading zeros may be missing, complete the first and the last number to one of `lengths` (`rest` digits). If
    there are no such columns, the row means all numbers of each of `lengths` that begin so. Where `length_column` is
    given the row itself says the lengths, in words that `read_lengths` understands.

    Only rows with one of `taken` in the column `status` count. Without a column `carrier` ids are made of names.
    """

    country_code: str
    prefix: tuple[int, ...]
    name: int
    lengths: tuple[int, ...] = ()
    carrier: int | None = None
    first: int | None = None
    last: int | None = None
    rest: int = 0
    length_column: int | None = None
    read_lengths: ReadLengths | None = None
    status: int | None = None
    taken: frozenset[str] = frozenset()
    header: bool = True

    def counts(self, fields: list[str]) -> bool:
        """Whether a row says who holds a range."""
        return self.status is None or fields[self.status].strip().casefold() in self.taken

    def holder(self, fields: list[str]) -> tuple[str, str]:
        """Id and name of the carrier; ValueError if the row has none."""
        name = fields[self.name].strip()
        carrier = carrier_ids.of_name(self.country_code, name) if self.carrier is None else fields[self.carrier].strip()
        if not carrier:
            raise ValueError("the row has no carrier")
        return carrier, name

    def intervals(self, fields: list[str]) -> list[tuple[int, int]]:
        """The ranges of a row, both ends included; ValueError if it has none."""
        prefix = "".join(_digits(fields[column]) for column in self.prefix)
        if self.first is None or self.last is None:
            lengths = self.lengths
            if self.length_column is not None and self.read_lengths is not None:
                lengths = self.read_lengths(fields[self.length_column])
            beginning = number.parse(self.country_code + prefix)
            return [number.interval_of_prefix(beginning, len(self.country_code) + digits) for digits in lengths]
        rests = [_digits(fields[column]) for column in (self.first, self.last)]
        if len(prefix) + self.rest not in self.lengths or max(map(len, rests)) > self.rest:
            raise ValueError(f"the numbers are not of a length that the plan has, {_spoken(self.lengths)} digits")
        first, last = (number.parse(self.country_code + prefix + rest.zfill(self.rest)) for rest in rests)
        if last < first:
            raise ValueError("the last number is before the first")
        return [(first, last)]


#: The layout of a file, from the first rows of it; None for one in an archive that is of no interest.
LayoutOf = Callable[[Source, list[list[str]]], Layout | None]


def read(files: list[Path], options: Options, layout_of: LayoutOf, form: Form) -> Iterator[pa.RecordBatch]:
    """The ranges of all files, in their order, each carrier before its first range.

    Files are UTF-8, or else Latin-1. Raises FeedError for a file that holds no row or is not of a known layout.
    """
    named: dict[str, str] = {}
    for source in itertools.chain.from_iterable(sources(file) for file in files):
        with reading(source):
            form = replace(form, encoding=delimited.utf_8_or("latin-1", source))
            sample = delimited.beginning(source, form, _SAMPLE_ROWS)
            layout = layout_of(source, sample)
            if layout is None and not source.member:
                raise FeedError("not a file of this feed", where=str(source), got=form.delimiter.join(sample[0])[:200])
            if layout is not None:
                yield from _Plan(source, form, layout, options.bad_rows).batches(len(sample[0]), named)


@dataclass(frozen=True)
class _Plan:
    """One file of a known layout."""

    source: Source
    form: Form
    layout: Layout
    bad_rows: BadRows

    def batches(self, width: int, named: dict[str, str]) -> Iterator[pa.RecordBatch]:
        """The ranges of the file's rows, which have `width` fields; new carriers are added to `named`."""
        ranges: list[tuple[int, int, str]] = []
        carriers: dict[str, str] = {}
        empty = True
        for row, line in self._lines():
            empty = False
            try:
                fields = self._fields(line, width)
                if self.layout.counts(fields):
                    carrier, name = self.layout.holder(fields)
                    ranges += [(first, last, carrier) for first, last in self.layout.intervals(fields)]
                    carriers.setdefault(carrier, name)
            except (ValueError, csv.Error) as error:
                reason = error.what if isinstance(error, PortdipError) else str(error)
                self.bad_rows.refuse(str(self.source), row, reason, line)
            if len(ranges) >= _BATCH_ROWS:
                yield from _as_batches(ranges, carriers, named)
                ranges = []
        if empty:
            raise FeedError("the file holds no rows", where=str(self.source))
        yield from _as_batches(ranges, carriers, named)

    def _lines(self) -> Iterator[tuple[int, str]]:
        """The lines that hold something, and their numbers."""
        with io.TextIOWrapper(self.source.open(), self.form.encoding) as file:
            for row, line in enumerate(file, start=1):
                if line.strip() and not (row == 1 and self.layout.header):
                    yield row, line.removeprefix("\ufeff").rstrip("\n")

    def _fields(self, line: str, width: int) -> list[str]:
        # Line by line, so that a quotation mark too many spoils one row and not the rest of the file.
        fields = next(self.form.reader([line], strict=True))
        if len(fields) != width:
            raise ValueError(f"the row has {len(fields)} columns instead of {width}")
        return fields


def _as_batches(
    ranges: list[tuple[int, int, str]], carriers: dict[str, str], named: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    new = {carrier: name for carrier, name in carriers.items() if carrier not in named}
    if new:
        named.update(new)
        yield pa.record_batch([list(new), list(new.values())], schema=rows.CARRIERS)
    if ranges:
        first, last, holders = zip(*ranges, strict=True)
        bounds = [pa.array(bound, pa.uint64()) for bound in (first, last)]
        yield pa.record_batch([*bounds, pa.array(holders, pa.string()), pa.repeat("", len(first))], schema=rows.RANGES)


def _digits(text: str) -> str:
    """The digits of a field, which may have spaces between; ValueError for anything else, or nothing."""
    digits = "".join(text.split())
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"'{text}' is not digits")
    return digits


def _spoken(lengths: tuple[int, ...]) -> str:
    return " or ".join(str(length) for length in lengths)
