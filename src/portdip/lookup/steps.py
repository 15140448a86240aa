"""Changes to steps: who serves each number, or holds each interval, from which moment on.

The rules are those of `portdip.lookup.history`, which says why; here they are done to all numbers at once. Of the
changes in force about one thing the one of the highest rank counts. So in the order of their moments, a change that a
higher one stands before never counts, and the others are the steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from portdip.index import LiveIndex
from portdip.lookup.past_columns import NEVER_SAID, ROW_BITS, Changes, Mask, Moments, Numbers, Past, Places, Rule
from portdip.route import Route
from portdip.table import past as stored
from portdip.table.facts import AT_ONCE
from portdip.table.snapshot import Snapshot

Positions = npt.NDArray[np.intp]

#: Since nobody knows when.
LONG_AGO = AT_ONCE
#: The row of what an import keeps for later, behind all rows of a delta.
_KEPT = np.uint64(stored.BEFORE + 1)
_BITS = np.uint64(ROW_BITS)
#: Above all numbers and sequences.
_NOBODY = np.uint64(2**64 - 1)


@dataclass(frozen=True, slots=True)
class Steps:
    """What counts about each thing, in the order of `group` and then of `starts`: columns of one length.

    `group` is a number, or the place of an interval; `place` that of the change, which mass changes come after.
    """

    group: Numbers
    starts: Moments
    code: npt.NDArray[np.uint16]
    place: Places

    def __len__(self) -> int:
        return len(self.group)

    def where(self, chosen: Mask | Positions) -> Steps:
        """Those that a mask picks, or those at some places, in their order."""
        return Steps(self.group[chosen], self.starts[chosen], self.code[chosen], self.place[chosen])


def of_numbers(past: Past, snapshot: Snapshot, told: Told, since: int) -> tuple[Steps, bool]:
    """The steps of all numbers whose own entry is not always that of the snapshot; and whether the others' is dated.

    Nothing is asked of moments before `since` (LONG_AGO: of any).
    """
    singles = _once(past.singles)
    singles = singles.where(~(singles.is_before & _said_again(singles, told)))
    changed = _distinct(singles.first)
    records, dated = _records(past, snapshot, told, since, changed)
    kept = records.where(~told.meets(records.first, records.sequence) & ~_has(singles, records))
    # A record that other changes tell of says nothing itself: without them nobody has the number.
    silent = records.where(~_among(records.first, changed) & ~_among(records.first, kept.first))
    silent.code[:] = 0
    everyone = np.sort(np.concatenate([changed, kept.first, silent.first]), kind="stable")
    own = Changes.joined([kept, silent, singles, *_released(past.releases, _distinct(everyone))])
    own = own.where(_by_group(own.first))
    starts = _starts(own, past.imports, own.code != 0)
    high, low = _kept_for_later(own, starts, past.imports)
    order = _in_groups(own.first, starts, high, low)
    return _steps(own.where(order), own.first[order], starts[order], high[order], low[order]), dated


@dataclass(frozen=True, slots=True)
class Told:
    """The deltas that say something of many numbers, by mass changes and releases: sequences and intervals."""

    sequence: npt.NDArray[np.uint64]
    first: Numbers
    last: Numbers

    @classmethod
    def of(cls, past: Past) -> Told:
        """Those of the past."""
        rules = [(rule.place >> ROW_BITS, rule.first, rule.last) for rule in past.rules]
        columns = np.array(rules, dtype=np.uint64).reshape(-1, 3).T
        parts = zip(columns, (past.releases.sequence, past.releases.first, past.releases.last), strict=True)
        return cls(*(np.concatenate(both) for both in parts))

    def meets(self, numbers: Numbers, sequence: npt.NDArray[np.uint64]) -> Mask:
        """Which numbers the delta of this sequence says something of."""
        found: Mask = np.zeros(len(numbers), dtype=bool)
        some = np.flatnonzero(_among(sequence, np.sort(self.sequence)))
        for at, first, last in zip(self.sequence, self.first, self.last, strict=True):
            here = numbers[some]
            found[some] |= (sequence[some] == at) & (here >= first) & (here <= last)
        return found


def _once(changes: Changes) -> Changes:
    """By number and place, each change once: the last that was written."""
    changes = changes.where(_by_group(changes.first))
    changes = changes.where(_in_groups(changes.first, changes.place))
    last = np.ones(len(changes), dtype=bool)
    last[:-1] = (changes.first[1:] != changes.first[:-1]) | (changes.place[1:] != changes.place[:-1])
    return changes.where(last)


def _by_group(group: Numbers) -> Positions | slice:
    """What puts a column in order, equal ones as they stand."""
    if np.all(group[1:] >= group[:-1]):
        return slice(None)
    return np.argsort(group, kind="stable")


def _in_groups(group: Numbers, *keys: npt.NDArray[Any]) -> Positions | slice:
    """What puts each group of a column in order by keys, the first of them first. Nearly all are in order already."""
    wrong = np.zeros(max(len(group) - 1, 0), dtype=bool)
    same = group[1:] == group[:-1]
    for key in keys:
        wrong |= same & (key[1:] < key[:-1])
        same &= key[1:] == key[:-1]
    if not wrong.any():
        return slice(None)
    order = np.arange(len(group))
    some = np.flatnonzero(_among(group, _distinct(group[1:][wrong])))
    order[some] = some[np.lexsort((*(key[some] for key in reversed(keys)), group[some]))]
    return order


def _distinct(group: Numbers) -> Numbers:
    """The different values of a column in order."""
    return group[_begins(group)]


def _among(values: Numbers, group: Numbers) -> Mask:
    """Which values are in a column in order."""
    found: Mask = np.append(group, _NOBODY)[np.searchsorted(group, values)] == values
    return found


def _said_again(singles: Changes, told: Told) -> Mask:
    """Which changes are of a delta that says something else of the number too: what a table held is in that."""
    sequence = singles.sequence
    follows: Mask = np.zeros(len(singles), dtype=bool)
    # By place, so a row of the table comes behind the others of its sequence.
    follows[1:] = (singles.first[1:] == singles.first[:-1]) & (sequence[1:] == sequence[:-1])
    return follows | told.meets(singles.first, sequence)


def _has(singles: Changes, records: Changes) -> Mask:
    """Of which records there is a change of the same number and sequence."""
    at = np.searchsorted(singles.first, records.first, side="left")
    end = np.searchsorted(singles.first, records.first, side="right")
    found: Mask = np.zeros(len(records), dtype=bool)
    sequence = np.append(singles.sequence, np.uint64(0))
    while (open_ := at < end).any():
        found |= open_ & (sequence[np.where(open_, at, -1)] == records.sequence)
        at = at + 1
    return found


def _records(past: Past, snapshot: Snapshot, told: Told, since: int, changed: Numbers) -> tuple[Changes, bool]:
    """The snapshot's rows of numbers that need steps; and whether those of all others are dated."""
    moved, spoke = _Moved(past.rules, snapshot), np.sort(told.sequence)
    is_unsure = since < past.begins  # may be asked of moments of which only that is known which has a date
    dated = is_unsure and _mostly_dated(snapshot)
    found = []
    for batch in snapshot.numbers.to_batches():
        number, route, version = (batch.column(name).to_numpy() for name in ("number", "route", "version"))
        effective = batch.column("effective").cast("int64").fill_null(NEVER_SAID).to_numpy()
        wanted = (effective > since) | _among(version, spoke) | moved.later(route, version)
        if is_unsure:
            wanted |= (effective == NEVER_SAID) == dated
        for first, last in zip(past.releases.first, past.releases.last, strict=True):
            wanted[slice(*np.searchsorted(number, [first, last + np.uint64(1)]))] = True
        if len(changed):
            low, high = np.searchsorted(changed, [number[0], number[-1] + np.uint64(1)]) if len(number) else (0, 0)
            at = np.searchsorted(number, changed[low:high])
            wanted[at[number[at] == changed[low:high]]] = True
        chosen = np.flatnonzero(wanted)
        found.append(
            Changes(
                number[chosen],
                number[chosen],
                route[chosen],
                (version[chosen] << _BITS) | np.uint64(stored.BEFORE),
                np.full(len(chosen), NEVER_SAID),
                effective[chosen],
            )
        )
    return Changes.joined(found), dated


