"""Who served a number when: every change of it that the store still knows, laid out in time.

A change is in force from its effective moment, or else from when its delta was made; of those in force the one latest
in the chain counts, as it does for dips now. So the past is asked with what is known today: a change that was made
later but took effect earlier is in it.

What was imported counts from its date, or from the import. But where nothing is known from before, it has been so
since nobody knows when. A change that was still to come at an import counts as made after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from portdip.errors import StoreError
from portdip.exchange.changes import Operation
from portdip.exchange.delta import Delta
from portdip.lookup.generation import Generation
from portdip.route import Carrier, Dip, Status
from portdip.table import past
from portdip.table.snapshot import Record
from portdip.table.store import Store

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_OF_ONE = (Operation.PORT, Operation.RELEASE)
_OF_NUMBERS = (*_OF_ONE, Operation.MASS_CHANGE)
_OF_RANGES = (Operation.ASSIGN, Operation.WITHDRAW)

#: The row of an event as Arrow gives it: a value by column of `past.EVENTS`.
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Holding:
    """A time during which one carrier served a number, or none did.

    From `since` until `until` (UTC, None: not known, and still). `sequence` is the delta that began it (0: known from
    the beginning), signed by the key `signer` ("" for none); `operation` what the delta did, `order` the porting
    order it names. `range_holder` is who held the range at its beginning.
    """

    status: Status
    carrier: Carrier | None
    routing_number: str
    range_holder: Carrier | None
    since: datetime | None
    until: datetime | None
    sequence: int
    signer: str
    operation: str
    order: str | None


@dataclass(frozen=True, slots=True)
class _Event:
    """One change that tells of the number.

    `place` orders the chain, and `rank` the events about one thing: the highest of those in force counts. `dated` is
    False where no effective moment was given: then dips have answered so from when it came, whenever it was made.
    """

    place: tuple[int, int]
    rank: tuple[int, ...]
    sequence: int
    operation: Operation
    carrier: str | None
    routing_number: str
    donor: str | None
    donor_routing_number: str | None
    effective: datetime
    dated: bool
    order: str | None
    signer: str


@dataclass(frozen=True, slots=True)
class _Route:
    carrier: str
    routing_number: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What some events come to: the route, None for none, who holds the range, and the event that says so.

    `own` is the newest event of the number alone.
    """

    ported: bool
    route: _Route | None
    held: _Route | None
    own: _Event | None
    decided: _Event | None


def history(store: Store, generation: Generation, number: int) -> list[Holding]:
    """Every holder of the number that is known, oldest first, up to the sequence of `generation`.

    What takes effect later is there too, with its date. Reads the store: some milliseconds, and one for each delta
    that no snapshot holds yet. Raises StoreError or DeltaError for damage met on the way, and StoreError where what
    the generation was made of has been pruned since.
    """
    events = _events(store, generation, number)
    carriers = _carriers(generation)
    holdings: list[Holding] = []
    for moment in sorted({event.effective for event in events}) or [_LONG_AGO]:
        answer = _answer(event for event in events if event.effective <= moment)
        if not answer.ported and holdings and holdings[-1].status is Status.PORTED:
            # Nothing but its release ends a port, whenever the range came to who holds it. What comes later is no
            # matter of the release.
            answer = replace(answer, decided=answer.own)
        holding = _holding(answer, carriers)
        if holdings and _same(holdings[-1], holding):
            continue
        if holdings:
            holdings[-1] = replace(holdings[-1], until=moment)
        holdings.append(replace(holding, since=moment if moment != _LONG_AGO else None))
    return holdings


def dip_at(store: Store, generation: Generation, number: int, moment: datetime) -> Dip:
    """Who served, or will serve, the number at `moment`, as far as the store knows; costs as `history` does."""
    events = _events(store, generation, number)
    found = _holding(_answer(event for event in events if event.effective <= moment), _carriers(generation))
    return Dip(
        number,
        found.status,
        found.carrier,
        found.routing_number,
        found.status is Status.PORTED,
        found.range_holder,
        generation.sequence,
        moment,
    )


