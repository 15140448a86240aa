"""Rules into the files of a target: formatted in one thread, hashed and written in another, batch by batch."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from portdip import files
from portdip.batch.flow import in_order
from portdip.batch.rebuild._text import DIGITS, DOTTED, Templates
from portdip.batch.rebuild.columns import Batches
from portdip.batch.rebuild.layout import Columns, Job, Kind, Layout, Text
from portdip.batch.rebuild.rules import Matches, Numbers, Rules, distinct
from portdip.index import ENTRY
from portdip.number import DIGITS_MAX
from portdip.route import Route

_ROW_BYTES = 64
#: Rows of a group of a Parquet file.
_GROUP_ROWS = 1 << 20


class Step(NamedTuple):
    """A batch: prefixes that have no rule any more, and rules, both in order."""

    gone: Numbers
    rules: Rules


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file that was written: how long it is, and its SHA-256 in hexadecimal."""

    bytes: int
    sha256: str


class _Hashed(io.RawIOBase):
    """Writes on to `file` and knows the hash of all that was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._count = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._hash.update(content)
        count = memoryview(content).nbytes
        self._file.write(content)
        self._count += count
        return count

    def tell(self) -> int:
        return self._count

    @property
    def sealed(self) -> Sealed:
        return Sealed(self._count, self._hash.hexdigest())


def write(
    directory: Path,
    layout: Layout,
    job: Job,
    routes: Mapping[int, Route],
    used: list[Route],
    steps: Iterator[Step],
    report: Callable[[int], object],
) -> dict[str, Sealed]:
    """Write the files of `layout` into `directory`, which is a scratch directory; what was written, by name.

    `routes` are all there are, `used` those that the rules of the whole table have. `report` is called with the count
    of rules so far.
    """
    sealed: dict[str, Sealed] = {}
    with _file(directory / layout.rules.name) as file:
        if isinstance(layout.rules, Text):
            _write_text(file, layout.rules, job, routes, steps, report)
        else:
            _write_columns(file, layout.rules, job, routes, steps, report)
        sealed[layout.rules.name] = file.sealed
    for name, content in layout.others.items():
        with _file(directory / name) as file:
            file.write(content(used))
            sealed[name] = file.sealed
    return sealed


@contextlib.contextmanager
def _file(path: Path) -> Iterator[_Hashed]:
    with files.create(path) as file:
        yield _Hashed(file)


def _write_text(
    file: _Hashed,
    text: Text,
    job: Job,
    routes: Mapping[int, Route],
    steps: Iterator[Step],
    report: Callable[[int], object],
) -> None:
    printer, count = _Printer(text, routes, job.changes), 0
    file.write(text.head)
    for rows, blocks in _running(steps, printer.blocks):
        for block in blocks:
            file.write(block)
        count += rows
        report(count)
    file.write(text.foot)


def _write_columns(
    file: _Hashed,
    columns: Columns,
    job: Job,
    routes: Mapping[int, Route],
    steps: Iterator[Step],
    report: Callable[[int], object],
) -> None:
    batches, count = Batches(columns.columns, columns.schema, job.carriers), 0
    batches.know(routes)

    def made(step: Step) -> tuple[int, list[pa.RecordBatch]]:
        gone = batches.batch(step.gone, np.zeros(len(step.gone), dtype=np.uint32), gone=True)
        return len(step.rules.prefix), [gone, batches.batch(step.rules.prefix, step.rules.match)]

    with pq.ParquetWriter(file, columns.schema) as writer:
        held: list[pa.RecordBatch] = []
        for rows, parts in _running(steps, made):
            held += [part for part in parts if len(part)]
            if sum(map(len, held)) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(held).unify_dictionaries(), row_group_size=_GROUP_ROWS)
                held = []
            count += rows
            report(count)
        if held:
            writer.write_table(pa.Table.from_batches(held).unify_dictionaries(), row_group_size=_GROUP_ROWS)


def _running(steps: Iterator[Step], work: Callable[[Step], Any]) -> Generator[Any, None, None]:
    """`work` of each step, a few steps ahead."""
    with contextlib.closing(in_order(steps, work, threads=1)) as results:
        yield from results


class _Printer:
    """Steps as blocks of text. For one thread."""

    def __init__(self, text: Text, routes: Mapping[int, Route], changes: bool) -> None:
        self._text = text
        self._gone_first = changes and text.gone_first
        self._routes = routes
        self._rows = _Lines(self._row)
        self._gone = _Lines(self._gone_row)

    def blocks(self, step: Step) -> tuple[int, list[npt.NDArray[np.uint8] | bytes]]:
        """How many rules a step has, and its text."""
        made: list[npt.NDArray[np.uint8] | bytes] = []
        gone = distinct(step.gone, step.rules.prefix) if self._gone_first else step.gone
        if len(gone):
            made += self._gone.blocks(gone, np.zeros(len(gone), dtype=np.uint32))
        prefix, match = step.rules.prefix, step.rules.match
        grouped = self._text.statements
        if grouped is None:
            made += self._rows.blocks(prefix, match)
        else:
            for row in range(0, len(prefix), grouped.rows):
                chosen = slice(row, row + grouped.rows)
                parts = self._rows.blocks(prefix[chosen], match[chosen])
                last = bytes(parts[-1]).removesuffix(grouped.separator) + grouped.foot
                made += [grouped.head, *parts[:-1], last]
        return len(prefix), made

    def _row(self, match: int, digits: int) -> bytes:
        code = match & (ENTRY - 1)
        return self._text.row(Kind(self._routes[code] if code else None, digits, match >= ENTRY))

    def _gone_row(self, match: int, digits: int) -> bytes:
        assert self._text.gone
        return self._text.gone(digits)


class _Lines:
    """Rows by templates that are made as they are needed: `make(match, digits)`."""

    def __init__(self, make: Callable[[int, int], bytes]) -> None:
        self._make = make
        self._templates = Templates()
        self._known: set[tuple[int, int]] = set()
        self._longest = 0

    def blocks(self, prefix: Numbers, match: Matches) -> list[npt.NDArray[np.uint8]]:
        """The rows as text, in one or more pieces."""
        made: list[npt.NDArray[np.uint8]] = []
        prefix, match, row = np.ascontiguousarray(prefix), np.ascontiguousarray(match), 0
        while row < len(prefix):
            out, full = np.empty((len(prefix) - row) * _ROW_BYTES + self._longest, dtype=np.uint8), 0
            while row < len(prefix):
                row, used = self._templates.write(prefix, match, row, out[full:])
                full += used
                if row < len(prefix) and not self._learnt(int(prefix[row]), int(match[row])):
                    break  # no room
            made.append(out[:full])
        return made

    def _learnt(self, prefix: int, match: int) -> bool:
        """Whether the template of a row was not known before; if it was, there is no room for the row."""
        kind = match, len(str(prefix))
        if kind in self._known:
            return False
        template = self._make(*kind)
        marks = template.count(DIGITS) + template.count(DOTTED)
        self._longest = max(self._longest, len(template) + 2 * DIGITS_MAX * (marks + 2))
        self._templates.add(*kind, template)
        self._known.add(kind)
        return True
