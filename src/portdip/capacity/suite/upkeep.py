"""What keeps a node current: deltas applied, the chain folded, a process started, a node founded, a table rebuilt."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np

from portdip import files
from portdip.batch.rebuild.rebuild import Plan, rebuild
from portdip.capacity.suite.probe import Probe, Spec
from portdip.capacity.suite.publisher import changes
from portdip.capacity.suite.tables import Table
from portdip.exchange.delta import decode
from portdip.exchange.keys import Trust
from portdip.lookup.engine import open_engine
from portdip.lookup.load import fold
from portdip.lookup.node import found
from portdip.table.store import Store

GROUP = "upkeep"
#: Changes in a delta, and deltas taken in a round.
CHANGES = 1_000
_DELTAS_QUICK, _DELTAS = 10, 40
#: What takes long is measured in every so-manieth round.
_SELDOM = 2


def probes(table: Table, is_quick: bool, rounds: int, opened: ExitStack) -> list[Probe]:
    """The probes of one table; `opened` closes what they need."""
    return [
        _applying(table, _DELTAS_QUICK if is_quick else _DELTAS, rounds, opened),
        Probe((Spec(GROUP, "start of a process, to the first answer", table.size, "s", "lower"),), _starting(table)),
        Probe((Spec(GROUP, "numbers of a node founded", table.size, "/s", "higher"),), _founding(table), _SELDOM),
        Probe((Spec(GROUP, "numbers rebuilt as CSV", table.size, "/s", "higher"),), _rebuilding(table), _SELDOM),
    ]


def _applying(table: Table, deltas: int, rounds: int, opened: ExitStack) -> Probe:
    """Changes a second through the intake (signature, chain, rules, disk) and into an engine; then all folded."""
    publishing = table.copy("publishing")
    made = changes(table.numbers, CHANGES, np.random.default_rng(table.size))
    with publishing.writer() as writer:
        writer.trust_key(writer.key_ring.make().public)
        writer.publish()
        for batch in islice(made, deltas * (rounds + 1)):
            writer.add(batch)
            writer.publish()
    store = table.copy("applying")
    engine = opened.enter_context(open_engine(store.path))
    intake = store.intake()
    key, *contents = [files.read_bytes(publishing.chain.file(sequence)) for sequence in publishing.chain.sequences()]
    intake.offer(key, "bench")
    each = [decode(content, "bench").header.rows for content in contents]
    waiting, counts = iter(contents), iter(each)

    def take() -> tuple[float, float]:
        batch, count = list(islice(waiting, deltas)), sum(islice(counts, deltas))
        began = time.perf_counter()
        for content in batch:
            intake.offer(content, "bench")
            engine.refresh()
        applied = time.perf_counter()
        sequence = fold(store.path, _unheard)
        folded = time.perf_counter()
        engine.refresh()
        assert sequence == engine.sequence == intake.sequence, "every delta is applied, and folded"
        return count / (applied - began), table.size / (folded - applied)

    detail = {
        "changes_a_delta": CHANGES,
        "deltas": deltas,
        "bytes_a_change": round(sum(map(len, contents)) / sum(each), 2),
    }
    return Probe(
        (
            Spec(GROUP, "changes verified and applied", table.size, "/s", "higher", detail),
            Spec(GROUP, "numbers folded", table.size, "/s", "higher", {"deltas": deltas}),
        ),
        take,
    )


def _starting(table: Table) -> Callable[[], tuple[float]]:
    script = f"import portdip; portdip.open_engine({str(table.store)!r}).dip({int(table.numbers[0])})"

    def take() -> tuple[float]:
        began = time.perf_counter()
        # In a session of its own, so that what ends the run is said once.
        subprocess.run([sys.executable, "-c", script], check=True, start_new_session=True)  # noqa: S603
        return (time.perf_counter() - began,)

    return take


def _founding(table: Table) -> Callable[[], tuple[float]]:
    """A new node from a store on the same disk: everything is copied, checked and synced, and no network is in it."""
    path = table.folder / "founded"

    def take() -> tuple[float]:
        files.remove_directory(path)
        began = time.perf_counter()
        found(path, str(table.store), Trust())
        return (table.size / (time.perf_counter() - began),)

    return take


def _rebuilding(table: Table) -> Callable[[], tuple[float]]:
    """The table as another system loads it: every number and range with carrier and routing number."""
    path = table.folder / "rebuilt"

    def take() -> tuple[float]:
        files.remove_directory(path)
        began = time.perf_counter()
        rebuild(table.store, path, Plan("csv"))
        return (table.size / (time.perf_counter() - began),)

    return take


def snapshot_bytes(store: Path) -> int:
    """What the live snapshot of a store takes on disk: what a new node fetches."""
    return sum(_bytes_below(Store.open(store).current().path))


def _bytes_below(folder: Path) -> Iterator[int]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _bytes_below(path)
        else:
            yield path.stat().st_size


def _unheard(count: int, share: float | None) -> None:
    """A round is short."""
