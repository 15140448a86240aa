"""Figures per carrier, counted and timed, as tables and as Parquet."""

from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from portdip.porting.actor import SYSTEM, Actor, Role
from portdip.porting.states import State
from portdip.porting.supervision import complaints, kpis, violations
from portdip.porting.supervision.complaints import Deed
from portdip.porting.supervision.violations import Prohibition, Status
from portdip.porting.tables.codes import CODES
from tests.porting.supervision.office import START

DAY = timedelta(days=1)


def collect(office, begin=START, end=START + 60 * DAY):
    with office.database.reading() as connection:
        return kpis.collect(connection, begin, end)


def move(office, reference, before, after, act="move"):
    with office.database.transaction() as tx:
        tx.audit(SYSTEM, act, reference, before, after)


def test_ports_are_counted_for_both_sides(office):
    office.order(1, State.ACTIVE, activated=START)
    office.order(2, State.REJECTED, reasons=["arrears"])
    office.order(3, State.CODE_EXPIRED, recipient="")
    office.order(4, State.DRAFT, disputed=True, opened=START + 61 * DAY)
    rows = collect(office).ports.to_pylist()
    zeros = {"cancelled": 0, "disputed": 0}
    assert rows == [
        {"carrier": "CMCC", "side": "donor", "opened": 3, "activated": 1, "rejected": 1, "expired": 1} | zeros,
        {"carrier": "CUCC", "side": "recipient", "opened": 2, "activated": 1, "rejected": 1, "expired": 0} | zeros,
    ]


def test_refusals_are_counted_by_reason(office):
    office.order(1, State.REJECTED, reasons=["arrears", "contract"])
    office.order(2, State.REJECTED, reasons=["arrears"])
    office.order(3, State.REJECTED, reasons=["contract"], changed=START - DAY)
    assert collect(office).refusals.to_pylist() == [
        {"carrier": "CMCC", "reason": "arrears", "orders": 2},
        {"carrier": "CMCC", "reason": "contract", "orders": 1},
    ]


def test_the_time_of_each_step_comes_from_the_audit_chain(office):
    for offset, waited in ((1, 10), (2, 20), (3, 30)):
        office.order(offset, State.ACTIVE)
        move(office, f"order-{offset}", "", "draft")
        office.wait(seconds=waited)
        move(office, f"order-{offset}", "draft", "draft", "dispute")
        move(office, f"order-{offset}", "draft", "submitted")
    move(office, "range 1 to 2", "free", "assigned")
    (step,) = collect(office).steps.to_pylist()
    assert (step["donor"], step["recipient"], step["before"], step["after"]) == ("CMCC", "CUCC", "draft", "submitted")
    assert (step["orders"], step["mean_s"], step["p50_s"], step["max_s"]) == (3, 20.0, 20.0, 30.0)
    assert step["p95_s"] == pytest.approx(29.0)


def test_steps_are_of_the_time_asked_for_though_they_began_before_it(office):
    office.order(1, State.ACTIVE)
    move(office, "order-1", "", "draft")
    office.wait(days=2)
    move(office, "order-1", "draft", "submitted")
    assert collect(office, START + DAY).steps.column("mean_s").to_pylist() == [2 * 86_400.0]
    assert len(collect(office, START + 3 * DAY).steps) == 0


def test_codes_are_counted_by_what_became_of_them(office):
    order = office.order(1, State.CODE_ISSUED)
    with office.database.transaction() as tx:
        row = {"order_id": order, "number": 1, "identity": "1:aa", "digest": "1:bb", "attempts": 0}
        row |= {"issued": START, "expires": START}
        for status in ("expired", "expired", "used"):
            tx.connection.execute(CODES.insert().values(row | {"status": status}))
    assert collect(office).codes.to_pylist() == [
        {"carrier": "CMCC", "issued": 3, "live": 0, "used": 1, "void": 0, "expired": 2, "blocked": 0}
    ]


def test_complaints_and_violations_are_counted(office):
    desk, regulator = Actor("shop", Role.DESK, "CUCC"), Actor("officer", Role.REGULATOR)
    with office.database.transaction() as tx:
        complaints.open_new(tx, office.profile, desk, "CMCC", "slow")
        gone = complaints.open_new(tx, office.profile, desk, "CMCC", "slow")
        complaints.move(tx, office.profile, gone, Deed.WITHDRAW, desk, "")
        found = violations.report(tx, desk, Prohibition.V4, "CMCC", "slow data")
        violations.decide(tx, regulator, found, Status.CONFIRMED, "measured")
        violations.report(tx, desk, Prohibition.V4, "CMCC", "slow data again")
    office.wait(days=15)
    with office.database.transaction() as tx:
        complaints.run_due(tx, office.profiles)
    figures = collect(office)
    (row,) = figures.complaints.to_pylist()
    assert (row["opened"], row["late"], row["withdrawn"], row["answered"], row["escalated"]) == (2, 1, 1, 0, 0)
    (row,) = figures.violations.to_pylist()
    assert row == {"carrier": "CMCC", "code": "V4", "suspected": 1, "confirmed": 1, "dismissed": 0}


def test_all_tables_are_written_as_parquet(office, tmp_path):
    office.order(1, State.REJECTED, reasons=["arrears"])
    figures = collect(office)
    paths = figures.write(tmp_path / "report")
    assert [path.name for path in paths] == [f"{name}.parquet" for name in figures.tables()]
    for path, table in zip(paths, figures.tables().values(), strict=True):
        written = pq.read_table(path)
        assert written.equals(table)
        assert written.schema.metadata[b"begin"] == START.isoformat().encode()
