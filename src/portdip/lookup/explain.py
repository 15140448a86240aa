"""How an answer came about: each step from the text to the route, what it found and how long it takes."""

from __future__ import annotations

import statistics
import timeit
from dataclasses import dataclass

import numpy as np

from portdip import number
from portdip.lookup import _digits
from portdip.lookup.engine import Engine
from portdip.lookup.generation import Generation
from portdip.route import Dip, Route, Status
from portdip.table.snapshot import Record

#: What a dip does, in order: name, and the expression that is timed.
_STEPS = (
    ("text to number", "parse(text)"),
    ("number to route code", "match(number)"),
    ("route code to route", "routes[code]"),
    ("range around it", "range_code(number)"),
)
_STEPS_OF = {Status.INVALID: 1, Status.UNALLOCATED: 2, Status.NATIVE: 3, Status.PORTED: 4}
_ROUNDS, _CALLS = 9, 200


@dataclass(frozen=True, slots=True)
class Range:
    """The innermost range around a number, as the plan has it.

    `prefix` begins every number of the part of the range that this number is in. `route` is None where the
    range is withdrawn from the one around it.
    """

    first: int
    last: int
    prefix: int
    route: Route | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to one dip and the path to it.

    `route` is the route that answered, `range` the innermost range around the number, `record` the full row
    of a ported number; each None where there is none. `steps` gives the median nanoseconds of each step,
    everything it touches being in cache.
    """

    dip: Dip
    route: Route | None
    range: Range | None
    record: Record | None
    steps: dict[str, float]


def explain(engine: Engine, text: str) -> Explanation:
    """How `engine` answers for `text`, digits with or without a leading '+'. Takes some milliseconds."""
    generation = engine.generation
    dip = engine.dip(text)
    if dip.number is None:
        return Explanation(dip, None, None, None, _time(generation, text, dip))
    return Explanation(
        dip,
        generation.routes.get(generation.index[dip.number]),
        _range(generation, dip.number),
        engine.record(dip.number) if dip.ported else None,
        _time(generation, text, dip),
    )


def _range(generation: Generation, wanted: int) -> Range | None:
    interval = _changed_interval(generation, wanted) or _planned_interval(generation, wanted)
    if interval is None:
        return None
    prefixes = number.prefixes_of_interval(*interval)
    prefix = next(prefix for prefix in prefixes if str(wanted).startswith(str(prefix)))
    return Range(*interval, prefix, generation.routes.get(generation.index.range_code(wanted)))


def _changed_interval(generation: Generation, wanted: int) -> tuple[int, int] | None:
    """The part around the number of an interval that was assigned or withdrawn since the snapshot."""
    first, last, _, _ = generation.index.overlay.ranges()
    place = int(np.searchsorted(first, np.uint64(wanted), side="right")) - 1
    return (int(first[place]), int(last[place])) if place >= 0 and wanted <= last[place] else None


def _planned_interval(generation: Generation, wanted: int) -> tuple[int, int] | None:
    """The innermost range around the number in the snapshot."""
    ranges = generation.snapshot.ranges
    first, last = ranges.column("first").to_numpy(), ranges.column("last").to_numpy()
    around = np.flatnonzero((first <= wanted) & (wanted <= last))
    if not len(around):
        return None
    innermost = around[np.argmin(last[around] - first[around])]
    return int(first[innermost]), int(last[innermost])


def _time(generation: Generation, text: str, dip: Dip) -> dict[str, float]:
    names = {
        "parse": _digits.parse,
        "text": text,
        "match": generation.index.match,
        "number": dip.number,
        "routes": generation.routes,
        "code": generation.index[dip.number] if dip.number else 0,
        "range_code": generation.index.range_code,
    }
    steps = {}
    for name, expression in _STEPS[: _STEPS_OF[dip.status]]:
        rounds = timeit.repeat(expression, globals=names, repeat=_ROUNDS, number=_CALLS)
        steps[name] = statistics.median(rounds) / _CALLS * 1e9
    return steps
