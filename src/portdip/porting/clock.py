"""What time it is: the system's, or one that tests and the simulator move by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        ...


class SystemClock:
    """This machine's clock. Safe to share between threads."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is moved. For one thread that moves it; any number may read it.

    >>> clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> clock.advance(timedelta(minutes=60))
    >>> clock.now().isoformat()
    '2026-01-01T01:00:00+00:00'
    """

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment it was moved to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move on by a time; back, too, as clocks of machines sometimes do."""
        self._now += by

    def set(self, moment: datetime) -> None:
        """Move to a moment."""
        self._now = moment.astimezone(UTC)
