"""The door of every change: revisions, uniqueness, races."""

import dataclasses
import threading

import pytest

from portdip.errors import (
    ForbiddenActError,
    MoveRefusedError,
    PortingError,
    PortOngoingError,
    StaleOrderError,
    UnknownOrderError,
)
from portdip.porting.actor import SYSTEM
from portdip.porting.states import Act, State
from tests.porting.world import CENTRE, donor, recipient


def opened(world, number, **more):
    with world.database.transaction() as tx:
        return world.orders.open(
            tx, CENTRE, "test", profile=world.profile.name, number=number, donor="ALPHA", range_holder="ALPHA", **more
        )


def test_an_order_that_is_not_there_is_unknown(world):
    with world.database.reading() as connection, pytest.raises(UnknownOrderError):
        world.orders.find(connection, "nothing")
    with pytest.raises(UnknownOrderError), world.database.transaction() as tx:
        world.orders.get(tx, "nothing")


def test_who_saw_an_older_revision_decides_anew(world):
    order = opened(world, world.number())
    world.move(order, Act.QUERY)
    with pytest.raises(StaleOrderError):
        world.move(order, Act.QUERY)
    with pytest.raises(StaleOrderError, match="revision 2"), world.database.transaction() as tx:
        world.orders.get(tx, order.reference, revision=1)


def test_a_number_has_one_open_order(world):
    opened(world, world.number())
    with pytest.raises(PortOngoingError):
        opened(world, world.number())
    assert opened(world, world.number(1))


def test_a_reference_is_used_once(world):
    opened(world, world.number(), reference="A-1")
    with pytest.raises(PortingError, match="reference"):
        opened(world, world.number(1), reference="A-1")


def test_a_number_has_one_active_order(world):
    first = world.scheduled(world.number())
    first = world.move(world.move(first, Act.CUT_OVER), Act.COMPLETE)
    assert (first.is_open, first.is_active) == (False, True)
    second = opened(world, world.number(), recipient="GAMMA")
    assert second.version == first.version + 1
    path = [(Act.AUTHORIZE, {}), (Act.SCHEDULE, {"slot": world.clock.now()}), (Act.CUT_OVER, {})]
    for act, changes in path:
        second = world.move(second, act, **changes)
    with pytest.raises(PortOngoingError):
        world.move(second, Act.COMPLETE)
    world.move(first, Act.SUPERSEDE)
    assert world.move(second, Act.COMPLETE).state is State.ACTIVE


def test_one_of_many_that_is_stale_stops_all(world):
    orders = [opened(world, world.number(place)) for place in range(5)]
    world.move(orders[3], Act.QUERY)
    with pytest.raises(StaleOrderError), world.database.transaction() as tx:
        world.orders.move_all(tx, [(order, {}) for order in orders], Act.QUERY, SYSTEM, "all")
    assert [world.now_of(order).revision for order in orders] == [1, 1, 1, 2, 1]


def test_many_move_at_once_each_with_changes_of_its_own(world):
    world.in_country("nl")
    orders = [world.port(world.number(place)) for place in range(4)]
    changes = [{"area": "north"}, {}, {"area": "south"}, {}]
    with world.database.transaction() as tx:
        moved = world.orders.move_all(tx, list(zip(orders, changes, strict=True)), Act.REMIND, SYSTEM, "all")
    assert [order.area for order in moved] == ["north", "", "south", ""]
    assert moved == [world.now_of(order) for order in orders]


def test_a_move_that_the_state_does_not_know_names_those_it_does(world):
    order = opened(world, world.number())
    with pytest.raises(MoveRefusedError, match=r"draft does not complete.*query"):
        world.move(order, Act.COMPLETE)


def test_a_state_that_the_profile_skips_is_not_entered(world):
    order = world.port(world.number())
    with pytest.raises(MoveRefusedError):
        world.move(order, Act.OBJECT)


def test_a_code_cannot_be_passed_by(world):
    order = opened(world, world.number())
    with pytest.raises(MoveRefusedError, match="authorization code"):
        world.move(order, Act.SUBMIT, recipient(), recipient="BETA")


@pytest.mark.parametrize("actor", [donor("BETA"), recipient("ALPHA"), donor("GAMMA")])
def test_a_carrier_of_the_wrong_side_is_refused(world, actor):
    order = world.in_country("nl").port(world.number())
    with pytest.raises(ForbiddenActError):
        world.move(order, Act.APPROVE, actor)


def test_who_an_order_concerns_may_see_it(world):
    order = world.port(world.number())
    assert order.concerns(donor("ALPHA"))
    assert order.concerns(recipient("BETA"))
    assert order.concerns(CENTRE)
    assert not order.concerns(recipient("GAMMA"))
    assert not order.concerns(dataclasses.replace(donor(), carrier="GAMMA"))


def test_two_desks_that_race_for_one_number_end_as_one_order(world):
    world.in_country("nl")
    number = world.number()
    barrier = threading.Barrier(6)
    done: list[str] = []

    def submit(to):
        barrier.wait()
        try:
            done.append(world.submit(number, to).recipient)
        except PortOngoingError:
            done.append("refused")

    threads = [threading.Thread(target=submit, args=(to,)) for to in ("BETA", "GAMMA") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done.count("refused") == 5
    with world.database.reading() as connection:
        assert len(world.orders.of_number(connection, number)) == 1


def test_two_that_use_one_code_end_as_one_order(world):
    number = world.subscriber(world.number())
    code = world.code(number)
    barrier = threading.Barrier(4)
    done: list[object] = []

    def submit(to):
        barrier.wait()
        try:
            done.append(world.submit(number, to, code))
        except PortingError as error:
            done.append(error)

    threads = [threading.Thread(target=submit, args=(to,)) for to in ("BETA", "GAMMA") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in done) == ["Order", *["PortOngoingError"] * 3]


def test_two_that_move_one_order_end_as_one_move(world):
    order = world.in_country("nl").port(world.number())
    barrier = threading.Barrier(4)
    done: list[str] = []

    def approve():
        barrier.wait()
        try:
            world.move(order, Act.APPROVE, donor())
            done.append("approved")
        except StaleOrderError:
            done.append("stale")

    threads = [threading.Thread(target=approve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["approved", "stale", "stale", "stale"]