def record(store: Store, generation: Generation, number: int) -> Record | None:
    """The full row of a number that is ported in `generation`, None for any other; costs as `history` does."""
    events = _events(store, generation, number)
    found = _answer(event for event in events if not event.dated or event.effective <= generation.moment)
    route = generation.routes.get(generation.index[number])
    if not found.ported or found.own is None or found.decided is None or route is None:
        return None
    own = found.own
    donor = _carriers(generation).get(own.donor, Carrier(own.donor)) if own.donor else None
    return Record(number, route, donor, found.decided.sequence, own.effective if own.dated else None)


def _answer(in_force: Iterable[_Event]) -> _Answer:
    """What the events in force come to."""
    own = around = None
    rules = []
    for event in in_force:
        if event.operation is Operation.MASS_CHANGE:
            rules.append(event)
        elif event.operation in _OF_RANGES:
            around = event if around is None or event.rank > around.rank else around
        else:
            own = event if own is None or event.rank > own.rank else own
    rules.sort(key=lambda rule: rule.place)
    held, held_by = _after(rules, around)
    if own is not None and own.operation is Operation.PORT:
        route, decided = _after(rules, own)
        return _Answer(True, route, held, own, decided)
    return _Answer(False, held, held, own, held_by or own)


def _after(rules: list[_Event], event: _Event | None) -> tuple[_Route | None, _Event | None]:
    """The route an event gives once the mass changes after it are done, and the last event that decided it."""
    if event is None or event.carrier is None:
        return None, event
    route, decided = _Route(event.carrier, event.routing_number), event
    for rule in rules:
        if rule.place > event.place and rule.donor == route.carrier:
            new = _Route(rule.carrier or "", rule.routing_number)
            if rule.donor_routing_number in (None, route.routing_number) and new != route:
                route, decided = new, rule
    return route, decided


def _holding(answer: _Answer, carriers: Mapping[str, Carrier]) -> Holding:
    def named(route: _Route | None) -> Carrier | None:
        return carriers.get(route.carrier, Carrier(route.carrier)) if route else None

    decided, route = answer.decided, answer.route
    return Holding(
        Status.PORTED if answer.ported else Status.NATIVE if route else Status.UNALLOCATED,
        named(route),
        route.routing_number if route else "",
        named(answer.held),
        None,
        None,
        decided.sequence if decided else 0,
        decided.signer if decided else "",
        decided.operation.label if decided else "",
        decided.order if decided else None,
    )


def _carriers(generation: Generation) -> dict[str, Carrier]:
    return {route.carrier.id: route.carrier for route in generation.routes.values()}


def _events(store: Store, generation: Generation, number: int) -> list[_Event]:
    """Every event that tells of the number, as far as `generation` goes."""
    rows = _once(_rows(store, generation, number))
    rows += _of_snapshot(generation, number, rows)
    imports = {row["sequence"]: row for row in rows if row["operation"] == Operation.SNAPSHOT}
    first = {
        kind: min((row["sequence"] for row in rows if row["operation"] in kind), default=0)
        for kind in ((Operation.PORT,), _OF_RANGES)
    }
    events = [
        _event(row, imports, first[_OF_RANGES if row["operation"] in _OF_RANGES else (Operation.PORT,)])
        for row in rows
        if row["operation"] != Operation.SNAPSHOT
    ]
    for sequence, created in sorted((sequence, row["created"]) for sequence, row in imports.items()):
        events = [_kept_for_later(event, events, sequence, created) for event in events]
    return events


def _rows(store: Store, generation: Generation, number: int) -> Iterator[_Row]:
    """The rows of the history that tell of the number, then those of the deltas that are in no history yet."""
    yield from store.past.of(number, generation.snapshot.manifest.sequence).to_pylist()
    for delta in in_no_history(store, generation):
        events = past.events(delta)
        yield from events.filter(past.tells_of(events, number)).to_pylist()


