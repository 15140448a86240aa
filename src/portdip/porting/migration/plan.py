"""The plan of a data migration: a TOML file that says what moves, when, and how.

    name = "merge-old-into-new"         # what orders and audit rows call it
    reason = "merger of 1 December 2026"
    piece = 2000                        # changes a transaction: others wait for as long as one takes

    [slots]                             # when pieces may be published; left out: at any time
    begin = "01:00"
    end = "05:00"                       # may be after midnight
    zone = "Asia/Shanghai"
    days_off = [2026-12-25]             # no slot begins on these days
    numbers_max = 200000                # at most so many numbers a slot

    [[step]]
    kind = "merge"                      # every number and range of a carrier goes to another one
    carrier = "OLD"
    into = "NEW"
    routing_number = "0C00"             # the new one, for all old ones but these
    routing_numbers = { "0B17" = "0C17" }
    how = "mass"                        # one change for all of them, or "per-number"
    at = 2026-12-01T01:00:00+08:00      # not before

    [[step]]
    kind = "re-home"                    # a route gets another routing number
    carrier = "NEW"
    routing_number = "0C17"
    to = "0C18"
    first = 8613800000000               # only these; left out: all
    last = 8613800009999
    how = "per-number"

    [[step]]
    kind = "renumber"                   # numbers change, who serves them does not
    first = 8613900000000
    last = 8613900009999
    to = 8614900000000                  # the first of the new ones
    old_until = 2027-03-01T01:00:00+08:00   # both are served until then

    [[step]]
    kind = "take-over"                  # another database becomes ours
    feed = "csv"                        # as `portdip import --feed` has it
    files = ["theirs.csv"]              # beside the plan, or anywhere
    map = "theirs.toml"
    carriers = { "0123" = "NEW" }       # theirs to ours, where they differ
    within = "86"                       # only numbers that begin so
    whole = true                        # what they do not have is released and withdrawn, too

Steps are done in their order. Times need a zone.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from portdip import files, number
from portdip.errors import InvalidRangeError, MigrationPlanError
from portdip.exchange import feeds
from portdip.exchange.delta import ROWS_MAX

_SLOTS_LOOKED_AHEAD = 400

CarrierId = Annotated[str, Field(min_length=1, max_length=64)]
RoutingNumber = Annotated[str, Field(pattern="^[0-9A-Fa-f]{0,16}$")]
How = Literal["mass", "per-number"]


def _integer(value: object) -> object:
    return number.parse(value) if isinstance(value, str) else value


Number = Annotated[int, BeforeValidator(_integer), Field(ge=1, lt=number.LIMIT)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Slots(_Part):
    """When pieces may be published: from `begin` to `end` on the clocks of `zone`, but for slots of `days_off`."""

    begin: time
    end: time
    zone: str = "UTC"
    days_off: frozenset[date] = frozenset()
    numbers_max: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _is_a_slot(self) -> Self:
        if self.zone not in available_timezones():
            raise ValueError(f"there is no time zone {self.zone}")
        if self.begin == self.end:
            raise ValueError("the slot is empty; leave [slots] out for any time")
        return self

    def slot_of(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """Begin and end of the slot that `moment` is in, None outside of all."""
        day = moment.astimezone(ZoneInfo(self.zone)).date()
        for first in (day - timedelta(days=1), day):
            begin, end = self._on(first)
            if begin <= moment < end and first not in self.days_off:
                return begin, end
        return None

    def next_begin(self, moment: datetime) -> datetime | None:
        """When the first slot after `moment` begins; None if there is none for more than a year."""
        day = moment.astimezone(ZoneInfo(self.zone)).date()
        for ahead in range(_SLOTS_LOOKED_AHEAD):
            first = day + timedelta(days=ahead)
            begin, _ = self._on(first)
            if begin > moment and first not in self.days_off:
                return begin
        return None

    def _on(self, day: date) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.zone)
        until = day + timedelta(days=self.end < self.begin)
        return datetime.combine(day, self.begin, zone), datetime.combine(until, self.end, zone)


class _Timed(_Part):
    at: AwareDatetime | None = None


class _Interval(_Timed):
    first: Number | None = None
    last: Number | None = None

    @model_validator(mode="after")
    def _is_an_interval(self) -> Self:
        if (self.first is None) != (self.last is None):
            raise ValueError("give both ends of the interval, or neither")
        if self.first is not None and self.last is not None:
            _check_interval(self.first, self.last)
        return self


class Merge(_Interval):
    """Every number and range that `carrier` serves goes to the carrier `into`."""

    kind: Literal["merge"]
    carrier: CarrierId
    into: CarrierId
    routing_number: RoutingNumber | None = None
    routing_numbers: dict[RoutingNumber, RoutingNumber] = Field(default_factory=dict)
    how: How = "mass"

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.carrier == self.into:
            raise ValueError("a carrier cannot be merged into itself; see kind = 're-home'")
        return self


class ReHome(_Interval):
    """What `carrier` serves by `routing_number` is reached by the routing number `to`."""

    kind: Literal["re-home"]
    carrier: CarrierId
    routing_number: RoutingNumber
    to: RoutingNumber
    how: How = "mass"

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.routing_number == self.to:
            raise ValueError("the routing number stays as it is")
        return self


class Renumber(_Timed):
    """The numbers from `first` to `last` become as many from `to` on; the old ones are served until `old_until`."""

    kind: Literal["renumber"]
    first: Number
    last: Number
    to: Number
    old_until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _are_intervals(self) -> Self:
        _check_interval(self.first, self.last)
        _check_interval(self.to, self.to_last)
        if self.first <= self.to_last and self.to <= self.last:
            raise ValueError("the new numbers overlap the old ones; go by way of others")
        if self.at and self.old_until and self.old_until < self.at:
            raise ValueError("the old numbers end before the new ones begin")
        return self

    @property
    def to_last(self) -> int:
        """The last of the new numbers."""
        return self.to + self.last - self.first


class TakeOver(_Timed):
    """What another database says of the numbers that begin with `within` becomes what is served."""

    kind: Literal["take-over"]
    feed: str
    files: list[Path] = Field(default_factory=list)
    map: Path | None = None
    carriers: dict[str, CarrierId] = Field(default_factory=dict)
    within: str = Field(default="", pattern="^([1-9][0-9]{0,14})?$")
    whole: bool = False

    @model_validator(mode="after")
    def _feed_is_known(self) -> Self:
        if self.feed not in feeds.names():
            raise ValueError(f"there is no feed {self.feed}; there are {', '.join(feeds.names())}")
        if bool(self.files) != feeds.load(self.feed).NEEDS_FILES:
            raise ValueError("`files` has to name files" if not self.files else "the feed reads no files")
        return self


Step = Annotated[Merge | ReHome | Renumber | TakeOver, Field(discriminator="kind")]


class Plan(_Part):
    """A whole plan; the module's docstring explains the keys."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")
    reason: str = Field(min_length=1)
    slots: Slots | None = None
    piece: int = Field(default=2_000, ge=1, le=ROWS_MAX)
    step: list[Step] = Field(min_length=1)


