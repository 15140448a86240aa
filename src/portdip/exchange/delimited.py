"""Text files with a delimiter, plain, compressed or in an archive, read as columns of text.

Read block by block, whatever the size. A row's number is its line as an editor shows it, the first line being
line 1 (a quoted line break counts as none). Lines end with CR, LF or both; lines with nothing in them are passed
over.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from portdip.errors import FeedError
from portdip.exchange.feeds.options import BadRows
from portdip.exchange.reading import Chunk, Opened, RowNumbers, Source

#: A row takes 4 bytes or more ("1,a" and the end of the line), so a block holds about 1 M rows at most.
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class Form:
    """How a file is written. `quotes`: fields may be in '"'. Without a header columns are called by position."""

    delimiter: str = ","
    encoding: str = "utf-8"
    header: bool = True
    quotes: bool = True

    def reader(self, lines: Iterable[str], strict: bool = False) -> Iterator[list[str]]:
        """The rows of lines of text."""
        quoting = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
        return csv.reader(lines, delimiter=self.delimiter, quoting=quoting, strict=strict)  # type: ignore[arg-type]


def beginning(source: Source, form: Form, rows: int) -> list[list[str]]:
    """The first rows of the file, at most `rows`, the header included; FeedError if there are none."""
    with io.TextIOWrapper(source.open(), form.encoding, newline="") as file:
        lines = list(itertools.islice(form.reader(file), rows))
    if not lines:
        raise FeedError("the file is empty", where=str(source))
    lines[0] = [field.removeprefix("\ufeff") for field in lines[0]]
    return lines


def utf_8_or(encoding: str, source: Source) -> str:
    """'utf-8' if all of the file is that, else `encoding`."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with source.open() as file:
        try:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return encoding
    return "utf-8"


def open_file(source: Source, form: Form, bad_rows: BadRows, width: int | None = None) -> Opened:
    """The file, with `width` columns or as many as its first line; lines of another width are refused."""
    lines = beginning(source, form, 2)
    columns = lines[0] if form.header else [str(position) for position in range(width or len(lines[0]))]

    def read(positions: list[int]) -> Iterator[Chunk]:
        if len(lines) <= form.header:
            return  # Arrow takes a file without a row for a broken one
        misfits: deque[pv.InvalidRow] = deque()
        names = [str(position) for position in positions]
        row = 1 + form.header
        with _reader(source, form, len(columns), names, misfits) as reader:
            for batch in reader:
                within = _take_misfits(misfits, row + len(batch))
                numbers = np.arange(row, row + len(batch) + len(within), dtype=np.uint64)
                row += len(numbers)
                if within:
                    for misfit in within:
                        _refuse(source, misfit, bad_rows)
                    numbers = np.setdiff1d(numbers, [misfit.number for misfit in within], assume_unique=True)
                yield _without_blank_lines([batch.column(name) for name in names], numbers)
        for misfit in misfits:
            _refuse(source, misfit, bad_rows)

    return Opened(columns, read)


def _reader(
    source: Source, form: Form, width: int, wanted: list[str], misfits: deque[pv.InvalidRow]
) -> pv.CSVStreamingReader:
    """Reads `wanted` of the columns called "0", "1", ... as text; lines of another width go to `misfits`, in
    order."""

    def set_aside(line: pv.InvalidRow) -> str:
        misfits.append(line)
        return "skip"

    return pv.open_csv(
        source.open(),
        pv.ReadOptions(
            use_threads=False,  # with threads a misfit does not know its line
            block_size=_BLOCK_BYTES,
            skip_rows=int(form.header),
            column_names=[str(position) for position in range(width)],
            encoding=form.encoding,
        ),
        pv.ParseOptions(
            delimiter=form.delimiter,
            quote_char='"' if form.quotes else False,
            newlines_in_values=form.quotes,
            ignore_empty_lines=False,  # they count, for the number of a row to be its line
            invalid_row_handler=set_aside,
        ),
        pv.ConvertOptions(
            include_columns=list(dict.fromkeys(wanted)),
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=False,
        ),
    )


def _take_misfits(misfits: deque[pv.InvalidRow], end: int) -> list[pv.InvalidRow]:
    """Take those that stand before line `end`; each one taken moves `end` a line down."""
    taken: list[pv.InvalidRow] = []
    while misfits and misfits[0].number < end + len(taken):
        taken.append(misfits.popleft())
    return taken


def _refuse(source: Source, misfit: pv.InvalidRow, bad_rows: BadRows) -> None:
    reason = f"the row has {misfit.actual_columns} columns instead of {misfit.expected_columns}"
    bad_rows.refuse(str(source), misfit.number, reason, misfit.text)


def _without_blank_lines(columns: list[pa.Array], numbers: RowNumbers) -> Chunk:
    filled = np.zeros(len(numbers), dtype=bool)
    for column in columns:
        filled |= pc.binary_length(column).to_numpy() > 0
        if filled.all():
            return columns, numbers
    return [column.filter(pa.array(filled)) for column in columns], numbers[filled]
