"""Dips inside a process: one at a time, in columns, in threads, and while deltas come in."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import pyarrow as pa

from portdip.capacity import machine
from portdip.capacity.result import Better
from portdip.capacity.suite.probe import Probe, Spec
from portdip.capacity.suite.publisher import Publisher
from portdip.capacity.suite.tables import Table
from portdip.lookup.engine import open_engine

GROUP = "engine"
_SCALAR = 50_000
_COLUMN_QUICK, _COLUMN = 500_000, 2_000_000
#: Deltas a second that come in meanwhile, and changes in each.
RATE, CHANGES = 20, 1_000


def probes(table: Table, is_quick: bool, opened: ExitStack) -> list[Probe]:
    """The probes of one table; `opened` closes what they need."""
    engine = opened.enter_context(open_engine(table.store, resident=True))
    column = table.asked[: _COLUMN_QUICK if is_quick else _COLUMN]
    texts = pa.array(column).cast(pa.string())
    asked = table.asked[:_SCALAR].tolist()
    index, dip, threads = engine.index, engine.dip, machine.cores()

    def subscripts() -> None:
        for number in asked:
            index[number]

    def dips() -> None:
        for number in asked:
            dip(number)

    found = [
        _rate("dips, one at a time", table, len(asked), dips),
        _rate("index[number]", table, len(asked), subscripts),
        _rate("dips in a column, one thread", table, len(column), lambda: engine.route_codes(column)),
        _rate("Arrow strings annotated, one thread", table, len(texts), lambda: engine.annotate(texts)),
    ]
    if threads > 1:
        name = f"dips in a column, {threads} threads"
        found.append(_rate(name, table, len(column), lambda: engine.route_codes(column, threads=threads)))
    return [*found, _while_deltas_come(table, 0.25 if is_quick else 0.5, opened)]


def _rate(name: str, table: Table, count: int, run: Callable[[], object]) -> Probe:
    """`count` numbers a round: as many of them are in the caches as that makes, so it is part of the figure."""

    def take() -> tuple[float]:
        began = time.perf_counter()
        run()
        return (count / (time.perf_counter() - began),)

    return Probe((Spec(GROUP, name, table.size, "/s", "higher", {"numbers": count}),), take)


def _while_deltas_come(table: Table, seconds: float, opened: ExitStack) -> Probe:
    """Dips one at a time while another process publishes: how many a second, and the slowest."""
    store = table.copy("changing")
    publisher = opened.enter_context(Publisher(store.path, table.numbers[:: max(table.size // 10_000, 1)]))
    engine = opened.enter_context(open_engine(store.path, resident=True, live=True))
    asked = table.asked[:_SCALAR].tolist()
    under = f"with {RATE} deltas/s of {CHANGES:,} changes"

    def spec(name: str, unit: str, better: Better) -> Spec:
        return Spec(GROUP, f"{name} {under}", table.size, unit, better, {"seconds": seconds})

    def take() -> tuple[float, float]:
        publisher.start(seconds, RATE, CHANGES)
        clock, dip = time.perf_counter_ns, engine.dip
        count = slowest = 0
        began = clock()
        end = began + int(seconds * 1e9)
        before = began
        while before < end:
            for number in asked[count % (len(asked) - 1000) :][:1000]:
                dip(number)
                now = clock()
                slowest = max(slowest, now - before)
                before = now
            count += 1000
        publisher.wait()
        return count / (before - began) * 1e9, slowest / 1e6

    return Probe((spec("dips, one at a time,", "/s", "higher"), spec("slowest dip", "ms", "lower")), take)
