"""The changes that no snapshot holds yet: their order, where they came from, and which must wait."""

from datetime import UTC, datetime

import pytest

from portdip.errors import RoutesFullError
from portdip.exchange.chain import Head
from portdip.exchange.changes import Operation
from portdip.table import catalogue as catalogues
from portdip.table.outstanding import Outstanding, is_about_many, microseconds
from tests.exchange.changes_made import made, rows

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def port(number, carrier="A", effective=None):
    return {"operation": Operation.PORT, "number": number, "carrier": carrier, "effective": effective}


def chain_of(*deltas, after):
    """Deltas with these rows that follow a head."""
    made_deltas = []
    for changes in deltas:
        made_deltas.append(made(rows(*changes), after))
        after = Head.of(made_deltas[-1])
    return made_deltas


@pytest.fixture
def folded(store, write_image):
    """The live snapshot after a fold that leaves two changes to come, of sequences 1 and 2."""
    with store.writer() as writer:
        writer.port(861, "A", effective=FEBRUARY)
        writer.port(862, "A")
        writer.publish()
        writer.port(863, "B", effective=FEBRUARY)
    with store.fold(JANUARY) as draft:
        write_image(draft)
    return store.current()


def test_ordinals_go_on_from_delta_to_delta(store):
    base = store.current()
    outstanding = Outstanding(base)
    deltas = chain_of([port(861), port(862)], [port(863)], after=base.manifest.head)
    taken = [outstanding.take(delta) for delta in deltas]
    assert [part.entries.ordinal.tolist() for part in taken] == [[1, 2], [3]]
    assert outstanding.sequence_of().tolist() == [0, 1, 1, 2]
    assert not outstanding.facts


def test_what_the_snapshot_keeps_for_later_comes_first(folded):
    outstanding = Outstanding(folded)
    assert outstanding.facts.entries.number.tolist() == [861, 863]
    (delta,) = chain_of([port(864)], after=folded.manifest.head)
    assert outstanding.take(delta).entries.ordinal.tolist() == [3]
    assert outstanding.sequence_of().tolist() == [0, 1, 2, 3]


def test_codes_are_the_same_whoever_reads_the_chain_and_how_far_it_was_folded(store, write_image):
    base = store.current()
    changes = [[port(861, "B"), port(862, "A")], [port(863, "C"), port(864, "A")]]
    for delta in changes:
        with store.writer() as writer:
            writer.add(rows(*delta))
    at_once = Outstanding(base)
    for delta in store.chain.after(base.manifest.head):
        at_once.take(delta)
    with store.fold() as draft:
        write_image(draft)
    assert store.current().routes == at_once.catalogue.routes()


def test_a_delta_that_is_not_the_next_is_a_fault_of_ours(store):
    outstanding = Outstanding(store.current())
    first, second = chain_of([port(861)], [port(862)], after=store.current().manifest.head)
    with pytest.raises(AssertionError):
        outstanding.take(second)
    outstanding.take(first)
    outstanding.take(second)


def test_a_delta_that_needs_too_many_routes_is_not_taken(store, monkeypatch):
    monkeypatch.setattr(catalogues, "ROUTES_MAX", 1)
    outstanding = Outstanding(store.current())
    (delta,) = chain_of([port(861, "A"), port(862, "B")], after=store.current().manifest.head)
    for _ in range(2):
        with pytest.raises(RoutesFullError):
            outstanding.take(delta)
    assert outstanding.sequence_of().tolist() == [0]


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        (port(861, effective=FEBRUARY), False),
        ({"operation": Operation.RELEASE, "number": 861, "effective": FEBRUARY}, False),
        ({"operation": Operation.RELEASE, "number": 861, "last": 862, "effective": FEBRUARY}, True),
        ({"operation": Operation.RELEASE, "number": 861, "last": 862, "effective": JANUARY}, False),
        ({"operation": Operation.ASSIGN, "number": 100, "last": 199, "carrier": "A", "effective": FEBRUARY}, True),
        ({"operation": Operation.WITHDRAW, "number": 100, "last": 199, "effective": FEBRUARY}, True),
        ({"operation": Operation.MASS_CHANGE, "carrier": "A", "donor": "B", "effective": FEBRUARY}, True),
        ({"operation": Operation.MASS_CHANGE, "carrier": "A", "donor": "B"}, False),
        ({"operation": Operation.TRUST_KEY, "text": "ab" * 32, "effective": FEBRUARY}, False),
    ],
)
def test_only_what_is_of_many_numbers_and_to_come_stops_a_fold(change, waits):
    """When a key expires is no effective time of a change."""
    delta = made(rows(port(861), change))
    assert is_about_many(delta, microseconds(JANUARY)) is waits
