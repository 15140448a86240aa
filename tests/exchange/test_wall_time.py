"""Times as clocks show them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from portdip.exchange import wall_time

FORM = "%d/%m/%Y %H:%M:%S"


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1)), st.sampled_from(["America/Sao_Paulo", "Europe/Amsterdam"])
)
def test_a_moment_is_shown_as_it_was_read(moment, zone):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    found = wall_time.moment(moment.astimezone(ZoneInfo(zone)).strftime(FORM), FORM, zone)
    assert found in (moment, moment - timedelta(hours=1)), "the first of two that clocks show alike"
    assert found.astimezone(ZoneInfo(zone)).strftime(FORM) == moment.astimezone(ZoneInfo(zone)).strftime(FORM)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("04/11/2018 00:00:00", datetime(2018, 11, 4, 3, tzinfo=UTC)),  # midnight that summer time left out
        ("17/02/2018 23:30:00", datetime(2018, 2, 18, 1, 30, tzinfo=UTC)),  # shown twice
        ("11/06/2026 00:00:00", datetime(2026, 6, 11, 3, tzinfo=UTC)),  # there is no summer time any more
    ],
)
def test_when_clocks_change(text, moment):
    assert wall_time.moment(text, FORM, "America/Sao_Paulo") == moment


def test_a_column_of_them():
    column = pa.array(["11/06/2026 00:00:00", "", "31/02/2026 00:00:00", "11/06/2026 00:00:00", "01/01/0001 00:00:00"])
    moments, bad = wall_time.moments(column, FORM, "America/Sao_Paulo")
    assert bad.tolist() == [False, True, True, False, True]
    assert moments[0].as_py() == moments[3].as_py() == datetime(2026, 6, 11, 3, tzinfo=UTC)
