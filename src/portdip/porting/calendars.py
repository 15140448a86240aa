"""Business calendars: when a country's porting desks are open, and what moment is so many open hours or days away.

Hours are counted on the clocks of the calendar's zone while desks are open. Days are counted as working days: the
same time of day (on a day that is closed: the opening of the next one), so many working days later.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

#: More closed days than any country has in one piece; beyond it the calendar is at fault.
_CLOSED_DAYS_MAX = 60


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EveryYear(_Section):
    """A holiday of a fixed day of the year."""

    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)

    def on(self, year: int) -> date | None:
        """The date in a year; 29 February only where it is."""
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return None


class NthWeekday(_Section):
    """A holiday such as the fourth Thursday of November; `nth` -1 is the last. Weekdays count from Monday, 1."""

    month: int = Field(ge=1, le=12)
    weekday: int = Field(ge=1, le=7)
    nth: Literal[1, 2, 3, 4, -1]

    def on(self, year: int) -> date:
        """The date in a year."""
        if self.nth > 0:
            first = date(year, self.month, 1)
            return first + timedelta(days=(self.weekday - first.isoweekday()) % 7 + 7 * (self.nth - 1))
        last = date(year + self.month // 12, self.month % 12 + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.isoweekday() - self.weekday) % 7)


class FromEaster(_Section):
    """A holiday so many days after Easter Sunday of the western churches."""

    easter: int = Field(ge=-60, le=70)

    def on(self, year: int) -> date:
        """The date in a year."""
        return _easter(year) + timedelta(days=self.easter)


Holiday = Annotated[date | EveryYear | NthWeekday | FromEaster, Field(union_mode="left_to_right")]


class Calendar(_Section):
    """A business calendar. Safe to share between threads."""

    zone: str = Field(description="IANA name of the time zone.")
    opens: time = time(0, 0)
    closes: time = Field(default=time(0, 0), description="On the same day; 00:00 is midnight at its end.")
    weekdays: frozenset[Annotated[int, Field(ge=1, le=7)]] = Field(
        default=frozenset({1, 2, 3, 4, 5}), min_length=1, description="Working days, Monday is 1."
    )
    holidays: tuple[Holiday, ...] = ()
    working_days: frozenset[date] = Field(
        default=frozenset(), description="Days that are worked though weekday or holiday speak against it (調休)."
    )
    source: str = Field(min_length=1)

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("expected an IANA time zone such as Asia/Shanghai") from error
        return zone

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.closes != time(0, 0) and self.closes <= self.opens:
            raise ValueError("desks must open before they close")
        return self

    def local(self, moment: datetime) -> datetime:
        """The moment as the clocks of the zone show it."""
        return moment.astimezone(ZoneInfo(self.zone))

    def at(self, day: date, clock: time) -> datetime:
        """The moment (UTC) at which the clocks of the zone show this, the first where they show it twice."""
        return datetime.combine(day, clock, ZoneInfo(self.zone)).astimezone(UTC)

    def is_working(self, day: date) -> bool:
        """Whether desks open on the day."""
        if day in self.working_days:
            return True
        return day.isoweekday() in self.weekdays and day not in _holidays(self.holidays, day.year)

    def next_working(self, day: date) -> date:
        """The day itself if it is a working day, else the first after it."""
        for ahead in range(_CLOSED_DAYS_MAX):
            if self.is_working(day + timedelta(days=ahead)):
                return day + timedelta(days=ahead)
        raise AssertionError(f"no working day within {_CLOSED_DAYS_MAX} days of {day}")

    def after_hours(self, moment: datetime, open_for: timedelta) -> datetime:
        """The moment (UTC) at which desks have been open for so long since `moment`."""
        left = open_for
        day = self.local(moment).date()
        while True:
            day = self.next_working(day)
            begin = max(moment, self.at(day, self.opens))
            end = self._closing(day)
            if begin < end:
                if begin + left <= end:
                    return (begin + left).astimezone(UTC)
                left -= end - begin
            day += timedelta(days=1)

    def after_days(self, moment: datetime, count: int) -> datetime:
        """The moment (UTC) so many working days later."""
        shown = self.local(moment)
        day, clock = shown.date(), shown.time()
        if not self.is_working(day):
            day, clock = self.next_working(day), self.opens
        for _ in range(count):
            day = self.next_working(day + timedelta(days=1))
        return self.at(day, clock)

    def _closing(self, day: date) -> datetime:
        if self.closes == time(0, 0):
            return self.at(day + timedelta(days=1), self.closes)
        return self.at(day, self.closes)


@lru_cache(maxsize=256)
def _holidays(holidays: tuple[Holiday, ...], year: int) -> frozenset[date]:
    dates = (holiday if isinstance(holiday, date) else holiday.on(year) for holiday in holidays)
    return frozenset(day for day in dates if day is not None)


def _easter(year: int) -> date:
    """Easter Sunday by the computus of Meeus, Jones and Butcher; its letters are theirs."""
    a, (b, c) = year % 19, divmod(year, 100)
    (d, e), f = divmod(b, 4), (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)
