"""Imported rows in any order, and the table so far, to the next table in order, in memory that does not grow.

Rows are held until `RUN_ROWS` are there, put in order and spilled as one sorted run, an Arrow file; input
that already is in order makes one long run and is never sorted. The runs and the table so far are then read
side by side, a window of each at a time: every row up to the smallest of the windows' last numbers can be put
in order and sent on. Each step is a few calls over whole columns; nothing is done row by row.

Runs have the columns of numbers.arrow. Until the merge, the `version` of an imported row says where it came
from instead (`IMPORTED` set, and the place of `portdip.exchange.rows` below it), so that a number that comes
twice in one import can be traced to both places.

For one writer; call it from one thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from portdip import files
from portdip.exchange.rows import PLACE
from portdip.table import schema
from portdip.table.catalogue import Catalogue
from portdip.table.net import RELEASED, Net

#: Rows held in memory before they become part of a run; some 60 MB.
RUN_ROWS = 1 << 21

#: Set in `version` while a row is on its way: the row is of this import and the other bits are its place.
IMPORTED = np.uint64(1 << 63)

_VERSION = schema.NUMBERS.get_field_index("version")

#: Called with a number that comes twice in one import, the place of the row left out and that of one before it.
OnRepeat = Callable[[int, int, int], None]
Repeats = list[tuple[int, int, int]]


class Listener(Protocol):
    """Hears of what a merge leaves out."""

    def repeated(self, number: int, place: int, place_kept: int) -> None:
        """A number came twice in the import; may raise."""

    def replaced(self, count: int) -> None:
        """So many numbers of the table so far gave way to rows of the import."""

    def superseded(self, rows: pa.RecordBatch) -> None:
        """These rows were in the base, and something has been said of their numbers since."""


def imported(batch: pa.RecordBatch, catalogue: Catalogue) -> pa.RecordBatch:
    """Rows of a schema of numbers in `portdip.exchange.rows` as runs take them.

    New routes and carriers get codes in `catalogue`. Raises RoutesFullError when there are none left.
    """
    if PLACE.name in batch.schema.names:
        version = batch.column(PLACE.name).to_numpy() | IMPORTED
    else:
        version = np.full(len(batch), IMPORTED)
    columns = [
        batch.column("number"),
        catalogue.codes(batch.column("carrier"), batch.column("routing_number")),
        catalogue.donors(batch.column("donor")),
        version,
        batch.column("effective"),
    ]
    return pa.record_batch(columns, schema=schema.NUMBERS)


class Runs:
    """Collects imported rows into sorted runs under `directory`, each strictly increasing by number.

    Of equal numbers the row that came first is kept and `on_repeat` hears of the others; it may raise to stop
    the import. Runs are sorted and written by a thread of their own while the next rows come in.
    """

    def __init__(self, directory: Path, on_repeat: OnRepeat) -> None:
        self._directory = directory
        self._on_repeat = on_repeat
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0
        self._paths: list[Path] = []
        self._open_run = contextlib.ExitStack()
        self._writer: Any = None
        self._last = 0
        self._worker = ThreadPoolExecutor(1, "portdip-spill")
        self._spilling: Future[Repeats] | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        """Take rows of schema `schema.NUMBERS`, `version` holding their place."""
        self._held.append(rows)
        self._held_rows += len(rows)
        if self._held_rows >= RUN_ROWS:
            self._wait()
            self._spilling = self._worker.submit(self._spill, self._held)
            self._held, self._held_rows = [], 0

    def finish(self) -> list[pa.Table]:
        """All runs, mapped, and what is still held; in the order of import."""
        self._wait()
        self.close()
        runs = [pa.ipc.open_file(pa.py_buffer(files.map_readonly(path))).read_all() for path in self._paths]
        if self._held:
            rows, repeats = _in_order(pa.concat_batches(self._held))
            self._held = []
            _report(repeats, self._on_repeat)
            runs.append(pa.Table.from_batches([rows]))
        return runs

    def close(self) -> None:
        """End the thread and close the run being written. May be called twice."""
        self._worker.shutdown()
        self._open_run.close()

    def _wait(self) -> None:
        if self._spilling is not None:
            _report(self._spilling.result(), self._on_repeat)
            self._spilling = None

    def _spill(self, held: list[pa.RecordBatch]) -> Repeats:
        """Write the rows as a run, or as more of the last one where they follow it. In the worker thread."""
        rows = pa.concat_batches(held)
        held.clear()
        rows, repeats = _in_order(rows)
        numbers = rows.column("number").to_numpy()
        if self._writer is None or numbers[0] <= self._last:
            self._open_run.close()
            path = self._directory / f"run-{len(self._paths)}.arrow"
            file = self._open_run.enter_context(files.create(path))
            self._writer = self._open_run.enter_context(pa.ipc.new_file(file, schema.NUMBERS))
            self._paths.append(path)
        self._writer.write_batch(rows)
        self._last = numbers[-1]
        return repeats


def merge(runs: list[pa.Table], base: pa.Table, net: Net, version: int, listener: Listener) -> Iterator[pa.RecordBatch]:
    """The rows of the next table in order, in batches of at most `BATCH_ROWS`.

    A number of `runs` replaces that of `net` (the changes since `base`) and of `base` (a table of numbers so far), and
    gets `version` unless it had the same route already; of equal numbers in `runs` the earliest run's row is kept.
    """

    def changed(rows: pa.RecordBatch) -> pa.RecordBatch:
        after = net.base(rows)
        if after is not rows:
            other = after.column("route").to_numpy() != rows.column("route").to_numpy()
            listener.superseded(rows.filter(pa.array(other)))
        return after

    changes = pa.Table.from_batches([net.numbers()])
    sources = [*(_Source(table) for table in (*runs, changes)), _Source(base, changed)]
    while sources := [source for source in sources if not source.done]:
        limit = max(schema.BATCH_ROWS // len(sources), 1)
        windows = [source.window(limit) for source in sources]
        numbers = [window.column("number").to_numpy() for window in windows]
        bound = min(column[-1] for column in numbers)
        parts = []
        for source, window, column in zip(sources, windows, numbers, strict=True):
            count = int(np.searchsorted(column, bound, side="right"))
            rows = source.take(window, count)
            if count:
                parts.append(rows)
        rows = parts[0]
        if len(parts) > 1:
            everything = pa.concat_batches(parts)
            rows, repeats = _in_order(everything)
            _report(repeats, listener.repeated)
            if len(rows) < len(everything):
                rows = _settled(everything, rows, net.since, listener)
        released = rows.column("route").to_numpy() == RELEASED
        if released.any():
            rows = rows.filter(pa.array(~released))
        yield _versioned(rows, version)


def filled(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows with small neighbours joined, still at most `BATCH_ROWS` a batch."""
    held: list[pa.RecordBatch] = []
    held_rows = 0
    for batch in batches:
        if held_rows + len(batch) > schema.BATCH_ROWS:
            yield pa.concat_batches(held)
            held, held_rows = [], 0
        held.append(batch)
        held_rows += len(batch)
    if held:
        yield pa.concat_batches(held)


