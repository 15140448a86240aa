"""Tables for other systems: written beside pyarrow writing the same columns, made smaller, in how much memory."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from portdip.batch.rebuild import tables
from portdip.batch.rebuild.columns import KINDS, Batches
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rebuild import Plan, rebuild
from portdip.lookup.follower import Follower
from portdip.table.store import Store

from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .populations import CACHE, columns, store

_SHARE = 0.16
#: Exact aggregation keeps the numbers in memory, so it is measured up to here.
_AGGREGATED_MAX = 10_000_000
_COLUMNS = {"prefix": "prefix", "carrier": "carrier", "routing_number": "routing_number", "ported": "ported"}
_SCHEMA = pa.schema([(name, KINDS[what]) for name, what in _COLUMNS.items()])
_PLAIN = pa.schema([(name, pa.bool_() if name == "ported" else pa.string()) for name in _COLUMNS])


def figures(size: Size) -> list[Figure]:
    whole = _store(size.numbers)
    found = [_beside_pyarrow(whole, size), _flat(whole, size.numbers)]
    if size.numbers <= _AGGREGATED_MAX:
        found += _aggregated(whole, size.numbers)
    return found


def _store(numbers: int) -> Path:
    return store(columns("cn", numbers, _SHARE), numbers, _SHARE)


def _beside_pyarrow(whole: Path, size: Size) -> Figure:
    """The same rows by both, to synced files. pyarrow has them as text and in memory's order already."""
    rows, written, out = (CACHE / f"rebuilding.{name}" for name in ("arrows", "csv", "out"))
    count = _as_text(whole, rows)

    def ours() -> None:
        shutil.rmtree(out, ignore_errors=True)
        rebuild(whole, out, Plan("csv"))

    def pyarrows() -> None:
        with (
            pa.memory_map(str(rows)) as source,
            pa.OSFile(str(written), "wb") as file,
            pa.ipc.open_stream(source) as batches,
            pacsv.CSVWriter(file, batches.schema) as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)
        with written.open("rb+") as file:
            os.fsync(file.fileno())

    times = interleaved({"rebuild": ours, "pyarrow.csv": pyarrows}, size.rounds)
    detail = {"nanoseconds": nanoseconds(times, count), "load": os.getloadavg()[0]}
    for path in (rows, written):
        path.unlink()
    shutil.rmtree(out)
    name = f"rebuild to CSV over pyarrow.csv writing the same columns, {size.numbers / 1e6:g} M"
    return Figure(name, ratio(times, "rebuild", "pyarrow.csv"), "x", 1.5, detail=detail)


def _as_text(whole: Path, rows: Path) -> int:
    """The rows of the table as pyarrow writes them without a conversion, in a file; how many."""
    content = _content(whole)
    batches, count = Batches(_COLUMNS, _SCHEMA, {}), 0
    batches.know(content.generation.routes)
    with pa.OSFile(str(rows), "wb") as file, pa.ipc.new_stream(file, _PLAIN) as writer:
        for batch in content.rules():
            writer.write_batch(batches.batch(batch.prefix, batch.match).cast(_PLAIN))
            count += len(batch.prefix)
    return count


def _content(whole: Path) -> Content:
    return Content(Follower(Store.open(whole), False, datetime.now(UTC)).generation)


def _flat(whole: Path, numbers: int) -> Figure:
    """The most memory of its own that a rebuild to CSV has, against that of a table of a tenth."""
    tenth = _store(max(numbers // 10, 1))
    most = [_apart(_write, path) for path in (whole, tenth)]
    detail = {"MB": [round(peak / 1e6, 1) for peak, _ in most]}
    name = f"peak memory of a rebuild to CSV, {numbers / 1e6:g} M over a tenth of it"
    return Figure(name, most[0][0] / most[1][0], "x", 1.1 if numbers >= _AGGREGATED_MAX else None, detail=detail)


def _write(whole: Path) -> None:
    out = CACHE / "rebuilding.flat"
    shutil.rmtree(out, ignore_errors=True)
    rebuild(whole, out, Plan("csv"))
    shutil.rmtree(out)


def _aggregated(whole: Path, numbers: int) -> list[Figure]:
    """The smallest table made and held against the engine: how long, and how much memory a number."""
    peak, seconds = _apart(_aggregate, whole)
    before, _ = _apart(_open, whole)
    name = f"exact aggregation, checked, {numbers / 1e6:g} M"
    bar = numbers == _AGGREGATED_MAX
    detail = {"load": os.getloadavg()[0]}
    return [
        Figure(name, seconds, "s", 60 if bar else None, detail=detail),
        Figure(f"memory of {name}", (peak - before) / numbers, "bytes a number", 64 if bar else None),
    ]


def _aggregate(whole: Path) -> None:
    table = tables.smallest(_content(whole), False, lambda what, count: None)
    assert next(table.rules())


def _open(whole: Path) -> None:
    _content(whole).range_rules  # noqa: B018


def _apart(work: Callable[[Path], None], whole: Path) -> tuple[int, float]:
    """The most bytes of memory of its own, mapped files left out, of a process that does some work; and its seconds."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_watched, work, whole).result()


def _watched(work: Callable[[Path], None], whole: Path) -> tuple[int, float]:
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.002):
            most = max(most, _own_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    work(whole)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    return max(most, _own_bytes()), seconds


def _own_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
