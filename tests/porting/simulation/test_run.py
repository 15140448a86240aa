"""A simulated country runs through the real layer, and what it leaves behind is sound."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from portdip import open_engine
from portdip.errors import PortingError
from portdip.lookup.load import init_store
from portdip.porting import audit, profile
from portdip.porting.database import Database
from portdip.porting.orders import Orders
from portdip.porting.simulation.run import Scenario, simulate
from portdip.porting.states import State
from portdip.porting.tables.orders import ORDERS

START = datetime(2026, 3, 2, tzinfo=UTC)


def run(path, name, days=2, ports=150, seed=1):
    store = init_store(path, "simulated")
    return store, list(simulate(Scenario(name, days, ports, seed, START), path, store.writer))


@pytest.mark.parametrize("name", profile.NAMES)
def test_ports_of_some_days_end_as_the_profile_says(name, tmp_path):
    store, days = run(tmp_path / "store", name, days=4, ports=60)
    total = sum((day.tally for day in days), Counter())
    assert total["orders"] > 100
    assert total["cut over"] > 60
    assert total["arrived"] >= total["cut over"] * 0.9
    assert [day.sequence for day in days] == sorted(day.sequence for day in days)
    with Database.open(f"sqlite:///{tmp_path / 'store' / 'porting.db'}") as database:
        audit.verify(database)
        with database.reading() as connection:
            states = dict(connection.execute(select(ORDERS.c.state, func.count()).group_by(ORDERS.c.state)).all())
            served = Orders(profile.load_all()).where(connection, ORDERS.c.is_active, limit=10_000)
    assert states[State.ACTIVE] > 60
    with open_engine(store.path) as engine:
        assert all(engine.dip(order.number).carrier.id == order.recipient for order in served)


def test_the_same_seed_gives_the_same_people(tmp_path):
    _, one = run(tmp_path / "one", "cn", days=1, ports=80, seed=7)
    _, other = run(tmp_path / "other", "cn", days=1, ports=80, seed=7)
    _, third = run(tmp_path / "third", "cn", days=1, ports=80, seed=8)
    assert [day.tally for day in one] == [day.tally for day in other]
    assert [day.tally for day in one] != [day.tally for day in third]


def test_the_full_hour_brings_a_burst(tmp_path):
    _, (day,) = run(tmp_path / "store", "cn", days=1, ports=400)
    assert day.burst > 400 / 24
    assert day.tally["refused"] > 0
    assert day.moves > 400 * 5


def test_a_database_with_ranges_is_refused(tmp_path):
    store, _ = run(tmp_path / "store", "cn", days=1, ports=10)
    with pytest.raises(PortingError, match="not new"):
        list(simulate(Scenario("cn", 1, 10, 1, START), store.path, store.writer))
