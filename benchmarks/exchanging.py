"""The chain on a large store: what deltas, mass changes, folding and starting cost, and what dips notice of it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

import portdip
from portdip import Engine
from portdip.exchange.changes import Operation, batch
from portdip.exchange.keys import TrustedKey
from portdip.table.store import Store

from .figure import Figure, Size
from .populations import CACHE, SEED, Columns, columns, questions, store

#: Changes in one delta, and deltas a second, of the figures that say so.
CHANGES, RATE = 1_000, 20
#: Oracle's best published image rate of an LSMS-fed number portability database, changes a second.
ORACLE_CHANGES = 41_700
CARRIERS = ("CMCC", "CTCC", "CUCC", "CBN")


def figures(size: Size) -> list[Figure]:
    smoke = size.numbers < 1_000_000
    drawn = columns("cn", size.numbers, 0.16)
    base = store(drawn, size.numbers, 0.16)
    name = f"{size.numbers / 1e6:g} M"
    asked = questions(drawn, min(size.questions, 200_000))
    found = []
    for measure in (_reading_while_applying, _applying, _following, _mass_change, _folding, _starting):
        with _copy(base) as copy:
            found += measure(copy, drawn, asked, smoke, name)
    return found


@contextmanager
def _copy(base: Path) -> Iterator[Store]:
    """A store with the same snapshot, hard-linked, and a chain, history and keys of its own."""
    path = CACHE / "copy"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(base, path, copy_function=os.link)
    for changing in ("CURRENT", "deltas/BASE"):  # replaced, not written to: but the lock files are
        assert (path / changing).exists()
    for lock in ("lock", "snapshots.lock"):
        (path / lock).unlink(missing_ok=True)
    try:
        yield Store.open(path)
    finally:
        shutil.rmtree(path)


def _changes(drawn: Columns, deltas: int, random: np.random.Generator) -> Iterator[dict[str, object]]:
    """Columns of so many deltas: ports of numbers in the blocks that are used, some ported already."""
    for _ in range(deltas):
        near = drawn.numbers[random.integers(0, len(drawn.numbers), CHANGES)] // 10_000 * 10_000
        numbers = np.unique(near + random.integers(0, 10_000, CHANGES, dtype=np.uint64))
        carriers = [CARRIERS[number % len(CARRIERS)] for number in numbers.tolist()]
        yield {"operation": [Operation.PORT] * len(numbers), "number": numbers, "carrier": carriers}


def _publish(to: Store, drawn: Columns, deltas: int, seed: int = SEED) -> None:
    """Publish so many deltas of about `CHANGES` changes."""
    random = np.random.default_rng(seed)
    with to.writer() as writer:
        for columns_of_one in _changes(drawn, deltas, random):
            writer.add(batch(**columns_of_one))
            writer.publish()


def _sign(to: Store) -> None:
    """Make the dataset a signed one."""
    with to.writer() as writer:
        key = writer.key_ring.make()
        writer.trust_key(key.public)
    assert TrustedKey(key.public).id in to.trust.read().keys


def _reading_while_applying(to: Store, drawn: Columns, asked: np.ndarray, smoke: bool, name: str) -> list[Figure]:
    """A reader's dips with and without deltas coming in from another process, in turns.

    The reader does as a serving worker does: what it has loaded is frozen, so that the collector never walks it
    between two dips. The publisher, which in life is another machine, is niced: there may be two cores only.
    """
    _sign(to)
    probe = np.sort(np.unique(drawn.numbers[:: max(len(drawn.numbers) // 500, 1)]))
    seconds = 0.3 if smoke else 5.0
    with to.writer() as writer:
        writer.add(_all_to(CARRIERS[0], probe))
    alone, beside, slowest, slowest_alone = [], [], 0, 0
    with portdip.open_engine(to.path, resident=True, live=True) as engine, _frozen():
        for turn in range(1 if smoke else 5):
            count, longest = _read(engine, asked, probe, seconds)
            alone.append(count)
            slowest_alone = max(slowest_alone, longest)
            publisher = multiprocessing.get_context("spawn").Process(
                target=_keep_publishing, args=(to.path, probe, seconds, turn)
            )
            publisher.start()
            while not to.chain.has(engine.sequence + 1) and publisher.is_alive():
                time.sleep(0.001)
            count, longest = _read(engine, asked, probe, seconds)
            beside.append(count)
            slowest = max(slowest, longest)
            publisher.join()
        assert engine.trouble is None
    share = statistics.median(b / a for a, b in zip(alone, beside, strict=True))
    detail = {"dips_alone": alone, "dips_beside": beside, "slowest_alone_ms": slowest_alone / 1e6}
    return [
        Figure(f"dips beside {RATE} deltas/s over dips alone, {name}", share, "x", 0.8, "at least", detail),
        Figure(f"slowest dip beside {RATE} deltas/s, {name}", slowest / 1e6, "ms", 5.0, detail=detail),
    ]


@contextmanager
def _frozen() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _keep_publishing(path: Path, probe: np.ndarray, seconds: float, turn: int) -> None:
    """Publish `RATE` deltas a second: each gives all of `probe`, and others, to one carrier."""
    os.nice(19)
    to = Store.open(path)
    random = np.random.default_rng(turn)
    with to.writer() as writer:
        began, number = time.perf_counter(), 0
        while time.perf_counter() - began < seconds + 0.5:
            others = random.integers(8613000000000, 8620000000000, CHANGES - len(probe)).astype(np.uint64)
            numbers = np.concatenate([probe, np.setdiff1d(others, probe)])
            writer.add(_all_to(CARRIERS[number % len(CARRIERS)], numbers))
            writer.publish()
            number += 1
            time.sleep(max(0.0, number / RATE - (time.perf_counter() - began)))


def _all_to(carrier: str, numbers: np.ndarray) -> pa.RecordBatch:
    return batch(operation=[Operation.PORT] * len(numbers), number=numbers, carrier=[carrier] * len(numbers))


def _read(engine: Engine, asked: np.ndarray, probe: np.ndarray, seconds: float) -> tuple[int, int]:
    """Dips that a reader gets done in the time, and nanoseconds of the slowest. All of `probe` has one carrier."""
    numbers = asked.tolist()
    count = longest = 0
    end = time.perf_counter() + seconds
    clock = time.perf_counter_ns
    while time.perf_counter() < end:
        for number in numbers[count % 100_000 : count % 100_000 + 1000]:
            began = clock()
            engine.dip(number)
            longest = max(longest, clock() - began)
            count += 1
        assert len(np.unique(engine.route_codes(probe))) <= 1, "two generations in one answer"
    return count, longest


def _applying(to: Store, drawn: Columns, asked: np.ndarray, smoke: bool, name: str) -> list[Figure]:
    """Changes a second through intake (signature, chain, rules, disk) and into an engine, both in this process."""
    _sign(to)
    publisher = CACHE / "publisher"
    shutil.rmtree(publisher, ignore_errors=True)
    shutil.copytree(to.path, publisher, copy_function=os.link)
    (publisher / "lock").unlink()
    source = Store.open(publisher)
    deltas = 5 if smoke else 300
    _publish(source, drawn, deltas)
    contents = [source.chain.file(sequence).read_bytes() for sequence in source.chain.sequences()[-deltas:]]
    rows = sum(source.chain.read(sequence).header.rows for sequence in source.chain.sequences()[-deltas:])
    engine = portdip.open_engine(to.path, resident=True)
    intake = to.intake()
    intake.sequence  # noqa: B018 - reads the chain's head
    began = time.perf_counter()
    for content in contents:
        intake.offer(content, "benchmark")
        engine.refresh()
    taken = time.perf_counter() - began
    shutil.rmtree(publisher)
    assert engine.sequence == source_head(contents, engine)
    detail = {"over_oracle": rows / taken / ORACLE_CHANGES, "deltas": deltas, "rows": rows}
    return [Figure(f"changes/s verified, signed and applied, {name}", rows / taken, "/s", 200_000, "at least", detail)]


def source_head(contents: list[bytes], engine: Engine) -> int:
    """The sequence that the engine must be at: that of the last delta."""
    from portdip.exchange.delta import decode

    return decode(contents[-1], "benchmark").sequence


def _following(to: Store, drawn: Columns, asked: np.ndarray, smoke: bool, name: str) -> list[Figure]:
    """From `publish` returning to the new answer in another process that follows the store."""
    times = []
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    number = int(drawn.numbers[len(drawn.numbers) // 2])
    follower = context.Process(target=_watch, args=(to.path, number, there))
    follower.start()
    here.recv()
    with to.writer() as writer:
        for turn in range(3 if smoke else 100):
            writer.port(number, CARRIERS[turn % len(CARRIERS)], f"F{turn:03d}")
            writer.publish()
            began = time.perf_counter()
            here.send(f"F{turn:03d}")
            here.recv()
            times.append(time.perf_counter() - began)
            time.sleep(0.01 * (turn % 3))
    here.send(None)
    follower.join()
    detail = {"p99_ms": statistics.quantiles(times, n=100)[-1] * 1e3}
    return [
        Figure(f"publish to new answer elsewhere, {name}", statistics.median(times) * 1e3, "ms", 50.0, detail=detail)
    ]


def _watch(path: Path, number: int, pipe: multiprocessing.connection.Connection) -> None:
    """Answer each routing number asked for once a dip gives it."""
    with portdip.open_engine(path, live=True) as engine:
        engine.dip(number)
        pipe.send("ready")
        while (wanted := pipe.recv()) is not None:
            while engine.dip(number).routing_number != wanted:
                time.sleep(0.0005)
            pipe.send("seen")


def _mass_change(to: Store, drawn: Columns, asked: np.ndarray, smoke: bool, name: str) -> list[Figure]:
    """One row that moves a million numbers or more: until every dip sees it."""
    with portdip.open_engine(to.path, resident=True) as engine:
        codes = engine.route_codes(np.asarray(drawn.numbers))
        code = int(np.bincount(codes).argmax())
        route, moved = engine.routes[code], int(np.count_nonzero(codes == code))
        began = time.perf_counter()
        with to.writer() as writer:
            writer.mass_change(route.carrier.id, route.carrier.id, "FFFF", donor_routing_number=route.routing_number)
        engine.refresh()
        taken = time.perf_counter() - began
        after = engine.route_codes(np.asarray(drawn.numbers))
        assert np.count_nonzero(after == code) == 0
        assert all(engine.routes[c].routing_number == "FFFF" for c in np.unique(after[codes == code]).tolist())
    return [Figure(f"mass change of {moved / 1e6:.3g} M numbers, {name}", taken, "s", 2.0, detail={"rows": 1})]


def _folding(to: Store, drawn: Columns, asked: np.ndarray, smoke: bool, name: str) -> list[Figure]:
    """Dips while 1 % of changes are folded by another process, against dips alone."""
    _publish(to, drawn, 3 if smoke else len(drawn.numbers) // 100 // CHANGES)
    probe = np.asarray(drawn.numbers[:0])
    with portdip.open_engine(to.path, resident=True, live=True) as engine:
        seconds = 0.3 if smoke else 5.0
        before, _ = _read(engine, asked, probe, seconds)
        began = time.perf_counter()
        command = ["nice", "-n", "19", sys.executable, "-m", "portdip", "snapshot", "create", str(to.path)]
        folding = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # as `portdip follow` does it
        dips = longest = 0
        while folding.poll() is None or engine.generation.snapshot.manifest.sequence < engine.sequence:
            count, slowest = _read(engine, asked, probe, 0.25)
            dips, longest = dips + count, max(longest, slowest)
        taken = time.perf_counter() - began
        after, _ = _read(engine, asked, probe, seconds)
    share = dips / taken / ((before + after) / (2 * seconds))
    detail = {"seconds": taken, "slowest_ms": longest / 1e6}
    return [Figure(f"dips during a fold of 1 % over dips alone, {name}", share, "x", 0.7, "at least", detail)]


def _starting(to: Store, drawn: Columns, asked: np.ndarray, smoke: bool, name: str) -> list[Figure]:
    """A new process: import, open with 1,000 deltas of 1,000 changes, first answer."""
    _publish(to, drawn, 5 if smoke else 1000)
    script = f"import portdip; portdip.open_engine({str(to.path)!r}).dip({int(drawn.numbers[0])})"
    times = []
    for _ in range(1 if smoke else 5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", script], check=True)
        times.append(time.perf_counter() - began)
    return [Figure(f"start with 1,000 deltas to the first answer, {name}", statistics.median(times), "s", 2.0)]