class _Source:
    """A sorted table read from its beginning, a window at a time, each window as `change` leaves it."""

    def __init__(self, table: pa.Table, change: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None) -> None:
        self._batches = [batch for batch in table.to_batches() if len(batch)][::-1]
        self._position = 0
        self._change = change

    @property
    def done(self) -> bool:
        return not self._batches

    def window(self, limit: int) -> pa.RecordBatch:
        """The next rows, at least one and at most `limit`."""
        return self._batches[-1].slice(self._position, limit)

    def take(self, window: pa.RecordBatch, count: int) -> pa.RecordBatch:
        """The first `count` rows of the window, which are then done with."""
        self._advance(count)
        rows = window.slice(0, count)
        return self._change(rows) if self._change and count else rows

    def _advance(self, count: int) -> None:
        self._position += count
        if self._position == len(self._batches[-1]):
            self._batches.pop()
            self._position = 0


def _in_order(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, Repeats]:
    """The rows by number, of equal numbers only the one that stood first; and the imported ones left out."""
    numbers = rows.column("number").to_numpy()
    if np.all(numbers[1:] > numbers[:-1]):
        return rows, []
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    first = np.ones(len(numbers), dtype=bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    repeats: Repeats = []
    if not first.all():
        versions = rows.column("version").to_numpy()[order]
        places = versions & ~IMPORTED
        left_out = np.flatnonzero(~first & (versions >= IMPORTED))
        kept = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))[left_out]
        columns = numbers[left_out], places[left_out], places[kept]
        repeats = list(zip(*(column.tolist() for column in columns), strict=True))
        order = order[first]
    return rows.take(pa.array(order)), repeats


def _settled(everything: pa.RecordBatch, kept: pa.RecordBatch, since: int, listener: Listener) -> pa.RecordBatch:
    """The rows kept, with the version of what was there before where an import says the same again.

    Tells of the rows of the table so far, at sequence `since`, that give way. Of equal numbers in `everything` the
    rows of the import come first, then that of the chain, then that of the base.
    """
    place = np.searchsorted(kept.column("number").to_numpy(), everything.column("number").to_numpy())
    versions, versions_kept = (rows.column("version").to_numpy() for rows in (everything, kept))
    routes, routes_kept = (rows.column("route").to_numpy() for rows in (everything, kept))
    there = np.flatnonzero(versions < IMPORTED)[::-1]
    before = np.full(len(kept), -1)
    before[place[there]] = there
    replaced = (versions_kept >= IMPORTED) & (before >= 0) & (routes[before] != RELEASED)
    listener.replaced(int(np.count_nonzero(replaced)))
    settled = np.where(replaced & (routes[before] == routes_kept), versions[before], versions_kept)
    gone = (versions <= since) & (versions != settled[place])
    if gone.any():
        listener.superseded(everything.filter(pa.array(gone)))
    return kept.set_column(_VERSION, schema.NUMBERS.field(_VERSION), pa.array(settled))


def _report(repeats: Repeats, on_repeat: OnRepeat) -> None:
    for repeat in repeats:
        on_repeat(*repeat)


def _versioned(rows: pa.RecordBatch, version: int) -> pa.RecordBatch:
    versions = rows.column("version").to_numpy()
    settled = np.where(versions >= IMPORTED, np.uint64(version), versions)
    return rows.set_column(_VERSION, schema.NUMBERS.field(_VERSION), pa.array(settled))
