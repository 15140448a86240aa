"""Columns of digits of one width."""

from datetime import UTC, datetime

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from portdip.exchange import fixed_digits

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)).map(lambda moment: moment.replace(microsecond=0))


@given(st.lists(st.one_of(st.text("0123456789", max_size=8), st.text(max_size=5), st.none())), st.integers(0, 3))
def test_fields_against_slices(texts, skipped):
    column = pa.array(["x", "yy", "zzz"][:skipped] + texts, pa.string())[skipped:]
    (left, right), bad = fixed_digits.fields(column, (2, 4))
    for row, text in enumerate(texts):
        good = text is not None and len(text) == 6 and text.isascii() and text.isdigit()
        assert bad[row] == (not good)
        if good:
            assert (left[row], right[row]) == (int(text[:2]), int(text[2:]))


@given(st.lists(MOMENTS))
def test_times_of_every_date(moments):
    column = pa.array([f"{moment:%Y%m%d%H%M%S}".zfill(14) for moment in moments], pa.string())
    times, bad = fixed_digits.times(column)
    assert not bad.any()
    assert times.to_pylist() == [moment.replace(tzinfo=UTC) for moment in moments]


@pytest.mark.parametrize(
    "text",
    [
        "20260230000000",
        "20250229000000",
        "20261301000000",
        "20260001000000",
        "20260100000000",
        "20260101240000",
        "20260101006000",
        "20260101000060",
        "19691231235959",
        "2026010100000",
        "202601010000000",
        "2026010100000x",
        "",
    ],
)
def test_what_is_no_time_is_bad_and_spoils_no_other(text):
    times, bad = fixed_digits.times(pa.array(["20240229000000", text, "20240301000000"]))
    assert bad.tolist() == [False, True, False]
    assert [times[0].as_py(), times[2].as_py()] == [datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)]
