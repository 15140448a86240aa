"""What a store must answer, by definition: a list of all changes, asked number by number. Simple and slow.

Changes stand in the order of the chain. One is in force from its effective moment, or at once; of those in force about
a number the last in the list counts, then the mass changes after it, in their order. An import comes after all that is
in force when it is made, and before what is then still to come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from portdip.exchange.changes import Operation

LONG_AGO = datetime.min.replace(tzinfo=UTC)

#: Carrier and routing number.
Route = tuple[str, str]
#: First number, last number, and who holds it.
Range = tuple[int, int, Route | None]


@dataclass(frozen=True)
class Change:
    """A row of a delta: a route for port, assign and mass change; `donor` has the old one, None for any number."""

    place: tuple[int, int]
    operation: Operation
    first: int
    last: int
    route: Route | None
    donor: tuple[str, str | None] | None
    effective: datetime | None
    created: datetime

    @property
    def sequence(self) -> int:
        return self.place[0]

    def meets(self, number: int) -> bool:
        return self.first <= number <= self.last

    def moves(self, route: Route) -> bool:
        assert self.donor
        return self.donor[0] == route[0] and self.donor[1] in (None, route[1])


@dataclass(frozen=True)
class Import:
    """A table imported as the delta `sequence`, true for `moment`: numbers and ranges that are there from then on."""

    sequence: int
    moment: datetime
    created: datetime
    numbers: dict[int, Route]
    ranges: list[Range]
    #: What was in force already in the table it was made over, though its moment had not come.
    settled: frozenset[Change]


@dataclass(frozen=True)
class Answer:
    """Whether the number is ported, who serves it, and who holds the range around it."""

    ported: bool
    route: Route | None
    held: Route | None


@dataclass
class _Said:
    """Something said of one number: the route that it then has, or none; by a change, or by an import (None)."""

    place: tuple[int, int]
    change: Change | None
    route: Route | None
    starts: datetime

    def in_force(self, moment: datetime, settled: frozenset[Change]) -> bool:
        effective = self.change and self.change.effective
        return effective is None or effective <= moment or self.change in settled


@dataclass
class _Number:
    """All that was said of one number, in the order in which it counts."""

    own: list[_Said] = field(default_factory=list)
    around: list[_Said] = field(default_factory=list)


class Oracle:
    """All changes and imports of a chain, in order."""

    def __init__(self) -> None:
        self.chain: list[Change | Import] = []
        self._found: dict[tuple[int, int], Answer] = {}
        self._nests: dict[int, list[Range]] = {}

    def now(self, number: int, sequence: int, moment: datetime, settled: frozenset[Change]) -> Answer:
        """What is answered at `moment` by a table up to `sequence` in which the changes `settled` are in force."""

        def starts(change: Change) -> datetime:
            return LONG_AGO if change in settled or change.effective is None else change.effective

        return self._answer(number, sequence, starts, False, moment)

    def at(self, number: int, sequence: int, moment: datetime) -> Answer:
        """What a table up to `sequence` knows of a moment in the past, or to come."""
        return self._answer(number, sequence, _began, True, moment)

    def moments(self, number: int, sequence: int) -> list[datetime]:
        """When something that tells of the number came into force."""
        said, rules = self._said(number, sequence, _began, True)
        found = {one.starts for one in (*said.own, *said.around)}
        return sorted(found | {_began(rule) for rule in rules if rule.meets(number)})

    def found(self, number: int, brought: Import) -> Answer:
        """What an import found."""
        key = number, brought.sequence
        if key not in self._found:
            self._found[key] = self.now(number, brought.sequence - 1, brought.moment, brought.settled)
        return self._found[key]

    def ranges(self, before: int) -> list[Range]:
        """The ranges, one inside the other, that an import finds that is to be the delta `before`."""
        if before in self._nests:
            return self._nests[before]
        nest: list[Range] = []
        for one in self.chain:
            if one.sequence >= before:
                self._nests[before] = nest
                break
            if isinstance(one, Import):
                nest = _brought(nest, one.ranges)
            elif one.operation in (Operation.ASSIGN, Operation.WITHDRAW):
                nest = _assigned(nest, (one.first, one.last, one.route))
            elif one.operation is Operation.MASS_CHANGE:
                nest = _moved(nest, one)
        return nest

    def _answer(
        self, number: int, sequence: int, starts: Callable[[Change], datetime], dated: bool, moment: datetime
    ) -> Answer:
        said, rules = self._said(number, sequence, starts, dated)
        in_force = [rule for rule in rules if rule.meets(number) and starts(rule) <= moment]
        own, around = (
            next((one for one in reversed(all_said) if one.starts <= moment), None)
            for all_said in (said.own, said.around)
        )
        held = _after(around, in_force)
        route = _after(own, in_force)
        return Answer(route is not None, route or held, held)

    def _said(
        self, number: int, sequence: int, starts: Callable[[Change], datetime], dated: bool
    ) -> tuple[_Number, list[Change]]:
        """What was said of a number, and the mass changes; `dated`: of imports too one knows since when they count."""
        said, rules = _Number(), []
        for one in self.chain:
            if one.sequence > sequence:
                break
            if isinstance(one, Import):
                self._import(number, one, said, dated)
            elif one.operation is Operation.MASS_CHANGE:
                rules.append(one)
            elif one.meets(number):
                about = said.own if one.operation in (Operation.PORT, Operation.RELEASE) else said.around
                about.append(_Said(one.place, one, one.route, starts(one)))
        return said, rules

    def _import(self, number: int, brought: Import, said: _Number, dated: bool) -> None:
        place, before = (brought.sequence, 0), self.found(number, brought)
        moment, settled = (brought.created, frozenset()) if dated else (brought.moment, brought.settled)
        # What is still to come, and not outdone already: all after the last that is in force.
        in_force = [place for place, one in enumerate(said.own, start=1) if one.in_force(moment, settled)]
        count = max(in_force, default=0)
        now, later = said.own[:count], said.own[count:]
        route = brought.numbers.get(number)
        if route and not (before.ported and before.route == route):
            known = any(one.route for one in said.own)
            now.append(_Said(place, None, route, brought.created if dated and known else LONG_AGO))
        said.own = now + later
        nest = self.ranges(brought.sequence)
        held = [_innermost(number, ranges) for ranges in (nest, _brought(nest, brought.ranges))]
        if held[0] != held[1]:
            said.around.append(_Said(place, None, held[1], brought.created if dated and said.around else LONG_AGO))


def _began(change: Change) -> datetime:
    return change.effective or change.created


def _after(said: _Said | None, rules: Iterable[Change]) -> Route | None:
    """The route once the mass changes since are done."""
    if said is None or said.route is None:
        return None
    route = said.route
    for rule in rules:
        if rule.place > said.place and rule.moves(route):
            assert rule.route
            route = rule.route
    return route


def _innermost(number: int, nest: list[Range]) -> Route | None:
    around = [one for one in nest if one[0] <= number <= one[1]]
    return min(around, key=lambda one: one[1] - one[0])[2] if around else None


def _brought(nest: list[Range], new: list[Range]) -> list[Range]:
    intervals = {one[:2] for one in new}
    return [one for one in nest if one[:2] not in intervals] + new


def _assigned(nest: list[Range], new: Range) -> list[Range]:
    begin, end, _ = new
    found: dict[tuple[int, int], Range] = {}
    for first, last, held in sorted(nest, key=lambda one: one[0] - one[1]):  # outer before inner
        if begin <= first and last <= end:
            continue
        cut_last = begin - 1 if first < begin <= last < end else last
        cut_first = end + 1 if begin < first <= end < last else first
        found[cut_first, cut_last] = (cut_first, cut_last, held)
    return [*found.values(), new]


def _moved(nest: list[Range], rule: Change) -> list[Range]:
    after, others = [], []  # the ranges, those inside the interval moved; and what the others hold alone
    for first, last, held in nest:
        inside = rule.first <= first and last <= rule.last
        after.append((first, last, rule.route if inside and held and rule.moves(held) else held))
        others.append((first, last, None if inside else held))
    edges = sorted({rule.first, *(edge for first, last, _ in others for edge in (first, last + 1))})
    pieces: list[tuple[int, int, Route]] = []
    for edge, following in zip(edges, [*edges[1:], rule.last + 1], strict=True):
        held = _innermost(edge, others) if rule.first <= edge <= rule.last else None
        if held and rule.moves(held) and held != rule.route:
            joined = bool(pieces) and pieces[-1][1] == edge - 1 and pieces[-1][2] == held
            first = pieces.pop()[0] if joined else edge
            pieces.append((first, min(following - 1, rule.last), held))
    for first, last, _ in pieces:
        after = _assigned(after, (first, last, rule.route))
    return after
