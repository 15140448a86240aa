"""Business calendars: against a count of single minutes, and against known dates."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from portdip.porting import profile as profiles
from portdip.porting.calendars import Calendar, EveryYear, FromEaster, NthWeekday

ALL = profiles.load_all()


def open_at(calendar: Calendar, moment: datetime) -> bool:
    """The plain twin: whether desks are open at a moment."""
    shown = calendar.local(moment)
    closes = calendar.closes if calendar.closes != time(0, 0) else time.max
    return calendar.is_working(shown.date()) and calendar.opens <= shown.time() < closes


@given(
    st.sampled_from(sorted(ALL)),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),
    st.integers(1, 1500),
)
def test_open_hours_are_counted_as_minutes_would_be(country, moment, minutes):
    calendar = ALL[country].calendar
    moment = moment.replace(second=0, microsecond=0)
    left, at = minutes, moment
    while left:
        left -= open_at(calendar, at)
        at += timedelta(minutes=1)
    assert calendar.after_hours(moment, timedelta(minutes=minutes)) == at


@given(
    st.sampled_from(sorted(ALL)),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),
    st.integers(1, 30),
)
def test_so_many_working_days_lie_between(country, moment, count):
    calendar = ALL[country].calendar
    begin = calendar.next_working(calendar.local(moment).date())
    end = calendar.local(calendar.after_days(moment, count)).date()
    days = [begin + timedelta(days=ahead) for ahead in range(1, (end - begin).days + 1)]
    assert sum(calendar.is_working(day) for day in days) == count
    assert calendar.is_working(end)


@pytest.mark.parametrize(
    ("country", "day", "working"),
    [
        ("cn", date(2026, 2, 17), False),  # Spring Festival
        ("cn", date(2026, 2, 14), True),  # a Saturday that is worked for it
        ("cn", date(2026, 6, 6), False),
        ("nanp", date(2026, 11, 26), False),  # Thanksgiving
        ("nanp", date(2026, 5, 25), False),  # Memorial Day
        ("nanp", date(2026, 5, 26), True),
        ("nl", date(2026, 4, 6), False),  # Easter Monday
        ("nl", date(2026, 5, 14), False),  # Ascension
        ("nl", date(2027, 3, 29), False),  # Easter Monday
        ("in", date(2026, 6, 6), True),  # Saturdays are working days
        ("in", date(2026, 1, 26), False),
    ],
)
def test_holidays_are_where_they_belong(country, day, working):
    assert ALL[country].calendar.is_working(day) is working


def test_days_that_move_are_found():
    assert NthWeekday(month=12, weekday=1, nth=-1).on(2026) == date(2026, 12, 28)
    assert NthWeekday(month=6, weekday=1, nth=1).on(2026) == date(2026, 6, 1)
    assert FromEaster(easter=0).on(2038) == date(2038, 4, 25)
    assert EveryYear(month=2, day=29).on(2027) is None


def test_a_calendar_that_makes_no_sense_is_refused():
    for wrong in (
        {"zone": "Mars/Olympus"},
        {"zone": "UTC", "opens": "18:00", "closes": "09:00"},
        {"zone": "UTC", "weekdays": []},
    ):
        with pytest.raises(ValidationError):
            Calendar.model_validate({**wrong, "source": "test"})