def _mostly_dated(snapshot: Snapshot) -> bool:
    """Whether more of the snapshot's numbers have a date than have none."""
    return int(snapshot.numbers.column("effective").null_count) * 2 < len(snapshot.numbers)


class _Moved:
    """Which of the snapshot's numbers a mass change that is in it could have moved at some moment, and not for good."""

    def __init__(self, rules: list[Rule], snapshot: Snapshot) -> None:
        self._latest = np.zeros(1 << 16, dtype=np.uint64)
        for code, route in snapshot.routes.items():
            places = [rule.place for rule in rules if moves(rule, route)]
            within = [place for place in places if place >> ROW_BITS <= snapshot.manifest.sequence]
            self._latest[code] = max(within, default=0) >> ROW_BITS

    def later(self, route: npt.NDArray[np.uint16], version: npt.NDArray[np.uint64]) -> Mask:
        """Which of them have a mass change of their route after the delta that brought them."""
        found: Mask = self._latest[route] > version
        return found


def moves(rule: Rule, route: Route) -> bool:
    """Whether a mass change is about this route."""
    return rule.carrier == route.carrier.id and rule.digits in (None, route.routing_number)


def _released(releases: Changes, numbers: Numbers) -> list[Changes]:
    """Releases of intervals as releases of each of the numbers in them, which are in order."""
    found = []
    for row in range(len(releases)):
        one = releases.where(np.array([row]))
        low, high = np.searchsorted(numbers, [one.first[0], one.last[0] + np.uint64(1)])
        inside = numbers[low:high]
        found.append(replace(one.where(np.zeros(len(inside), dtype=np.intp)), first=inside, last=inside))
    return found


