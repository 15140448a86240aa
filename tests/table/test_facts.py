"""Rows of deltas as facts."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from portdip.errors import RoutesFullError
from portdip.exchange.changes import CHANGES, Operation
from portdip.number import LIMIT
from portdip.table import catalogue as catalogues
from portdip.table import facts
from portdip.table.catalogue import Catalogue
from portdip.table.facts import AT_ONCE
from portdip.table.outstanding import microseconds, moment_of
from tests.exchange.changes_made import EVERYTHING, rows

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalogue():
    return Catalogue.empty()


@pytest.fixture
def read(catalogue):
    """The facts in rows, given as for `changes_made.rows`; the first has the ordinal 11."""
    return lambda *changes: facts.read(pa.Table.from_batches([rows(*changes)]), 11, catalogue)


def test_single_numbers_become_entries(read, catalogue):
    found = read(
        {"operation": Operation.PORT, "number": 861, "carrier": "A", "routing_number": "1", "donor": "B"},
        {"operation": Operation.RELEASE, "number": 862},
        {"operation": Operation.PORT, "number": 861, "carrier": "A", "effective": JANUARY},
    )
    entries = found.entries
    assert entries.number.tolist() == [861, 862, 861]
    assert entries.code.tolist() == [1, 0, 2]
    assert entries.ordinal.tolist() == [11, 12, 13]
    assert entries.effective.tolist() == [AT_ONCE, AT_ONCE, microseconds(JANUARY)]
    assert [catalogue.carriers[donor - 1].id if donor else None for donor in entries.donor.tolist()] == [
        "B",
        None,
        None,
    ]
    assert found.end == 14
    assert not len(found.ranges)
    assert not found.rules


def test_assigned_and_withdrawn_intervals_become_ranges(read):
    found = read(
        {"operation": Operation.ASSIGN, "number": 100, "last": 199, "carrier": "A", "routing_number": "1"},
        {"operation": Operation.PORT, "number": 150, "carrier": "A"},
        {"operation": Operation.WITHDRAW, "number": 120, "last": 129, "effective": JANUARY},
    ).ranges
    assert list(zip(found.first, found.last, found.ordinal, strict=True)) == [(100, 199, 11), (120, 129, 13)]
    assert found.code.tolist()[1] == 0
    assert found.effective.tolist() == [AT_ONCE, microseconds(JANUARY)]


def test_the_release_of_an_interval_is_a_rule_without_codes(read):
    (rule,) = read({"operation": Operation.RELEASE, "number": 100, "last": 199}).rules
    assert (rule.ordinal, rule.first, rule.last, rule.codes) == (11, 100, 199, None)


@pytest.mark.parametrize(
    ("donor_routing_number", "moved"), [(None, {"", "1", "2"}), ("", {""}), ("1", {"1"}), ("9", set())]
)
def test_a_mass_change_maps_the_codes_of_the_old_route(read, catalogue, donor_routing_number, moved):
    old = {digits: catalogue.code("A", digits) for digits in ("", "1", "2")}
    others = [0, catalogue.code("B", ""), catalogue.code("B", "1")]
    (rule,) = read(
        {
            "operation": Operation.MASS_CHANGE,
            "carrier": "B",
            "routing_number": "1",
            "donor": "A",
            "donor_routing_number": donor_routing_number,
        }
    ).rules
    assert (rule.first, rule.last) == (1, LIMIT - 1)
    assert rule.codes[others].tolist() == others
    assert {digits for digits, code in old.items() if rule.codes[code] != code} == moved
    assert all(rule.codes[old[digits]] == others[2] for digits in moved)


def test_a_mass_change_without_a_routing_number_is_to_the_route_that_needs_none(read, catalogue):
    code = catalogue.code("A", "1")
    (rule,) = read({"operation": Operation.MASS_CHANGE, "number": 100, "last": 199, "carrier": "B", "donor": "A"}).rules
    assert rule.codes[code] == catalogue.code("B", "")
    assert (rule.first, rule.last) == (100, 199)


def test_carriers_and_routes_come_go_and_come_back(read, catalogue):
    read(
        {"operation": Operation.CARRIER, "carrier": "A", "text": "First"},
        {"operation": Operation.ROUTE, "carrier": "A", "routing_number": "1"},
        {"operation": Operation.RETIRE_ROUTE, "carrier": "A", "routing_number": "1"},
        {"operation": Operation.RETIRE_CARRIER, "carrier": "A"},
        {"operation": Operation.PORT, "number": 861, "carrier": "A", "routing_number": "1"},
        {"operation": Operation.ASSIGN, "number": 100, "last": 199, "carrier": "A", "routing_number": "1"},
    )
    assert catalogue.carrier_table().to_pylist() == [{"id": "A", "name": "First", "retired": True}]
    assert catalogue.route_table().column("retired").to_pylist() == [True]
    read({"operation": Operation.ROUTE, "carrier": "A", "routing_number": "1"})
    assert catalogue.carrier_table().column("retired").to_pylist() == [False]
    assert catalogue.route_table().column("retired").to_pylist() == [False]


def test_every_operation_has_an_ordinal_and_none_is_read_as_another(read):
    found = read(*EVERYTHING.to_pylist())
    kinds = {"entries": [], "ranges": [], "rules": []}
    for ordinal, row in enumerate(EVERYTHING.to_pylist(), start=11):
        operation = row["operation"]
        if operation <= Operation.RELEASE:
            kinds["entries" if row["last"] is None else "rules"].append(ordinal)
        elif operation <= Operation.WITHDRAW:
            kinds["ranges"].append(ordinal)
        elif operation == Operation.MASS_CHANGE:
            kinds["rules"].append(ordinal)
    assert found.entries.ordinal.tolist() == kinds["entries"]
    assert found.ranges.ordinal.tolist() == kinds["ranges"]
    assert [rule.ordinal for rule in found.rules] == kinds["rules"]
    assert found.end == 11 + len(EVERYTHING)


def test_nothing_is_read_as_nothing(catalogue):
    found = facts.read(CHANGES.empty_table(), 5, catalogue)
    assert not found
    assert found.end == 5
    assert not facts.none()


def test_rows_in_several_chunks_are_read_as_one(catalogue):
    one = rows({"operation": Operation.PORT, "number": 861, "carrier": "A"})
    other = rows({"operation": Operation.ASSIGN, "number": 100, "last": 199, "carrier": "B"})
    found = facts.read(pa.Table.from_batches([one, other, one]), 1, catalogue)
    assert (found.entries.ordinal.tolist(), found.ranges.ordinal.tolist()) == ([1, 3], [2])


def test_more_routes_than_codes(read, monkeypatch):
    monkeypatch.setattr(catalogues, "ROUTES_MAX", 1)
    with pytest.raises(RoutesFullError):
        read(*({"operation": Operation.PORT, "number": 861, "carrier": carrier} for carrier in "AB"))


def test_facts_are_in_force_from_their_moment_on(read):
    found = read(
        {"operation": Operation.PORT, "number": 861, "carrier": "A", "effective": JANUARY},
        {"operation": Operation.PORT, "number": 862, "carrier": "A"},
        {"operation": Operation.ASSIGN, "number": 100, "last": 199, "carrier": "B", "effective": JANUARY},
        {"operation": Operation.MASS_CHANGE, "carrier": "B", "donor": "A", "effective": JANUARY},
    )
    assert (found.first_moment(), found.last_moment()) == (AT_ONCE, microseconds(JANUARY))
    for moment, count in ((-1, 1), (0, 4), (1, 4)):
        now, to_come = found.in_force(microseconds(JANUARY) + moment)
        counts = [len(part.entries) + len(part.ranges) + len(part.rules) for part in (now, to_come)]
        assert counts == [count, 4 - count]
        assert bool(to_come) == (count < 4)
        assert now.end == to_come.end == 15


def test_the_newest_of_a_number_is_the_one_latest_in_the_chain(read):
    found = read(
        *(
            {"operation": Operation.PORT, "number": number, "carrier": carrier}
            for number, carrier in zip((863, 861, 863, 862, 861), "ABCDE", strict=True)
        )
    )
    newest = facts.newest(found.entries)
    assert list(zip(newest.number, newest.ordinal, strict=True)) == [(861, 15), (862, 14), (863, 13)]


def test_parts_join_in_their_order(read):
    one, other = (read({"operation": Operation.PORT, "number": number, "carrier": "A"}) for number in (861, 862))
    joined = facts.join([one, facts.none(12), other])
    assert joined.entries.number.tolist() == [861, 862]
    assert joined.entries.number.dtype == np.uint64
    assert facts.join([one]) is one


@pytest.mark.parametrize("moment", [datetime(1970, 1, 1, tzinfo=UTC), JANUARY, datetime.max.replace(tzinfo=UTC)])
def test_moments_are_counted_to_the_microsecond(moment):
    assert moment_of(microseconds(moment)) == moment
    assert moment_of(AT_ONCE) == datetime.min.replace(tzinfo=UTC)
