"""Due orders reach the switches, and are active when every registered node has them."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from portdip import open_engine
from portdip.errors import MoveRefusedError, PortOngoingError
from portdip.exchange.changes import Operation
from portdip.porting import cutover
from portdip.porting.cutover import Progress
from portdip.porting.states import Act, State
from portdip.porting.tables.orders import EVENTS
from tests.porting.cutting import CENTRE, FIRST, LIMIT, RECIPIENT, Layer


@pytest.fixture
def layer(database, tmp_path):
    return Layer(database, tmp_path / "store")


def test_a_due_order_reaches_the_chain_and_is_active(layer):
    (order,) = layer.scheduled(1)
    assert layer.cut_over.step() == Progress(begun=1, published=1, arrived=1, missed=0)
    assert layer.states([order]) == [State.ACTIVE]
    (change,) = layer.changes()
    assert (change["operation"], change["number"], change["carrier"]) == (Operation.PORT, FIRST + 1, "CUCC")
    assert (change["routing_number"], change["donor"], change["order"]) == ("0B17", "CMCC", order.reference)


def test_the_dip_changes(layer):
    layer.scheduled(1)
    with open_engine(layer.store.path) as engine:
        assert engine.dip(FIRST + 1).carrier is None
    layer.cut_over.step()
    with open_engine(layer.store.path) as engine:
        assert engine.dip(FIRST + 1).carrier.id == "CUCC"


def test_nothing_goes_out_before_its_slot(layer, clock):
    (order,) = layer.scheduled(1)
    layer.move(order, Act.SCHEDULE, CENTRE, slot=clock.now() + timedelta(hours=1))
    assert layer.cut_over.step() == Progress(0, 0, 0, 0)
    clock.advance(timedelta(minutes=59, seconds=59))
    assert layer.cut_over.step() == Progress(0, 0, 0, 0)
    clock.advance(timedelta(seconds=1))
    assert layer.cut_over.step().begun == 1


def test_an_order_is_active_when_the_last_registered_node_has_it(layer):
    layer.register("north", "south")
    orders = layer.scheduled(1, 2)
    layer.cut_over.step()
    assert layer.states(orders) == [State.BROADCASTING] * 2
    layer.report("north")
    layer.cut_over.step()
    assert layer.states(orders) == [State.BROADCASTING] * 2
    layer.report("south")
    assert layer.cut_over.step().arrived == 2
    assert layer.states(orders) == [State.ACTIVE] * 2
    assert layer.seen(orders[0]).delta_sequence == 1


def test_nodes_that_do_not_report_in_time_make_it_a_partial_failure(layer, clock):
    layer.register("north", "south")
    (order,) = layer.scheduled(1)
    layer.cut_over.step()
    layer.report("north")
    clock.advance(LIMIT)
    assert layer.cut_over.step() == Progress(0, 0, 0, 1)
    assert layer.cut_over.step() == Progress(0, 0, 0, 0)
    assert layer.states([order]) == [State.PARTIAL_FAILURE]
    with layer.database.transaction() as tx:
        cause = tx.connection.exec_driver_sql("SELECT cause FROM audit WHERE act = 'miss'").scalar_one()
    assert cause == "not at nodes: south"
    layer.report("south")
    layer.cut_over.step()
    assert layer.states([order]) == [State.ACTIVE]


def test_who_runs_a_late_node_is_told_again_on_request(layer, clock):
    layer.register("north")
    layer.register("south", carrier="CTCC")
    (order,) = layer.scheduled(1)
    layer.cut_over.step()
    layer.report("north")
    clock.advance(LIMIT)
    layer.cut_over.step()
    with layer.database.transaction() as tx:
        cutover.resend(tx, layer.orders, layer.seen(order), RECIPIENT, "calls fail")
    with layer.database.reading() as connection:
        (event,) = connection.execute(select(EVENTS).where(EVENTS.c.kind == "resend"))
    assert (event.carrier, event.body) == (
        "CTCC",
        {"reference": order.reference, "node": "south", "sequence": 1},
    )


def test_what_is_everywhere_is_not_sent_again(layer):
    (order,) = layer.ported(1)
    with pytest.raises(MoveRefusedError), layer.database.transaction() as tx:
        cutover.resend(tx, layer.orders, order, RECIPIENT, "")


def test_a_node_registered_later_is_waited_for_from_then_on(layer):
    (before,) = layer.ported(1)
    layer.register("north")
    (after,) = layer.scheduled(2)
    layer.cut_over.step()
    assert layer.states([before, after]) == [State.ACTIVE, State.BROADCASTING]


def test_a_second_port_supersedes_the_first_once_it_has_arrived(layer):
    layer.register("north")
    (first,) = layer.ported(1)
    (second,) = layer.scheduled(1, donor="CUCC", recipient="CTCC", routing_number="0C")
    layer.cut_over.step()
    assert layer.states([first, second]) == [State.ACTIVE, State.BROADCASTING]
    layer.arrive()
    assert layer.states([first, second]) == [State.SUPERSEDED, State.ACTIVE]
    assert layer.seen(second).version > layer.seen(first).version


def test_a_second_port_that_is_late_somewhere_supersedes_the_first_too(layer, clock):
    layer.register("north")
    (first,) = layer.ported(1)
    (second,) = layer.scheduled(1, donor="CUCC", recipient="CTCC", routing_number="0C")
    layer.cut_over.step()
    clock.advance(LIMIT)
    layer.cut_over.step()
    assert layer.states([first, second]) == [State.SUPERSEDED, State.PARTIAL_FAILURE]


def test_a_port_back_to_the_range_holder_releases_the_number(layer):
    (away,) = layer.ported(1)
    (home,) = layer.ported(1, donor="CUCC", recipient="CMCC", routing_number="")
    assert layer.states([away, home]) == [State.SUPERSEDED, State.RETURNED]
    assert [row["operation"] for row in layer.changes()] == [Operation.PORT, Operation.RELEASE]


def test_one_change_that_no_chain_would_take_stops_no_other(layer):
    (bad,) = layer.scheduled(1, routing_number="not hex")
    good = layer.scheduled(2, 3)
    assert layer.cut_over.step() == Progress(begun=3, published=2, arrived=2, missed=0)
    assert layer.states([bad, *good]) == [State.FAILED, State.ACTIVE, State.ACTIVE]
    assert layer.seen(bad).reasons == (cutover.UNPUBLISHABLE,)
    layer.move(bad, Act.SCHEDULE, CENTRE, slot=layer.database.now(), routing_number="0B")
    layer.cut_over.step()
    assert layer.states([bad]) == [State.ACTIVE]


def test_a_number_under_way_takes_no_second_order(layer):
    layer.register("north")
    layer.scheduled(1)
    layer.cut_over.step()
    with pytest.raises(PortOngoingError):
        layer.scheduled(1)


def test_a_burst_is_cut_over_in_many_transactions(layer, monkeypatch):
    monkeypatch.setattr(cutover, "_PUBLISHED_TOGETHER", 500)
    orders = layer.scheduled(*range(1200))
    assert layer.cut_over.step() == Progress(1200, 1200, 1200, 0)
    assert set(layer.states(orders)) == {State.ACTIVE}
    versions = [row["version"] for row in layer.changes()]
    assert versions == sorted(set(versions))
    assert len(layer.store.chain.sequences()) == 3


def test_a_disputed_order_stands_still_where_the_profile_says_so(layer):
    freezing = [name for name, one in layer.orders.profiles.items() if one.deciding.dispute_freezes]
    for offset, name in enumerate(layer.orders.profiles):
        (order,) = layer.scheduled(offset, profile=name)
        layer.move(order, Act.DISPUTE, CENTRE, disputed=True)
        layer.cut_over.step()
        assert layer.states([order]) == [State.SCHEDULED if name in freezing else State.ACTIVE]
        layer.move(order, Act.SETTLE, CENTRE, disputed=False)
        layer.cut_over.step()
        assert layer.states([order]) == [State.ACTIVE]


def test_a_dispute_does_not_hide_what_the_network_did(layer):
    freezing = [name for name, one in layer.orders.profiles.items() if one.deciding.dispute_freezes]
    layer.register("north")
    (order,) = layer.scheduled(1, profile=freezing[0])
    layer.cut_over.step()
    layer.move(order, Act.DISPUTE, CENTRE, disputed=True)
    layer.arrive()
    assert layer.states([order]) == [State.ACTIVE]


def test_orders_that_are_due_are_looked_for_among_those_that_wait_only(layer, database):
    """Each step asks for them, with years of slots that were in the table."""
    asked = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    layer.cut_over.begin()
    if database.engine.dialect.name == "sqlite":
        (query,) = [query for query in asked if "FROM orders" in query[0]]
        with database.reading() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1]).all()
        assert [row.detail for row in plan] == ["SEARCH orders USING INDEX ix_orders_slot (slot<?)"]