def _starts(changes: Changes, imports: dict[int, int], counts: Mask) -> Moments:
    """From when on each change is in force; changes lie by `first`, those that `counts` picks say when it is known of.

    What an import brought counts from then, unless nothing is known from before.
    """
    sequence = changes.sequence
    created, effective = changes.created.copy(), changes.effective.copy()
    brought = np.array(sorted(imports), dtype=np.uint64)
    moment = np.array([imports[each] for each in sorted(imports)], dtype=np.int64)
    of_import = np.flatnonzero(_among(sequence, brought))
    if len(of_import):
        begins = _begins(changes.first)
        firsts = np.minimum.reduceat(np.where(counts, sequence, np.uint64(1 << 62)), begins)
        earliest = firsts[np.searchsorted(begins, of_import, side="right") - 1]
        when = moment[np.searchsorted(brought, sequence[of_import])]
        undated = effective[of_import] == NEVER_SAID
        later = undated & (created[of_import] == NEVER_SAID) & (sequence[of_import] > earliest)
        created[of_import[later]] = when[later]
        effective[of_import[~undated]] = np.minimum(effective[of_import], when)[~undated]
    return np.where(effective == NEVER_SAID, created, effective)


def _begins(group: Numbers) -> Positions:
    """Where each group of a column in order begins."""
    opens = np.ones(len(group), dtype=bool)
    opens[1:] = group[1:] != group[:-1]
    return np.flatnonzero(opens)


def _kept_for_later(own: Changes, starts: Moments, imports: dict[int, int]) -> tuple[Places, Places]:
    """The rank of each change in two columns: what was still to come at an import, and not outdone, ranks behind it."""
    high, low = own.place.copy(), np.zeros(len(own), dtype=np.uint64)
    if not imports or not len(own):
        return high, low
    brought = sorted(imports)
    moments = [imports[each] for each in brought]
    following = np.searchsorted(np.array(brought, dtype=np.uint64), own.sequence, side="right")
    waits = starts > np.append(moments, np.iinfo(np.int64).max)[following]
    some = np.flatnonzero(_among(own.first, _distinct(own.first[waits])))
    if not len(some):
        return high, low
    number, begin, place = own.first[some], starts[some], own.place[some]
    rank, behind = high[some], low[some]
    for sequence, created in zip(brought, moments, strict=True):
        limit = np.uint64(sequence) << _BITS
        order = np.lexsort((behind, rank, number))
        before = rank[order] < limit
        later = begin[order] > created
        group = np.cumsum(np.append(True, number[order][1:] != number[order][:-1])) - 1
        outdone = np.full(len(order), -1)
        here = np.flatnonzero(before & ~later)
        outdone[group[here]] = here  # the last of each group stays
        kept = order[np.flatnonzero(before & later & (np.arange(len(order)) > outdone[group]))]
        rank[kept], behind[kept] = limit | _KEPT, place[kept]
    high[some], low[some] = rank, behind
    return high, low


