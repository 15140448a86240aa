"""Reverse questions agree with dips: number by number, whatever the chain has brought."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from portdip.errors import StoreError, UnknownCarrierError
from portdip.exchange import rows
from portdip.lookup import reverse
from portdip.lookup.engine import Engine
from portdip.lookup.follower import Follower
from portdip.lookup.load import init_store, write_image
from portdip.lookup.moved import Wanted, moved, moved_between, state_at
from portdip.route import Dip, Status
from portdip.table.outstanding import microseconds
from portdip.table.store import Store
from tests.faults.scenario import scratch
from tests.lookup import stores
from tests.lookup.test_follow_machine import NUMBERS, FollowMachine, carriers, changes

#: Every number that a change may be about, and some that none is.
UNIVERSE = [1, *range(190, 330), *range(985, 1005)]
#: Every example makes a store and asks it some hundred times.
few = hypothesis.settings(max_examples=100 if hypothesis.settings.default.max_examples > 100 else 10)
#: Numbers of an import: carrier, and hours from now of the date that it gives, if any.
imports = st.dictionaries(
    st.sampled_from(NUMBERS), st.tuples(carriers, st.sampled_from([None, -20, -5, 6])), min_size=1, max_size=5
)
#: What happens to a store: a delta, a fold (None), an import.
deltas = st.lists(
    st.lists(changes, min_size=1, max_size=5) | st.none() | imports.map(lambda brought: [brought]),
    min_size=1,
    max_size=8,
)


@contextlib.contextmanager
def grown(drawn: list[list[Any] | None]):
    """A store to which all that happened, and the moment that hours are counted from."""
    now = datetime.now(UTC)
    with scratch() as path:
        store = init_store(path / "store", "test")
        with store.writer() as writer:
            for first in (200, 210, 300):
                writer.assign(first, first + 9, "ABC"[first % 3], "")
        for made in drawn:
            if made is None:
                with store.fold() as draft:
                    if draft:
                        write_image(draft)
                continue
            if isinstance(made[0], dict):
                bring(store, made[0], now)
                continue
            with store.writer() as writer:
                for operation, where, what, delay in made:
                    effective = None if delay is None else now + timedelta(hours=delay)
                    FollowMachine._put(writer, operation, where, what, effective)
        yield store, now


def bring(store: Store, brought: dict[int, tuple[str, int | None]], now: datetime) -> None:
    """Import numbers; nothing happens where a change of many numbers is to take effect later."""
    columns = [
        {"number": number, "carrier": carrier, "effective": None if hours is None else now + timedelta(hours=hours)}
        for number, (carrier, hours) in brought.items()
    ]
    with contextlib.suppress(StoreError), store.draft(pytest.fail) as draft:
        draft.add(pa.RecordBatch.from_pylist(columns, schema=rows.NUMBERS))
        write_image(draft)


def dips(engine: Engine) -> dict[int, Dip]:
    return {number: engine.dip(number) for number in UNIVERSE}


@hypothesis.given(deltas)
@few
def test_what_a_carrier_serves_is_what_dips_say(drawn):
    with grown(drawn) as (store, _):
        engine = Engine(Follower(store, False, datetime.now(UTC)))
        generation, expected = engine.generation, dips(engine)
        for carrier in "ABC":
            mine = [dip for dip in expected.values() if dip.carrier and dip.carrier.id == carrier]
            with contextlib.suppress(UnknownCarrierError):
                mask = reverse.chosen(generation, carrier=carrier)
                check_served(generation, mask, mine, expected)
        for digits in ("", "D1"):
            mine = [dip for dip in expected.values() if dip.carrier and dip.routing_number == digits]
            with contextlib.suppress(UnknownCarrierError):
                check_served(generation, reverse.chosen(generation, routing_number=digits), mine, expected)
        check_utilization(generation, expected)


def check_served(generation: Any, mask: Any, mine: list[Dip], expected: dict[int, Dip]) -> None:
    rows = reverse.served(generation, mask).read_all().to_pylist()
    ported = {row["first"]: row for row in rows if row["status"] == "ported"}
    assert list(ported) == [dip.number for dip in mine if dip.ported]
    for number, row in ported.items():
        dip = expected[number]
        assert (row["carrier"], row["routing_number"]) == (dip.carrier.id, dip.routing_number)
        assert row["range_holder"] == (dip.range_holder and dip.range_holder.id)
        assert (row["last"], row["numbers"]) == (number, 1)
    ranges = [row for row in rows if row["status"] == "native"]
    native = {dip.number for dip in mine if not dip.ported}
    covered = {number for row in ranges for number in range(row["first"], row["last"] + 1)}
    assert native <= covered
    for row in ranges:
        assert row["numbers"] == len(native & set(range(row["first"], row["last"] + 1)))
    found = reverse.count(generation, mask)
    assert (found.ported, found.native, found.ranges) == (len(ported), len(native), len(ranges))
    assert sum(row["numbers"] for row in rows) == found.numbers == len(mine)
    only = reverse.served(generation, mask, ported_only=True).read_all()
    assert only.column("first").to_pylist() == list(ported)


def check_utilization(generation: Any, expected: dict[int, Dip]) -> None:
    seen = set()
    for row in reverse.utilization(generation, reverse.chosen(generation)).to_pylist():
        inside = [expected[number] for number in range(row["first"], row["last"] + 1)]
        seen |= {dip.number for dip in inside}
        assert {dip.range_holder and dip.range_holder.id for dip in inside} == {row["carrier"]}
        counts = Counter(
            "native" if not dip.ported else "own" if dip.carrier.id == row["carrier"] else "out" for dip in inside
        )
        assert (row["native"], row["own_entries"], row["ported_out"]) == (
            counts["native"],
            counts["own"],
            counts["out"],
        )
        assert row["numbers"] == len(inside)
    assert seen == {number for number, dip in expected.items() if dip.range_holder}


@hypothesis.given(deltas, st.data())
@few
def test_what_moved_is_what_dips_say_differently(drawn, data):
    with grown(drawn) as (store, _):
        head = store.chain.head.sequence
        first, last = sorted((data.draw(st.integers(1, head)), data.draw(st.integers(1, head))))
        states = []
        for sequence in (first, last):
            try:
                states.append((state_at(store, sequence), held_at(store, sequence)))
            except StoreError:
                assert sequence < store.snapshots()[0]
                return
        (before, old), (after, new) = states
        everything = moved(before, after, Wanted()).read_all().to_pylist()
        check_moved(everything, old, new)
        for carrier in {carrier.id for carrier in map_carriers(after)}:
            for into, out in ((True, False), (False, True), (True, True)):
                rows = moved(before, after, Wanted(carrier, into, out)).read_all().to_pylist()
                assert rows == [
                    row
                    for row in everything
                    if (into and row["to_carrier"] == carrier) or (out and row["from_carrier"] == carrier)
                ]


@hypothesis.given(deltas, st.data())
@few
def test_what_moved_between_two_moments_is_what_dips_of_then_say_differently(drawn, data):
    with grown(drawn) as (store, _):
        engine = Engine(Follower(store, False, datetime.now(UTC)))
        made = [store.chain.read(sequence).header.created for sequence in store.chain.sequences()]
        hours = [made[-1] + timedelta(hours=hours) for hours in (-11, -9, 5, 7, 13)]
        moments = st.sampled_from([*made, *hours])
        first, last = sorted((data.draw(moments), data.draw(moments)))
        old, new = ({number: engine.dip(number, at=moment) for number in UNIVERSE} for moment in (first, last))
        bounds = microseconds(first), microseconds(last)
        rows = moved_between(store, engine.timeline(bounds[0]), *bounds, Wanted()).read_all().to_pylist()
        check_moved(rows, old, new)


def map_carriers(generation: Any) -> set[Any]:
    return {route.carrier for route in generation.routes.values()}


def held_at(store: Store, sequence: int) -> dict[int, Dip]:
    """What a store that is rolled back answers at the moment of its last delta."""
    made = store.chain.read(sequence).header.created
    store.hold(sequence)
    folded = store.current().manifest.as_of
    engine = Engine(Follower(store, False, max(made, folded)))
    store.resume()
    return dips(engine)


def check_moved(rows: list[dict[str, Any]], old: dict[int, Dip], new: dict[int, Dip]) -> None:
    def carrier(dip: Dip) -> str | None:
        return dip.carrier and dip.carrier.id

    differ = {number for number in UNIVERSE if carrier(old[number]) != carrier(new[number])}
    own = {number for number in UNIVERSE if old[number].ported or new[number].ported}
    singles = {row["first"]: row for row in rows if row["first"] == row["last"] and row["first"] in own & differ}
    assert set(singles) == own & differ
    for number, row in singles.items():
        if row["status"] == new[number].status:
            assert (row["from_carrier"], row["to_carrier"]) == (carrier(old[number]), carrier(new[number]))
            assert (row["from_routing_number"] or "") == old[number].routing_number
    ranges = {n for row in rows for n in range(row["first"], row["last"] + 1)}
    assert differ <= ranges
    for number in ranges - differ - own:
        pytest.fail(f"{number} has not moved")


def test_an_unknown_carrier_is_refused_with_the_nearest(engine):
    with pytest.raises(UnknownCarrierError, match="no such carrier"):
        reverse.chosen(engine.generation, carrier="CMX")
    with pytest.raises(UnknownCarrierError, match="Did you mean D100"):
        reverse.chosen(engine.generation, routing_number="D101")


def test_a_carrier_of_a_routing_number(engine):
    generation = engine.generation
    both = reverse.chosen(generation, carrier="CU", routing_number="D002")
    (row,) = reverse.served(generation, both).read_all().to_pylist()
    assert row == {
        "first": stores.PORTED,
        "last": stores.PORTED,
        "numbers": 1,
        "status": Status.PORTED,
        "carrier": "CU",
        "routing_number": "D002",
        "range_holder": "CM",
    }
    neither = reverse.chosen(generation, carrier="CM", routing_number="D002")
    assert reverse.count(generation, neither) == reverse.Served(0, 0, 0)


def test_a_carrier_nobody_is_served_by_has_nothing(engine, fresh, publish):
    publish(lambda writer: writer.port(stores.PORTED, "CU", "D1"))
    publish(lambda writer: writer.release(stores.PORTED))
    generation = Engine(Follower(fresh, False, datetime.now(UTC))).generation
    assert reverse.count(generation, reverse.chosen(generation, carrier="CU")) == reverse.Served(0, 0, 0)


def test_a_sequence_no_snapshot_leads_to_is_refused(fresh, publish):
    publish(lambda writer: writer.port(stores.PORTED, "CU", "D1"))
    with pytest.raises(StoreError, match="no snapshot that is kept leads"):
        state_at(fresh, 9)
