"""What each kind of step would alter, worked out from what is served and nothing else.

So a step can be asked again after a crash, or after half of it: what is altered already is not altered twice. A step
has one phase or several, each of which begins at its time and ends when it finds nothing more to alter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa

from portdip.errors import MigrationError, PortdipError
from portdip.exchange import feeds, rows
from portdip.exchange.feeds.options import Options
from portdip.number import DIGITS_MAX, LIMIT
from portdip.porting.migration import alterations
from portdip.porting.migration.alterations import Alterations
from portdip.porting.migration.plan import Merge, ReHome, Renumber, Step, TakeOver
from portdip.porting.migration.standing import NOBODY, Codes, Mask, Numbers, Route, Routes, Served, codes_at, split

_ONE = np.uint64(1)


@dataclass(frozen=True, slots=True)
class Move:
    """All that a route serves from `first` to `last` (None: everywhere) goes to another.

    `old` is its routing number, None for any.
    """

    carrier: str
    old: str | None
    into: str
    new: str
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Work:
    """What a phase does: what it alters, and how that is said.

    With `moves` it is said in mass changes, one for each, otherwise one change for each alteration. `names` are those
    of carriers that come with a database. `faults` say why it must not be done.
    """

    alterations: Alterations
    moves: tuple[Move, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a step, with the time before which it does not begin; `work` says what is left of it to do.

    Where `renumbered` is not 0, numbers that the phase takes away go on as numbers that much higher.
    """

    label: str
    at: datetime | None
    work: Callable[[Served, Routes], Work]
    renumbered: int = 0

    def held_back(self, work: Work, under_way: Numbers) -> Mask:
        """Which alterations wait for an order to end; `under_way` are the numbers with an open one, in order.

        A mass change does not wait: it moves whoever is there.
        """
        found = work.alterations
        if work.moves:
            return np.zeros(len(found), dtype=bool)
        if self.renumbered:
            last = np.maximum(found.first, found.last)
            met = np.searchsorted(under_way, last, "right") > np.searchsorted(under_way, found.first, "left")
            return np.asarray(met)
        back: Mask = ~found.of_range & np.isin(found.first, under_way)
        return back


def phases(step: Step) -> list[Phase]:
    """The phases of a step, in their order."""
    if isinstance(step, Merge):
        return [Phase("move", step.at, lambda served, routes: _merged(step, served, routes))]
    if isinstance(step, ReHome):
        return [Phase("move", step.at, lambda served, routes: _re_homed(step, served, routes))]
    if isinstance(step, Renumber):
        return [
            Phase("new numbers", step.at, lambda served, routes: _new_numbers(step, served)),
            Phase(
                "old numbers",
                step.old_until or step.at,
                lambda served, routes: _old_numbers(step, served),
                step.to - step.first,
            ),
        ]
    return [Phase("take over", step.at, lambda served, routes: _taken_over(step, served, routes))]


def _merged(step: Merge, served: Served, routes: Routes) -> Work:
    first, last = step.first, step.last
    renamed = {old.upper(): new.upper() for old, new in step.routing_numbers.items()}
    into, faults = _identity(routes), []
    for code in range(1, len(into)):
        route = routes[code]
        if route is not None and route.carrier == step.carrier:
            new = renamed.get(route.routing_number, step.routing_number)
            if new is None:
                faults.append(f"the plan says no new routing number for {_spoken(route)}")
            else:
                into[code] = routes.code(step.into, new)
    moves = [Move(step.carrier, old, step.into, new, first, last) for old, new in renamed.items()]
    if step.routing_number is not None:  # last, for the numbers that those before have left
        moves.append(Move(step.carrier, None, step.into, step.routing_number.upper(), first, last))
    found = _moved(served, into, first, last)
    return Work(found, tuple(moves) if step.how == "mass" else (), faults=tuple(faults))


def _re_homed(step: ReHome, served: Served, routes: Routes) -> Work:
    old, new = routes.code(step.carrier, step.routing_number), routes.code(step.carrier, step.to)
    into = _identity(routes)
    into[old] = new
    move = Move(step.carrier, step.routing_number.upper(), step.carrier, step.to.upper(), step.first, step.last)
    return Work(_moved(served, into, step.first, step.last), (move,) if step.how == "mass" else ())


def _identity(routes: Routes) -> Codes:
    return np.arange(len(routes), dtype=np.uint16)


def _moved(served: Served, into: Codes, begin: int | None, end: int | None) -> Alterations:
    """Every code of numbers and ranges in an interval becomes `into[code]`."""
    low, high = np.uint64(begin or 1), np.uint64(end or LIMIT - 1)
    chosen = (into[served.code] != served.code) & (served.number >= low) & (served.number <= high)
    number, code = served.number[chosen], served.code[chosen]
    first, last, held = _clipped(served, low, high)
    other = into[held] != held
    first, last, held = first[other], last[other], held[other]
    return Alterations.of((number, code, into[code], code), (first, last, held, into[held]))


def _clipped(served: Served, low: np.uint64, high: np.uint64) -> tuple[Numbers, Numbers, Codes]:
    """The ranges from `low` to `high`, those that reach beyond cut."""
    first, last = split(served.first, served.last, np.array([low, high + _ONE], np.uint64))
    inside = (first >= low) & (last <= high)
    first, last = first[inside], last[inside]
    return first, last, served.range_codes_of(first)


def _entries(served: Served, first: int, last: int) -> tuple[Numbers, Codes]:
    begin, end = np.searchsorted(served.number, np.array([first, last + 1], np.uint64)).tolist()
    return served.number[begin:end], served.code[begin:end]


