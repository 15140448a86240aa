"""What deltas would do to a table, without doing it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip.exchange.changes import Operation
from portdip.exchange.delta import Delta
from portdip.index import ENTRY
from portdip.lookup.follower import Follower
from portdip.lookup.generation import Generation
from portdip.number import LIMIT
from portdip.route import Route
from portdip.table import facts, past
from portdip.table.store import Store

#: When everything has taken effect.
_END = datetime.max.replace(tzinfo=UTC)
_INTERVALS_SHOWN = 10
_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval that a change is about, and who held its first number before and after."""

    operation: str
    first: int
    last: int
    before: str
    after: str


@dataclass(slots=True)
class Preview:
    """Numbers by carrier id: `added` (ported now, not before) and `moved` by the new carrier, `released` by the old.

    `rerouted` counts the numbers with an entry of their own that mass changes move, by their new carrier; `intervals`
    has the ten largest. `later` is how many of the changes take effect later; all are counted as if they had.
    """

    added: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    released: Counter[str] = field(default_factory=Counter)
    rerouted: Counter[str] = field(default_factory=Counter)
    intervals: list[Interval] = field(default_factory=list)
    later: int = 0


def preview(store: Store, deltas: list[Delta]) -> Preview:
    """What `deltas`, which follow the store's head, would change. Reads the whole table where there are mass changes.

    Raises as opening the store does, and RoutesFullError.
    """
    follower = Follower(store, False, _END)
    before = follower.generation
    follower.state.take(deltas, _END)
    after = follower.state.generation()
    rows = pa.concat_tables([delta.rows for delta in deltas])
    effective = rows.column("effective").cast(pa.int64()).fill_null(facts.AT_ONCE).to_numpy()
    found = Preview(later=int(np.count_nonzero(effective > datetime.now(UTC).timestamp() * 1e6)))
    single = past.is_of_one_number(rows)
    _count_numbers(np.unique(rows.filter(single).column("number").to_numpy()), before, after, found)
    many = rows.filter(pc.and_(pc.invert(single), pc.less_equal(rows.column("operation"), Operation.MASS_CHANGE)))
    _list_intervals(many.to_pylist(), before, after, found)
    if Operation.MASS_CHANGE in many.column("operation").to_pylist():
        _count_rerouted(before, after, found)
    return found


def _count_numbers(numbers: npt.NDArray[np.uint64], before: Generation, after: Generation, found: Preview) -> None:
    old, new = before.index.match_many(numbers), after.index.match_many(numbers)
    had, has = old >= ENTRY, new >= ENTRY
    _count(found.added, new[~had & has], after)
    _count(found.moved, new[had & has & (old != new)], after)
    _count(found.released, old[had & ~has], before)


def _count_rerouted(before: Generation, after: Generation, found: Preview) -> None:
    for batch in before.snapshot.numbers.to_batches():
        numbers = batch.column("number").to_numpy()
        old, new = before.index.match_many(numbers), after.index.match_many(numbers)
        _count(found.rerouted, new[(old >= ENTRY) & (new >= ENTRY) & (old != new)], after)
    found.rerouted -= found.moved  # what had a change of its own is told already


def _count(counter: Counter[str], matches: npt.NDArray[np.uint32], generation: Generation) -> None:
    for code, count in zip(*np.unique(matches & (ENTRY - 1), return_counts=True), strict=True):
        counter[generation.routes[int(code)].carrier.id] += int(count)


def _list_intervals(rows: list[dict[str, Any]], before: Generation, after: Generation, found: Preview) -> None:
    for row in rows:
        first = 1 if row["number"] is None else row["number"]
        last = LIMIT - 1 if row["number"] is None else row["last"]
        names = [_name(state.routes.get(state.index.range_code(first))) for state in (before, after)]
        if row["operation"] == Operation.MASS_CHANGE:
            names = [row["donor"], row["carrier"]]
        found.intervals.append(Interval(Operation(row["operation"]).label, first, last, *names))
    found.intervals.sort(key=lambda interval: interval.first - interval.last)
    del found.intervals[_INTERVALS_SHOWN:]


def _name(route: Route | None) -> str:
    return route.carrier.id if route else _NOBODY