def _steps(changes: Changes, group: Numbers, starts: Moments, high: Places, low: Places) -> Steps:
    """The steps of changes in the order of group, start and rank."""
    steps = Steps(group, starts, changes.code, changes.place)
    while len(steps):
        below = (high[1:] < high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] < low[:-1]))
        below &= steps.group[1:] == steps.group[:-1]
        if not below.any():
            break
        kept = np.append(True, ~below)
        steps, high, low = steps.where(kept), high[kept], low[kept]
    last = np.ones(len(steps), dtype=bool)
    last[:-1] = (steps.group[1:] != steps.group[:-1]) | (steps.starts[1:] != steps.starts[:-1])
    return steps if last.all() else steps.where(last)


@dataclass(frozen=True, slots=True)
class Cells:
    """Intervals side by side, in order, and their steps, whose `group` is the place of the interval.

    Before the first step the snapshot's range holds an interval where `by_snapshot`, else nobody.
    """

    first: Numbers
    last: Numbers
    by_snapshot: Mask
    steps: Steps


def of_ranges(past: Past, index: LiveIndex, snapshot_sequence: int, movable: Mask) -> Cells:
    """The steps of all intervals whose holder is not always that of the snapshot.

    `movable` says of each route code whether a mass change is about it.
    """
    ranges = past.ranges
    edges = np.unique(np.concatenate([ranges.first, ranges.last + np.uint64(1)]))
    low, high = np.searchsorted(edges, ranges.first), np.searchsorted(edges, ranges.last + np.uint64(1))
    counts = high - low
    row = np.repeat(np.arange(len(ranges)), counts)
    cell = (np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)).astype(
        np.uint64
    )
    each = _once(replace(ranges.where(row), first=cell))
    begins = _begins(each.first)
    earliest = np.zeros(len(each), dtype=bool)
    earliest[begins] = True
    each = each.where(earliest | ~each.is_before)
    starts = _starts(each, past.imports, np.ones(len(each), dtype=bool))
    rank = np.where(each.is_before, np.uint64(0), each.place)
    order = np.lexsort((rank, starts, each.first))
    found = _steps(each.where(order), each.first[order], starts[order], rank[order], np.zeros(len(order), np.uint64))
    used = np.unique(each.first)
    first = edges[used.astype(np.intp)]
    last = edges[used.astype(np.intp) + 1] - np.uint64(1)
    by_snapshot = (
        np.minimum.reduceat(each.sequence, _begins(each.first)) > snapshot_sequence if len(each) else movable[:0]
    )
    found = replace(found, group=np.searchsorted(used, found.group).astype(np.uint64))
    return _without_constant(Cells(first, last, by_snapshot, found), each, used, index, snapshot_sequence, movable)


def _without_constant(
    cells: Cells, changes: Changes, used: Numbers, index: LiveIndex, snapshot_sequence: int, movable: Mask
) -> Cells:
    """Those cells that the snapshot alone does not answer for, at any moment."""
    steps = cells.steps
    if not len(steps):
        return cells
    begins = _begins(steps.group)
    single = np.append(begins[1:], len(steps)) - begins == 1
    code, start = steps.code[begins], steps.starts[begins]
    newest = np.maximum.reduceat(changes.sequence, _begins(changes.first))
    constant = single & (start == LONG_AGO) & (newest <= snapshot_sequence) & ~movable[code]
    for edge in (cells.first, cells.last):
        constant &= index.range_codes(edge) == code
    kept = np.flatnonzero(~constant)
    place = np.full(len(cells.first), -1)
    place[kept] = np.arange(len(kept))
    inside = place[steps.group.astype(np.intp)] >= 0
    chosen = steps.where(inside)
    chosen = replace(chosen, group=place[chosen.group.astype(np.intp)].astype(np.uint64))
    return Cells(cells.first[kept], cells.last[kept], cells.by_snapshot[kept], chosen)
