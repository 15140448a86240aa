"""CSV files, annotated block by block. Rows pass byte for byte; the answers are added at their ends.

A block is some megabytes of whole rows. Quoted fields may hold delimiters and line breaks (RFC 4180): a line
break ends a row when an even number of quotes stands before it. Blank lines are no rows and pass too. Names
that end in .gz or .zst are compressed, one gzip member or zstd frame for each block, so that all cores share that work
too; .tsv files are delimited by tabs.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from portdip.batch import columns, times
from portdip.batch.piece import Answered, Piece
from portdip.batch.place import Place
from portdip.batch.question import Question, Tally
from portdip.errors import AnnotateError, BadRowError
from portdip.lookup.engine import Engine

_BLOCK_BYTES = 4 << 20
_ROW_BYTES_MAX = 64 << 20
_UNCLOSED = 'Look for a quote that is opened and never closed; inside quotes, write a quote as "".'


@dataclass(frozen=True, slots=True)
class Block:
    """Whole rows of a file, the first of them on line `line` (1-based)."""

    text: bytes
    line: int


class Delimited:
    """One CSV file to annotate. `read` and `writing` belong to one thread each, `answer` to any."""

    def __init__(self, engine: Engine, source: Place, target: Place, question: Question) -> None:
        self._engine = engine
        self._source = source
        self._question = question
        self._delimiter = "\t" if source.suffix.startswith(".tsv") else ","
        self._pack: Callable[[bytes], bytes] = _PACKERS.get(target.suffix[4:], bytes)
        self._blocks = _blocks(source)
        header = next(self._blocks, None)
        if header is None:
            raise AnnotateError("the file is empty", where=str(source), expected="a row of column names")
        self._header = header.content.text
        text = self._header.decode("utf-8-sig", "surrogateescape")
        try:
            self._names = next(csv.reader([text], delimiter=self._delimiter))
        except csv.Error as error:
            raise AnnotateError("no row of column names", where=f"{source}, line 1", got=str(error)) from error
        self._place = columns.find(self._names, question.column, source)
        self._at_place: int | None = None
        if question.at_column is not None:
            self._at_place = columns.find(self._names, question.at_column, source, "--at-column")
        self._added = [field.name for field in columns.added(self._names, question.prefix, source)]

    def read(self) -> Iterator[Piece[Block]]:
        """The rows of the source after its header."""
        return self._blocks

    def answer(self, piece: Piece[Block]) -> Answered[bytes]:
        """The rows of a block with their answers at their ends."""
        text = piece.content.text
        misplaced = _misplaced(text, self._delimiter)
        if misplaced is not None:
            line = piece.content.line + text.count(b"\n", 0, misplaced)
            raise BadRowError(
                "readers differ on where a row ends",
                where=f"{self._source}, line {line}",
                got=f"{chr(text[misplaced])!r} inside a field without quotes around it",
                fix=f"Put the field into quotes. {_UNCLOSED}",
            )
        ends = _row_ends(text)
        if not len(ends):
            return Answered(self._pack(text), piece.share, Tally())
        asked = self._asked(piece.content, ends)
        moments = None
        if self._at_place is not None:
            name, zone = self._question.at_column or "", self._question.time_zone
            moments = times.moments(asked.column(str(self._at_place)), name, zone, self._source)
        numbers = asked.column(str(self._place))
        if self._question.region is not None:
            numbers = columns.readable(numbers.combine_chunks(), self._question.region)
        answers = self._engine.annotate(numbers, at=moments)
        return Answered(self._pack(self._joined(text, ends, answers)), piece.share, Tally.of(answers))

    @contextlib.contextmanager
    def writing(self, file: BinaryIO) -> Iterator[Callable[[bytes], Any]]:
        """What takes the annotated blocks in order and writes them to `file`."""
        added = io.StringIO()
        csv.writer(added, delimiter=self._delimiter, lineterminator="").writerow(["", *self._added])
        content = self._header.rstrip(b"\r\n")
        file.write(self._pack(content + added.getvalue().encode() + self._header[len(content) :]))
        yield file.write

    def _asked(self, block: Block, ends: npt.NDArray[np.int64]) -> pa.Table:
        """The columns of numbers and times, named by their places; empty fields are nulls."""
        wanted = {str(place) for place in (self._place, self._at_place) if place is not None}
        bad_rows: list[arrow_csv.InvalidRow] = []

        def refuse(row: arrow_csv.InvalidRow) -> str:
            bad_rows.append(row)
            return "error"

        try:
            table = arrow_csv.read_csv(
                pa.py_buffer(block.text),
                arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=len(block.text) + 1,
                    column_names=[str(place) for place in range(len(self._names))],
                ),
                arrow_csv.ParseOptions(
                    delimiter=self._delimiter,
                    newlines_in_values=True,
                    invalid_row_handler=refuse,
                ),
                arrow_csv.ConvertOptions(
                    check_utf8=False,
                    include_columns=sorted(wanted),
                    column_types=dict.fromkeys(wanted, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            raise self._bad_row(block, ends, bad_rows) from error
        if len(table) != len(ends):
            raise self._bad_row(block, ends, [])
        return table

    def _bad_row(self, block: Block, ends: npt.NDArray[np.int64], rows: list[arrow_csv.InvalidRow]) -> BadRowError:
        """What to raise for the first of the rows that Arrow refused; if none, rows could not be told apart."""
        if not rows or rows[0].number > len(ends):
            return BadRowError(
                "rows cannot be told apart",
                where=f"{self._source}, line {block.line} or after",
                fix=_UNCLOSED,
            )
        row = rows[0]
        line = block.line + block.text.count(b"\n", 0, int(ends[row.number - 1])) - row.text.count("\n")
        return BadRowError(
            "a row of another length",
            where=f"{self._source}, line {line}",
            expected=f"{row.expected_columns} fields",
            got=f"{row.actual_columns}: {row.text[:200]}",
        )

    def _joined(self, text: bytes, ends: npt.NDArray[np.int64], answers: pa.RecordBatch) -> bytes:
        # Rows here begin with the line break before them, so rows and answers join to the new text at once.
        offsets = pa.py_buffer(np.concatenate([[0], ends]))
        rows = pa.Array.from_buffers(pa.large_string(), len(ends), [None, offsets, pa.py_buffer(text)])
        fields = [self._field(column) for column in answers.columns]
        joined = pc.binary_join_element_wise(
            rows, *fields, pa.scalar(self._delimiter, pa.large_string()), null_handling="replace"
        )
        return b"".join([joined.buffers()[2], text[ends[-1] :]])

    def _field(self, column: pa.Array) -> pa.Array:
        if pa.types.is_dictionary(column.type):
            values = column.dictionary
            special = pc.match_substring_regex(values, f'["\r\n{self._delimiter}]')
            quoted = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
            values = pc.if_else(special, quoted, values)
            column = pa.DictionaryArray.from_arrays(column.indices, values, safe=False)
        return column.cast(pa.large_string())


def _gzip(text: bytes) -> bytes:
    return gzip.compress(text, compresslevel=6, mtime=0)


def _zstd(text: bytes) -> bytes:
    return bytes(pa.compress(text, codec="zstd", asbytes=True))


_PACKERS: dict[str, Callable[[bytes], bytes]] = {".gz": _gzip, ".zst": _zstd}


def _blocks(source: Place) -> Iterator[Piece[Block]]:
    """The header of a file, then its rows in blocks."""
    with contextlib.ExitStack() as opened:
        stored = source.stream or opened.enter_context(open(source.path or "", "rb"))
        size = source.path.stat().st_size if source.path else None
        try:
            for block in _cut(_unpacked(stored, source.suffix), source):
                yield Piece(block, stored.tell() / size if size else None)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise AnnotateError("damaged gzip file", where=str(source), got=str(error)) from error
        except OSError as error:  # Arrow's own, of a stream that is no zstd
            if error.errno is not None:
                raise
            raise AnnotateError("damaged zstd file", where=str(source), got=str(error)) from error


def _unpacked(stored: BinaryIO, suffix: str) -> Any:
    if suffix.endswith(".gz"):
        return gzip.GzipFile(fileobj=stored)
    if suffix.endswith(".zst"):
        unpacked = pa.CompressedInputStream(pa.PythonFile(stored, mode="r"), "zstd")
        return io.BufferedReader(unpacked, _BLOCK_BYTES)
    return stored


def _cut(file: Any, source: Place) -> Iterator[Block]:
    header = file.readline(_ROW_BYTES_MAX)
    while header.count(b'"') % 2 and (more := file.readline(_ROW_BYTES_MAX)):
        header += more
    if header:
        yield Block(header, 1)
    line = 1 + header.count(b"\n")
    rest = b""
    while chunk := file.read(_BLOCK_BYTES):
        text = rest + chunk
        end = _end_of_rows(text)
        if end:
            yield Block(text[:end], line)
            line += text.count(b"\n", 0, end)
        rest = text[end:]
        if len(rest) > _ROW_BYTES_MAX:
            raise BadRowError("a row of more than 64 MiB", where=f"{source}, line {line}", fix=_UNCLOSED)
    if rest.count(b'"') % 2:
        raise BadRowError("the file ends inside quotes", where=f"{source}, line {line}", fix=_UNCLOSED)
    if rest:
        yield Block(rest, line)


def _end_of_rows(text: bytes) -> int:
    """Where the last whole row of the text ends; 0 if it holds none."""
    end = text.rfind(b"\n") + 1
    inside = text.count(b'"', 0, end) % 2
    while end and inside:
        before = text.rfind(b"\n", 0, end - 1) + 1
        inside ^= text.count(b'"', before, end) % 2
        end = before
    return end


def _row_ends(text: bytes) -> npt.NDArray[np.int64]:
    """Where each row ends, before its line break; blank lines left out."""
    letters = np.frombuffer(text, dtype=np.uint8)
    breaks = np.flatnonzero(letters == ord("\n"))
    if b'"' in text:
        quotes = np.flatnonzero(letters == ord('"'))
        breaks = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    if not text.endswith(b"\n"):
        breaks = np.append(breaks, len(text))
    begins = np.append([0], breaks[:-1] + 1)
    ends = breaks - ((breaks > begins) & (letters[breaks - 1] == ord("\r")))
    rows: npt.NDArray[np.int64] = ends[ends > begins]
    return rows


def _misplaced(text: bytes, delimiter: str) -> int | None:
    """Where a quote or a carriage return first stands so that Arrow's rows and ours may differ; None for nowhere.

    Quotes come in pairs. The first of a pair begins a field, or follows the pair before it at once: that is a quote
    written as "" inside a field. Any others Arrow takes as letters: both must be on one line, where no field begins.
    """
    letters = np.frombuffer(text, dtype=np.uint8)
    quotes = np.flatnonzero(letters == ord('"')) if b'"' in text else np.empty(0, dtype=np.intp)
    returns = np.flatnonzero(letters == ord("\r")) if b"\r" in text else np.empty(0, dtype=np.intp)
    wrong: list[npt.NDArray[np.intp]] = [quotes[:0]]
    if len(returns):
        alone = returns[letters[np.minimum(returns + 1, len(text) - 1)] != ord("\n")]
        alone = alone[alone < len(text) - 1]
        wrong.append(alone[np.searchsorted(quotes, alone) % 2 == 0])
    if len(quotes):
        before = np.where(quotes > 0, letters[quotes - 1], ord("\n"))
        begins = np.isin(before, np.frombuffer(b"\r\n" + delimiter.encode(), dtype=np.uint8))
        opening, closing = slice(0, None, 2), slice(1, None, 2)
        follows = before[opening] == ord('"')
        letter = ~begins[opening] & ~follows
        breaks = np.sort(np.append(returns, np.flatnonzero(letters == ord("\n"))))
        lines = np.searchsorted(breaks, quotes)
        refused = letter & (begins[closing] | (lines[opening] != lines[closing]))
        refused[1:] |= follows[1:] & letter[:-1]
        wrong.append(quotes[opening][refused])
    found = np.concatenate(wrong)
    return int(found.min()) if len(found) else None
