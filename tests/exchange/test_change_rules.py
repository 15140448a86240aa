"""Which changes make sense: each rule broken alone, and the two views of the rules held against each other."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portdip.exchange import change_rules
from portdip.exchange.changes import PORT_RANGE_MAX, Operation
from tests.exchange.changes_made import EVERYTHING, MADE, ROWS, good_rows, rows

PORT = {"operation": Operation.PORT, "number": 8613800138000, "carrier": "CUCC"}
ASSIGN = {"operation": Operation.ASSIGN, "number": 100, "last": 199, "carrier": "CMCC"}
MASS_CHANGE = {"operation": Operation.MASS_CHANGE, "carrier": "A", "donor": "B"}
NAMED = {"operation": Operation.CARRIER, "carrier": "A", "text": "Alpha"}
TRUST_KEY = {"operation": Operation.TRUST_KEY, "text": "ab" * 32}


def judged(row):
    """The reason why a row is wrong, which whole columns agree with."""
    reason = change_rules.fault(row)
    assert change_rules.wrong(rows(row)).tolist() == [bool(reason)]
    return reason


@pytest.mark.parametrize("row", ROWS, ids=lambda row: Operation(row["operation"]).label)
def test_every_operation_has_a_right_form(row):
    assert judged(row) == ""


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (PORT | {"operation": 0}, "there is no operation 0"),
        (PORT | {"operation": 13}, "there is no operation 13"),
        (PORT | {"number": None}, "port needs `number` or `first`"),
        (PORT | {"carrier": None}, "port needs `carrier`"),
        (PORT | {"text": "why not"}, "port takes no `text`"),
        (PORT | {"number": 0}, "`number` or `first` is not a number of 1 to 15 digits"),
        (PORT | {"number": 10**15}, "`number` or `first` is not a number of 1 to 15 digits"),
        (PORT | {"number": 100, "last": 99}, "`last` is not a number as long as the first and not before it"),
        (ASSIGN | {"number": 99}, "`last` is not a number as long as the first and not before it"),
        (ASSIGN | {"last": 2**64 - 1}, "`last` is not a number of 1 to 15 digits"),
        (ASSIGN | {"last": None}, "assign needs `last`"),
        (ASSIGN | {"donor": "X"}, "assign takes no `donor`"),
        (PORT | {"number": 10000, "last": 20000}, "port takes a range of at most 10,000 numbers"),
        (MASS_CHANGE | {"number": 100}, "mass-change needs both ends of a range, or neither"),
        (MASS_CHANGE | {"last": 100}, "`last` makes sense only with `number` or `first`"),
        (MASS_CHANGE | {"donor": None}, "mass-change needs `donor`"),
        (PORT | {"donor_routing_number": "01"}, "`donor_routing_number` makes sense only with `donor`"),
        (PORT | {"carrier": ""}, "`carrier` is not 1 to 64 characters"),
        (PORT | {"carrier": "移" * 65}, "`carrier` is not 1 to 64 characters"),
        (PORT | {"carrier": "A\nB"}, "`carrier` is not 1 to 64 characters"),
        (PORT | {"donor": "\x1b[31m"}, "`donor` is not 1 to 64 characters"),
        (PORT | {"order": "\x85"}, "`order` is not up to 100 characters"),
        (PORT | {"routing_number": "0G"}, "`routing_number` is not up to 16 digits or hex digits"),
        (PORT | {"routing_number": "0" * 17}, "`routing_number` is not up to 16 digits or hex digits"),
        (PORT | {"routing_number": "１"}, "`routing_number` is not up to 16 digits or hex digits"),
        (PORT | {"effective": datetime(1969, 12, 31, tzinfo=UTC)}, "`effective` is not a time from 1970 to 9999"),
        (NAMED | {"text": ""}, "`text` is not a name of 1 to 200 characters"),
        (NAMED | {"effective": MADE}, "carrier takes no `effective`"),
        (TRUST_KEY | {"text": "AB" * 32}, "`text` is not a public key, 64 hex digits in lower case"),
        (TRUST_KEY | {"text": "ab" * 31}, "`text` is not a public key, 64 hex digits in lower case"),
        (
            {"operation": Operation.REVOKE_KEY, "text": "x" * 16},
            "`text` is not the id of a key, 16 hex digits in lower case",
        ),
        ({"operation": Operation.SNAPSHOT}, "snapshot needs `text`"),
    ],
)
def test_a_broken_rule_is_named(row, reason):
    assert judged(row) == reason


def test_text_at_its_limits_is_good():
    assert judged(PORT | {"carrier": "移" * 64, "order": "é" * 100, "routing_number": "0123456789abcDEF"}) == ""
    assert judged(PORT | {"number": 10000, "last": 10000 + PORT_RANGE_MAX - 1}) == ""


def test_columns_and_rows_agree_on_all_rows_at_once():
    assert not change_rules.wrong(EVERYTHING).any()


def test_no_rows_break_no_rule():
    assert change_rules.wrong(rows()).tolist() == []


#: Values that are wrong for some operation or for all.
ODD = {
    "operation": st.integers(0, 14),
    "number": st.none() | st.integers(0, 2**64 - 1) | st.integers(1, 10**5),
    "last": st.none() | st.integers(0, 2**64 - 1) | st.integers(1, 10**5),
    "carrier": st.none() | st.sampled_from(["", "A", "A\tB", "é" * 64, "é" * 65, "\x9f", "\u2028"]),
    "routing_number": st.none() | st.sampled_from(["", "0B", "g", "0" * 16, "0" * 17]),
    "donor": st.none() | st.sampled_from(["", "B"]),
    "donor_routing_number": st.none() | st.sampled_from(["", "0B", "-"]),
    "version": st.none() | st.just(1),
    "effective": st.none()
    | st.sampled_from([MADE, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 1, tzinfo=UTC)]),
    "order": st.none() | st.sampled_from(["", "x" * 100, "x" * 101, "\x00"]),
    "text": st.none() | st.sampled_from(["", "Name", "ab" * 32, "AB" * 32, "ab" * 8, "é" * 200, "é" * 201]),
}
odd_rows = st.one_of(
    st.fixed_dictionaries(ODD),
    st.tuples(good_rows, st.sampled_from(sorted(ODD))).flatmap(
        lambda drawn: ODD[drawn[1]].map(lambda value: drawn[0] | {drawn[1]: value})
    ),
)


@given(st.lists(odd_rows, max_size=20))
@example([])
def test_columns_and_rows_agree(drawn):
    assert change_rules.wrong(rows(*drawn)).tolist() == [bool(change_rules.fault(row)) for row in drawn]


@given(st.lists(good_rows, max_size=20))
def test_what_is_drawn_as_good_is_good(drawn):
    assert change_rules.first_fault(rows(*drawn), in_delta=True) is None


def test_part_of_a_batch_is_judged_alone():
    """The texts of the rows before and after share its memory."""
    whole = rows(PORT | {"carrier": "\x00"}, PORT, PORT | {"routing_number": "zz"})
    assert not change_rules.wrong(whole.slice(1, 1)).any()
    assert change_rules.wrong(whole).tolist() == [True, False, True]


def test_an_operation_that_is_null_is_wrong():
    unknown = rows(PORT).set_column(0, "operation", pa.array([None], pa.uint8()))
    assert change_rules.wrong(unknown).tolist() == [True]
    assert change_rules.fault(unknown.to_pylist()[0]) == "there is no operation None"


def test_in_a_delta_a_port_has_one_number():
    ranged = rows(PORT, PORT | {"number": 100, "last": 199})
    assert change_rules.first_fault(ranged, in_delta=False) is None
    assert change_rules.first_fault(ranged, in_delta=True) == (
        1,
        "port of a range, which in a delta has a row for each number",
    )
