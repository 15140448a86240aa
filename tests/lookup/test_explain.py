"""Explanations: what was matched, what is on record, and how long each step took."""

import pytest

from portdip.lookup.explain import explain
from portdip.route import Status
from tests.lookup import stores


def test_a_ported_number_is_explained_by_entry_range_and_record(engine):
    found = explain(engine, f"+{stores.PORTED}")
    assert (found.dip.number, found.dip.status) == (stores.PORTED, Status.PORTED)
    assert (found.route.carrier.id, found.route.routing_number) == ("CU", "D002")
    assert (found.range.first, found.range.last, found.range.prefix) == (8613800000000, 8613809999999, 861380)
    assert found.range.route.carrier.id == "CM"
    assert (found.record.donor.id, found.record.effective, found.record.version) == ("CM", stores.PORTED_AT, 1)


def test_the_innermost_range_is_the_one_that_matched(engine):
    found = explain(engine, str(stores.NATIVE_OF_INNER_RANGE))
    assert (found.range.prefix, found.range.route.carrier.id, found.record) == (861380013, "CT", None)


def test_a_withdrawn_range_is_shown_without_a_route(engine):
    found = explain(engine, str(stores.WITHDRAWN))
    assert (found.dip.status, found.range.prefix, found.range.route) == (Status.UNALLOCATED, 8613800139, None)


def test_a_number_outside_all_ranges_has_none(engine):
    assert explain(engine, str(stores.UNALLOCATED)).range is None
    ported = explain(engine, str(stores.PORTED_OUTSIDE_RANGES))
    assert (ported.range, ported.record.donor, ported.record.effective) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "steps"),
    [("x", 1), (str(stores.UNALLOCATED), 2), (str(stores.NATIVE), 3), (str(stores.PORTED), 4)],
)
def test_each_step_that_a_dip_takes_is_timed(engine, text, steps):
    found = explain(engine, text).steps
    assert len(found) == steps
    assert all(nanoseconds > 0 for nanoseconds in found.values())
