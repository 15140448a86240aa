"""Columns to columns: what is taken, and which rows are bad."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import FeedError, InvalidNumberError
from portdip.exchange import convert
from portdip.exchange.column_map import ColumnMap
from portdip.number import parse

PLAIN = ColumnMap()
WHERE = "ported.csv, column"


def good(converted):
    """The values of the rows that are not bad."""
    values, bad = converted
    return [None if is_bad else value for value, is_bad in zip(values.to_pylist(), bad.tolist(), strict=True)]


def parsed(text):
    try:
        return parse(text)
    except InvalidNumberError:
        return None


@given(st.lists(st.text("0123456789+x ", max_size=18) | st.from_regex(r"\+?[1-9][0-9]{0,15}", fullmatch=True)))
def test_numbers_in_text_are_those_the_parser_takes(texts):
    assert good(convert.numbers(pa.array(texts, pa.string()), PLAIN, WHERE)) == [parsed(text) for text in texts]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_numbers_come_from_any_kind_of_text(kind):
    column = pa.array(["+8613800138000", None, "abc"]).cast(kind)
    assert good(convert.numbers(column, PLAIN, WHERE)) == [8613800138000, None, None]


@pytest.mark.parametrize("kind", [pa.uint64(), pa.int64()], ids=str)
def test_numbers_come_from_integers(kind):
    column = pa.array([8613800138000, 0, None, 10**15, 10**15 - 1], kind)
    assert good(convert.numbers(column, PLAIN, WHERE)) == [8613800138000, None, None, None, 10**15 - 1]


def test_a_negative_integer_is_no_number():
    assert good(convert.numbers(pa.array([-5], pa.int64()), PLAIN, WHERE)) == [None]


def test_national_numbers_lose_the_trunk_prefix_and_get_the_country_code():
    form = ColumnMap(number_form="national", country_code="49", trunk_prefix="0")
    column = pa.array(["030123456", "30123456", "", "0", "+49301", None, "0" + "3" * 14])
    assert good(convert.numbers(column, form, WHERE)) == [4930123456, 4930123456, *[None] * 5]


def test_national_integers_get_the_country_code():
    form = ColumnMap(number_form="national", country_code="86")
    assert good(convert.numbers(pa.array([13800138000]), form, WHERE)) == [8613800138000]


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()], ids=str)
def test_floating_point_is_refused_with_the_reason(kind):
    with pytest.raises(FeedError, match="lose digits"):
        convert.numbers(pa.array([1.0], kind), PLAIN, WHERE)


def test_other_types_are_refused():
    with pytest.raises(FeedError, match=r"neither text nor integers; at ported.csv, column; got list"):
        convert.carriers(pa.array([["CMCC"]]), WHERE)


def test_routing_numbers_are_up_to_16_hex_digits():
    texts = ["", None, "0012", "D12f", "0" * 16, "0" * 17, "12 3", "+12", "12\n"]
    expected = ["", "", "0012", "D12f", "0" * 16, None, None, None, None]
    assert good(convert.routing_numbers(pa.array(texts), WHERE)) == expected


def test_routing_numbers_as_integers_have_lost_their_zeros():
    with pytest.raises(FeedError, match="leading zeros"):
        convert.routing_numbers(pa.array([12]), WHERE)


def test_carrier_ids_may_be_integers_and_empty_ones_are_none():
    assert good(convert.carriers(pa.array([46000, None]), WHERE)) == ["46000", None]
    assert good(convert.carriers(pa.array(["", "0121"]), WHERE)) == [None, "0121"]


NOON = datetime(2024, 1, 31, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "2024-01-31T12:30:15Z"),
        ("iso", "2024-01-31 12:30:15"),
        ("iso", "2024-01-31T20:30:15+08:00"),
        ("iso", "2024-01-31T20:30:15+08"),
        ("epoch-seconds", "1706704215"),
        ("epoch-milliseconds", "1706704215000"),
        ("%d/%m/%Y %H:%M:%S", "31/01/2024 12:30:15"),
        ("%d/%m/%Y %H:%M:%S %z", "31/01/2024 20:30:15 +0800"),
        ("%Y%m%d%H%M%S", "20240131123015"),
    ],
)
def test_times_are_read_in_the_form_given_and_bad_ones_marked(form, text):
    column = pa.array([text, "", None, "32/13/2024"])
    values, bad = convert.times(column, ColumnMap(time=form), WHERE)
    assert values.to_pylist()[:3] == [NOON, None, None]
    assert bad.tolist() == [False, False, False, True]
    assert values.type == pa.timestamp("us", tz="UTC")


def test_iso_times_of_several_shapes_stand_in_one_column():
    column = pa.array(["2024-01-31T12:30:15Z", "2024-01-31 12:30:15", "2024-01-31", "x"])
    assert good(convert.times(column, PLAIN, WHERE)) == [NOON, NOON, datetime(2024, 1, 31, tzinfo=UTC), None]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([NOON], pa.timestamp("ns", tz="Asia/Shanghai")),
        pa.array([NOON.replace(tzinfo=None)], pa.timestamp("s")),
    ],
    ids=lambda column: str(column.type),
)
def test_times_come_from_timestamps(column):
    assert good(convert.times(column, PLAIN, WHERE)) == [NOON]


def test_times_come_from_integers_only_if_the_map_says_what_they_count():
    column = pa.array([1706704215])
    assert good(convert.times(column, ColumnMap(time="epoch-seconds"), WHERE)) == [NOON]
    with pytest.raises(FeedError, match="epoch-seconds"):
        convert.times(column, PLAIN, WHERE)


def test_a_column_without_any_value_is_empty_whatever_its_type():
    nothing = pa.nulls(2)
    assert good(convert.times(nothing, PLAIN, WHERE)) == [None, None]
    assert good(convert.carriers(nothing, WHERE)) == [None, None]
    assert np.all(convert.numbers(nothing, PLAIN, WHERE)[1])
