"""Columns of times: which are taken, what they mean, and what is refused with the reason."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.batch import times
from portdip.errors import AnnotateError
from portdip.lookup.answers import INVALID_TIME, NO_TIME
from portdip.table.outstanding import microseconds

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)


def read(values, zone=None, kind=None):
    column = values if isinstance(values, pa.Array) else pa.array(values, kind)
    times.check(column.type, "t", zone, "calls")
    return times.moments(column, "t", zone, "calls").tolist()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_timestamps_of_any_unit_and_zone_are_moments(unit, zone):
    column = pa.array([MOMENT.replace(microsecond=0), None]).cast(pa.timestamp(unit, tz=zone))
    assert read(column) == [microseconds(MOMENT.replace(microsecond=0)), NO_TIME]


def test_nanoseconds_count_downwards():
    assert read([-1, 999, 1000, -1000, -1001], kind=pa.timestamp("ns", tz="UTC")) == [-1, 0, 1, -1, -2]


def test_what_lies_beyond_all_time_is_at_its_end():
    far = np.iinfo(np.int64)
    for unit in ("s", "ms", "us"):
        low, high = read([far.min, far.max], kind=pa.timestamp(unit, tz="UTC"))
        assert low < -(2**62)
        assert low > INVALID_TIME
        assert high > 2**62


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_what_lies_beyond_all_time_is_at_its_end_on_clocks_of_any_zone(zone, unit):
    """DuckDB's infinity was the beginning of time in New York, and its opposite the end of time in Shanghai."""
    far = np.iinfo(np.int64)
    low, high = read([far.min + 1, far.max], zone, pa.timestamp(unit))
    assert INVALID_TIME < low < -(2**62)
    assert high > 2**62


def test_times_without_a_zone_are_refused_unless_it_is_given():
    shown = [datetime(2026, 1, 2, 8), None]
    with pytest.raises(AnnotateError, match=r"column 't' have no zone.*calls.*--time-zone"):
        read(shown, kind=pa.timestamp("ms"))
    with pytest.raises(AnnotateError, match=r"have no zone.*2026-01-02 08:00"):
        read(["2026-01-02T08:00:00Z", "2026-01-02 08:00"])
    expected = [microseconds(datetime(2026, 1, 2, tzinfo=UTC)), NO_TIME]
    assert read(shown, "Asia/Shanghai", pa.timestamp("ms")) == expected
    assert read(["2026-01-02 08:00", None], "Asia/Shanghai") == expected
    assert read(["2026-01-02T08:00:00Z"], "Asia/Shanghai") == [microseconds(datetime(2026, 1, 2, 8, tzinfo=UTC))]


def test_an_hour_that_comes_twice_is_the_first_and_one_left_out_is_the_change():
    first, change = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)
    for values, kind in (
        (["2026-10-25 02:30", "2026-03-29 02:30"], None),
        ([datetime(2026, 10, 25, 2, 30), datetime(2026, 3, 29, 2, 30)], pa.timestamp("us")),
    ):
        assert read(values, "Europe/Amsterdam", kind) == [microseconds(first), microseconds(change)]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-04T05:06:07.123456Z",
        "2026-03-04 05:06:07.123456z",
        "2026-03-04T05:06:07,123456+00:00",
        "2026-03-04T13:06:07.123456+08:00",
        "2026-03-04T13:06:07.123456+0800",
        "2026-03-04T13:06:07.123456+08",
        "2026-03-04T05:06:07.1234569Z",
    ],
)
def test_texts_are_iso_8601(text):
    for column in (pa.array([text]), pa.array([text], pa.large_string()), pa.array([text]).dictionary_encode()):
        assert read(column) == [microseconds(MOMENT)]
    # Beside one that must be read by itself.
    assert read([text, "2026-13-01T00:00Z"]) == [microseconds(MOMENT), INVALID_TIME]


@pytest.mark.parametrize(
    "text",
    ["x", "2026-03-04", "05:06", "1772600767", "2026-3-4T5:06Z", "2026-02-30T00:00Z", "2026-01-01T25:00:00Z", " "],
)
def test_text_that_is_no_time_is_told_apart_from_none(text):
    assert read([text, "", None, "2026-03-04T05:06:07.123456Z"]) == [
        INVALID_TIME, NO_TIME, NO_TIME, microseconds(MOMENT),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (pa.int64(), "does not say what it counts"),
        (pa.date32(), "got date32"),
        (pa.float64(), "got double"),
        (pa.time64("us"), "got time64"),
    ],
)
def test_columns_of_other_types_are_refused_with_the_reason(kind, reason):
    with pytest.raises(AnnotateError, match=rf"column 't' cannot hold times.*{reason}"):
        times.check(kind, "t", "UTC", "calls")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "+08:00"])
def test_a_zone_that_is_none_is_refused(zone):
    with pytest.raises(AnnotateError, match="no time zone"):
        times.check_zone(zone)


@given(st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), max_size=20), st.data())
def test_texts_and_timestamps_agree_with_python(shown, data):
    zone = timedelta(minutes=data.draw(st.integers(-14 * 60, 14 * 60)))
    moments = [(each - zone).replace(tzinfo=UTC) for each in shown]
    sign, minutes = "-" if zone < timedelta(0) else "+", abs(zone) // timedelta(minutes=1)
    texts = [f"{each.isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}" for each in shown]
    expected = [microseconds(moment) for moment in moments]
    assert read(texts, kind=pa.string()) == expected
    assert read(moments, kind=pa.timestamp("us", tz="UTC")) == expected
    assert read(shown, "UTC", pa.timestamp("us")) == [microseconds(each.replace(tzinfo=UTC)) for each in shown]


@given(
    st.lists(
        st.builds(
            "{}-{}-{}{}{}:{}{}{}".format,
            *(st.sampled_from(["0000", "0001", "1582", "2026", "9999"]), st.sampled_from(["01", "02", "12", "13"])),
            *(st.sampled_from(["01", "29", "31"]), st.sampled_from("T "), st.sampled_from(["00", "12", "23", "24"])),
            *(st.sampled_from(["00", "59", "60"]), st.sampled_from(["", ":59", ":60", ":01.5", ":01,123456789"])),
            st.sampled_from(["", "Z", "z", "+08", "+0800", "-10:00", "+23:59", "+24:00", "+00:60"]),
        ),
        min_size=1,
    )
)
def test_a_text_is_the_same_time_whatever_texts_are_beside_it(texts):
    assert read(texts, "Asia/Shanghai") == [read([text], "Asia/Shanghai")[0] for text in texts]