def in_no_history(store: Store, generation: Generation) -> Iterator[Delta]:
    """The deltas up to the sequence of `generation` that no stretch of the history before its snapshot holds.

    Raises StoreError where some of them have been pruned.
    """
    snapshot, chain = generation.snapshot.manifest, store.chain
    remembered = store.past.last(snapshot.sequence) or chain.base.sequence
    skipped = (chain.read(sequence) for sequence in range(remembered + 1, snapshot.sequence + 1) if chain.has(sequence))
    reached = snapshot.sequence
    for deltas in (skipped, chain.after(snapshot.head)):
        for following in deltas:
            if following.sequence > generation.sequence:
                break
            reached = max(reached, following.sequence)
            yield following
    if reached < generation.sequence:
        raise StoreError(
            "the deltas that this answer needs have been pruned",
            where=f"{chain.path}, sequence {reached + 1}",
            fix="Refresh the engine, or open another one.",
        )


def _once(rows: Iterable[_Row]) -> list[_Row]:
    """Each row once; and what the table held, only where no older row says it."""
    kept = {(row["sequence"], row["row"], row["operation"]): row for row in rows}
    told = {place[0] for place in kept if place[1] != past.BEFORE and place[2] in _OF_NUMBERS}
    earliest = min((place[:2] for place in kept if place[2] in _OF_RANGES), default=(0, 0))
    return [
        row
        for place, row in kept.items()
        if place[1] != past.BEFORE or (place[:2] == earliest if place[2] in _OF_RANGES else place[0] not in told)
    ]


def _of_snapshot(generation: Generation, number: int, rows: list[_Row]) -> list[_Row]:
    """What the snapshot itself says of the number where no row does."""
    snapshot = generation.snapshot
    blank = dict.fromkeys(past.EVENTS.names) | {"row": past.BEFORE}
    found = []
    record = snapshot.record(number)
    if record and record.version not in {row["sequence"] for row in rows if row["operation"] in _OF_NUMBERS}:
        found.append(
            blank
            | {
                "operation": Operation.PORT,
                "carrier": record.route.carrier.id,
                "routing_number": record.route.routing_number,
                "donor": record.donor and record.donor.id,
                "effective": record.effective,
                "sequence": record.version,
            }
        )
    sequence = snapshot.manifest.sequence
    route = generation.routes.get(generation.index.base.range_code(number))
    if route and not any(row["operation"] in _OF_RANGES and row["sequence"] <= sequence for row in rows):
        texts = {"carrier": route.carrier.id, "routing_number": route.routing_number}
        found.append(blank | texts | {"operation": Operation.ASSIGN, "sequence": sequence})
    return found


def _event(row: _Row, imports: Mapping[int, _Row], first: int) -> _Event:
    """`imports` are the imports by sequence, `first` is the sequence that first said something of the kind."""
    sequence, place = row["sequence"], row["row"]
    imported = imports.get(sequence, {})
    created = row["created"] or (imported.get("created") if sequence > first else None) or _LONG_AGO
    effective = row["effective"]
    if effective and imported:
        effective = min(effective, imported["created"])
    return _Event(
        (sequence, place),
        (sequence, place),
        0 if place == past.BEFORE and row["operation"] in _OF_RANGES else sequence,
        Operation(row["operation"]),
        row["carrier"],
        row["routing_number"] or "",
        row["donor"],
        row["donor_routing_number"],
        effective or created,
        effective is not None,
        row["order"],
        row["signer"] or imported.get("signer") or "",
    )


def _kept_for_later(event: _Event, events: list[_Event], sequence: int, created: datetime) -> _Event:
    """The event as it is after an import: one still to come then, if nothing has outdone it, counts as made later."""
    if event.operation not in _OF_ONE or event.rank >= (sequence,) or event.effective <= created:
        return event
    for other in events:
        if other.operation in _OF_ONE and event.rank < other.rank < (sequence,) and other.effective <= created:
            return event
    return replace(event, rank=(sequence, past.BEFORE + 1, *event.place))


def _same(one: Holding, other: Holding) -> bool:
    """Whether two moments belong to one holding."""
    return (one.status, one.carrier, one.routing_number) == (other.status, other.carrier, other.routing_number)