def _new_numbers(step: Renumber, served: Served) -> Work:
    """The entries and ranges of the old numbers, again at the new ones."""
    forward = np.uint64(step.to - step.first) if step.to > step.first else None
    back = np.uint64(abs(step.to - step.first))

    def shifted(numbers: Numbers) -> Numbers:
        return numbers + forward if forward is not None else numbers - back

    number, code = _entries(served, step.first, step.last)
    number = shifted(number)
    before = served.codes_of(number)
    held, _ = _entries(served, step.to, step.to_last)
    first, last, wanted = _clipped(served, np.uint64(step.first), np.uint64(step.last))
    first, last = shifted(first), shifted(last)
    there, there_last, there_code = _clipped(served, np.uint64(step.to), np.uint64(step.to_last))
    taken = not np.isin(held, number).all() or bool(np.any((before != NOBODY) & (before != code)))
    taken |= bool(np.any(codes_at(first, last, wanted, there) != there_code))
    begins, ends = split(first, last, np.concatenate([there, there_last + _ONE]))
    holder, given = served.range_codes_of(begins), codes_at(first, last, wanted, begins)
    other, open_range = before != code, holder != given
    found = Alterations.of(
        (number[other], before[other], code[other], np.zeros(int(other.sum()), np.uint16)),
        (begins[open_range], ends[open_range], holder[open_range], given[open_range]),
    )
    faults = () if not taken else (f"some of the new numbers {step.to} to {step.to_last} are served already",)
    return Work(found, faults=faults)


def _old_numbers(step: Renumber, served: Served) -> Work:
    """Nobody serves the old numbers: ranges first, so that no released number falls to its range holder meanwhile."""
    first, last, held = _clipped(served, np.uint64(step.first), np.uint64(step.last))
    number, code = _entries(served, step.first, step.last)
    ranges = Alterations.of_ranges(first, last, held, np.zeros(len(first), np.uint16))
    nobody = np.zeros(len(number), np.uint16)
    return Work(alterations.joined([ranges, Alterations.of_numbers(number, code, nobody, nobody)]))


def _taken_over(step: TakeOver, served: Served, routes: Routes) -> Work:
    theirs, names, repeated = _their_table(step, routes)
    number = np.union1d(theirs.number, served.number) if step.whole else np.unique(theirs.number)
    number = number[_begins_with(number, step.within)]
    before, after = served.codes_of(number), theirs.codes_of(number)
    other = before != after
    number, before, after = number[other], before[other], after[other]
    donor = np.where(before == NOBODY, served.range_codes_of(number), before)
    found = Alterations.of((number, before, after, donor), _other_ranges(step, served, theirs))
    faults = () if not repeated else (f"{repeated:,} numbers are in the other database twice",)
    return Work(found, names=names, faults=faults)


def _other_ranges(step: TakeOver, served: Served, theirs: Served) -> tuple[Numbers, Numbers, Codes, Codes]:
    edges = [column for side in (served, theirs) for column in (side.first, side.last + _ONE)]
    cuts = np.unique(np.concatenate([*edges, _edges_of(step.within)]))
    first, last = cuts[:-1], cuts[1:] - _ONE
    held, given = served.range_codes_of(first), theirs.range_codes_of(first)
    other = (held != given) & _begins_with(first, step.within)
    if not step.whole:
        other &= given != NOBODY
    return first[other], last[other], held[other], given[other]


def _their_table(step: TakeOver, routes: Routes) -> tuple[Served, dict[str, str], int]:
    """What the other database says, the names of its carriers, and how many of its numbers it has twice."""
    numbers: list[pa.RecordBatch] = []
    ranges: list[pa.RecordBatch] = []
    names: dict[str, str] = {}
    try:
        for batch in feeds.load(step.feed).rows(step.files, Options(step.map)):
            if batch.schema.equals(rows.CARRIERS):
                ids = _ours(batch.column("id"), step.carriers).to_pylist()
                names.update(zip(ids, batch.column("name").to_pylist(), strict=True))
            else:
                place = batch.schema.get_field_index("carrier")
                renamed = batch.set_column(place, batch.schema.field(place), _ours(batch.column(place), step.carriers))
                (ranges if batch.schema.equals(rows.RANGES) else numbers).append(renamed)
    except PortdipError as error:
        raise MigrationError("the other database cannot be read", where=error.where, got=str(error)) from error
    theirs = Served.read(numbers, ranges, routes)
    repeated = int(np.count_nonzero(theirs.number[1:] == theirs.number[:-1]))
    return theirs, names, repeated


def _ours(carriers: pa.Array, renamed: dict[str, str]) -> pa.Array:
    """Ids of carriers, theirs replaced by ours."""
    if not renamed:
        return carriers
    encoded = carriers.dictionary_encode()
    ids = [renamed.get(carrier, carrier) for carrier in encoded.dictionary.to_pylist()]
    return pa.array(ids, pa.string()).take(encoded.indices)


def _prefix_intervals(prefix: str) -> list[tuple[int, int]]:
    """The numbers of any length that begin with the prefix, an interval for each length, in order."""
    free = range(DIGITS_MAX - len(prefix) + 1)
    return [(int(prefix) * 10**count, (int(prefix) + 1) * 10**count) for count in free]


def _edges_of(prefix: str) -> Numbers:
    return np.array([edge for pair in _prefix_intervals(prefix) for edge in pair] if prefix else [], np.uint64)


def _begins_with(numbers: Numbers, prefix: str) -> Mask:
    if not prefix:
        return np.ones(len(numbers), dtype=bool)
    place: Mask = np.searchsorted(_edges_of(prefix), numbers, side="right") % 2 == 1
    return place


def _spoken(route: Route) -> str:
    return f"{route.carrier} by {route.routing_number}" if route.routing_number else f"{route.carrier}, which has none"
