"""A migration goes back to before it, but for what has changed since."""

from datetime import timedelta

import pytest

from portdip.errors import MigrationError
from portdip.exchange.changes import Operation
from portdip.porting import outbox
from portdip.porting.states import State
from portdip.porting.tables.orders import ORDERS
from tests.porting.migration.world import BLOCK, CENTRE, KINDS, kinds, merge, plan


@pytest.mark.parametrize("kind", KINDS)
def test_all_goes_back(world, tmp_path, kind):
    before = world.state()
    world.do(plan(*kinds(tmp_path)[kind], head="piece = 2"))
    assert world.state() != before
    undone = world.undoing.undo("m", CENTRE, "it was wrong")
    assert undone.migration.state == "undone"
    assert undone.left_alone == 0
    assert world.state() == before


def test_a_number_that_was_ported_since_stays_where_it_is(world):
    world.do(plan(merge()))
    with world.database.transaction() as tx:
        outbox.put(tx, [outbox.Change(Operation.PORT, "an order", number=BLOCK + 10_001, carrier="THIRD")])
    undone = world.undoing.undo("m", CENTRE, "it was wrong")
    assert (undone.restored, undone.left_alone) == (2, 1)
    assert world.numbers()[10_001] == ("THIRD", "")
    assert world.numbers()[10_002] == ("OLD", "0B18")


def test_undoing_that_is_stopped_goes_on(world):
    before = world.state()
    world.do(plan(merge(how="per-number"), head="piece = 1"))
    for _ in range(2):
        calls = iter([False, True])
        assert world.undoing.undo("m", CENTRE, "", lambda: next(calls)).migration.state == "undoing"  # noqa: B023
    assert world.undoing.undo("m", CENTRE, "").migration.state == "undone"
    assert world.state() == before


def test_half_of_a_migration_is_undone(world):
    before = world.state()
    world.runner.begin(plan(merge(how="per-number"), head="piece = 1"), CENTRE)
    calls = iter([False, False, True])
    world.runner.run("m", CENTRE, lambda: next(calls))
    world.undoing.undo("m", CENTRE, "")
    assert world.state() == before
    with pytest.raises(MigrationError, match="does not run"):
        world.runner.run("m", CENTRE)
    with pytest.raises(MigrationError, match="undone already"):
        world.undoing.undo("m", CENTRE, "")


@pytest.mark.parametrize("how", ["mass", "per-number"])
def test_orders_and_subscribers_follow_there_and_back(world, how):
    world.order(10_001, State.ACTIVE, recipient="OLD", routing_number="0B18", range_holder="NEW", donor="NEW")
    world.order(1, State.ACTIVE)
    world.subscriber(10_001, "OLD")
    world.subscriber(5, "OLD")
    world.subscriber(10_005, "NEW")
    orders, subscribers = world.orders(), world.subscribers()
    world.do(plan(merge(how=how)))
    assert world.orders() == {10_001: ("NEW", "0C00", "NEW"), 1: ("NEW", "0C17", "NEW")}
    assert world.subscribers() == {10_001: "NEW", 5: "NEW", 10_005: "NEW"}
    world.undoing.undo("m", CENTRE, "")
    assert world.orders() == orders
    assert world.subscribers() == subscribers


def test_orders_and_subscribers_are_renumbered_there_and_back(world):
    world.order(1, State.ACTIVE)
    world.order(2, State.REJECTED)
    world.subscriber(1, "NEW")
    world.subscriber(5, "OLD")
    world.do(plan(f'kind = "renumber"\nfirst = {BLOCK}\nlast = {BLOCK + 9_999}\nto = {BLOCK + 50_000}'))
    assert sorted(world.orders()) == [2, 50_001]
    assert world.subscribers() == {50_001: "NEW", 50_005: "OLD"}
    world.undoing.undo("m", CENTRE, "")
    assert sorted(world.orders()) == [1, 2]
    assert world.subscribers() == {1: "NEW", 5: "OLD"}


def test_numbers_with_an_open_order_wait_for_its_end(world):
    world.order(10_001, State.SCHEDULED, slot=world.clock.now() + timedelta(hours=1))
    world.runner.begin(plan(merge(how="per-number")), CENTRE)
    progress = world.runner.run("m", CENTRE)
    assert progress.held_back == 1
    assert world.numbers()[10_001] == ("OLD", "0B18")
    assert world.numbers()[10_002] == ("NEW", "0C00")
    with world.database.transaction() as tx:
        tx.connection.execute(ORDERS.update().values(state="cancelled", is_open=False))
    assert world.runner.run("m", CENTRE).migration.state == "done"
    assert world.numbers()[10_001] == ("NEW", "0C00")