def parse(text: str, where: str = "the plan") -> Plan:
    """The plan that the TOML `text` is; MigrationPlanError, naming `where` and the key, for what is none."""
    try:
        return Plan.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MigrationPlanError("the plan is no TOML", where=where, got=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise MigrationPlanError(
            "the plan is wrong", where=f"{where}, {key}", got=str(first["input"])[:200], expected=first["msg"]
        ) from error


def load(path: Path) -> Plan:
    """The plan in the file at `path`, its files beside it; MigrationPlanError where it cannot be read."""
    try:
        text = files.read_bytes(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationPlanError("the plan cannot be read", where=str(path), got=str(error)) from error
    plan = parse(text, str(path))
    return plan.model_copy(update={"step": [_beside(step, path.absolute().parent) for step in plan.step]})


def restore(kept: str) -> Plan:
    """The plan that `Plan.model_dump_json` gave, as it is kept while a migration runs."""
    return Plan.model_validate_json(kept)


def _beside(step: Step, directory: Path) -> Step:
    if not isinstance(step, TakeOver):
        return step
    named = {"files": [directory / file for file in step.files], "map": step.map and directory / step.map}
    return step.model_copy(update=named)


def _check_interval(first: int, last: int) -> None:
    """ValueError for what is no interval of numbers of one length."""
    try:
        number.prefixes_of_interval(first, last)
    except InvalidRangeError as error:
        raise ValueError(error.what) from error
