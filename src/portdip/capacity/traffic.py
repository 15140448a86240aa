"""What a network asks of its nodes: the inputs of a capacity plan, from a TOML file and the command line.

    [traffic]
    subscribers = 1.8e9
    minutes_per_year = 2.15e12           # or busy_hour_attempts = 0.9, for each subscriber
    minutes_per_call = [2, 3]            # a pair: somewhere between
    busy_hour_share = 0.09
    dipped_share = 1.0
    sms_share = 1.0
    growth = [0.0, 0.03]

    [porting]
    ported_share = [0.034, 0.067]        # or ported_numbers
    ports_per_day = 150_000

    [nodes]
    sites = 2
    cores = 8
    protocol = "enum"

Every number may be a pair [low, high]; what follows from it is then between two values as well.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from portdip import files
from portdip.capacity.quantity import Span, quantity
from portdip.errors import CapacityError

Protocol = Literal["enum", "pdb", "http", "engine"]
_BYTES_MAX = 1 << 20
#: Ten times the lines there are in the world.
_SUBSCRIBERS_MAX = 1e11

#: What holds where nothing is said, of each subscriber. Changes a day: China in the first half of 2020, 29,000 of 1.6
#: billion, and Spain in its fullest month, 571,000 of 60 million.
ATTEMPTS, PORTED_SHARE, PORTS_SHARE = 0.9, 0.05, (2e-5, 3e-4)

#: No number is made of `true`, or of a text.
_One = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Whole = Annotated[int, Field(strict=True)]


def _between(low: float, high: float) -> AfterValidator:
    """Bounds that a number, or both of a pair, keep; and a pair ascends."""

    def check(value: float | tuple[float, float]) -> float | tuple[float, float]:
        pair = value if isinstance(value, tuple) else (value, value)
        if pair[0] > pair[1]:
            raise ValueError("a pair is [low, high]")
        if pair[0] < low or pair[1] > high:
            raise ValueError(f"at least {low:g}, at most {high:g}")
        return value

    return AfterValidator(check)


_Value = _One | tuple[_One, _One]
Count = Annotated[_Value, _between(1, _SUBSCRIBERS_MAX)]
Many = Annotated[_Value, _between(1, 1e15)]
Share = Annotated[_Value, _between(0, 1)]
#: Where there is nothing, such as no call dipped, there is nothing to plan.
PositiveShare = Annotated[_Value, _between(1e-6, 1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Calls(_Section):
    """Who calls, how often, and how many of the calls are dipped."""

    subscribers: Count = Field(description="Lines in use, of the network whose calls are dipped here.")
    busy_hour_attempts: Annotated[_Value, _between(1e-6, 100)] | None = Field(
        default=None, description="Call attempts of a subscriber in the busy hour (BHCA): 0.9 if nothing is said."
    )
    minutes_per_year: Many | None = Field(default=None, description="Instead of the attempts: all minutes of a year,")
    minutes_per_call: Annotated[_Value, _between(0.01, 600)] | None = Field(
        default=None, description="how long a call is,"
    )
    busy_hour_share: PositiveShare | None = Field(
        default=None, description="and the share of a day's calls in its busy hour."
    )
    dipped_share: PositiveShare = Field(default=1.0, description="Share of the calls that are dipped.")
    sms_share: Annotated[_Value, _between(0, 100)] = Field(
        default=1.0, description="Messages dipped for each call dipped."
    )
    growth: Annotated[_Value, _between(-0.5, 2)] = Field(
        default=(0.0, 0.05), description="Of subscribers, calls and ports alike, a year."
    )

    @model_validator(mode="after")
    def _one_way_of_saying(self) -> Calls:
        minutes = (self.minutes_per_year, self.minutes_per_call, self.busy_hour_share)
        if any(part is not None for part in minutes):
            if self.busy_hour_attempts is not None:
                raise ValueError("either busy_hour_attempts or minutes, not both")
            if None in minutes:
                raise ValueError("minutes_per_year, minutes_per_call and busy_hour_share go together")
        return self


class Porting(_Section):
    """How many numbers are ported, and how many more each day."""

    ported_numbers: Count | None = Field(default=None, description="Numbers with an entry of their own.")
    ported_share: Share | None = Field(
        default=None, description="Instead of them: their share of the subscribers; 5 % if nothing is said."
    )
    ports_per_day: Annotated[_Value, _between(0, 1e9)] | None = Field(
        default=None, description="Changes a day: 0.002 % to 0.03 % of the subscribers if nothing is said."
    )
    hour_share: PositiveShare = Field(
        default=0.12, description="Share of a day's changes that take effect at its fullest full hour."
    )
    used_share: PositiveShare = Field(
        default=0.36, description="Share of the numbers of a block of 10,000 that are in use."
    )

    @model_validator(mode="after")
    def _one_way_of_saying(self) -> Porting:
        if self.ported_numbers is not None and self.ported_share is not None:
            raise ValueError("either ported_numbers or ported_share, not both")
        return self


class Nodes(_Section):
    """What the nodes are to be."""

    sites: _Whole = Field(
        default=2, ge=1, le=1000, description="Places with nodes; with more than one, one may be lost."
    )
    cores: _Whole = Field(default=8, ge=1, le=1024, description="Cores of a node that answer.")
    protocol: Protocol = Field(default="enum", description="How the switches ask; engine: inside their own process.")
    asked_at_once: _Whole = Field(
        default=1, ge=1, le=64, description="Nodes asked each question; Kamailio's pdb asks all that it knows at once."
    )
    utilisation: Annotated[_Value, _between(0.01, 1)] = Field(
        default=0.6, description="The share of its cores that a node may use up."
    )
    link_mbit: Annotated[_Value, _between(0.01, 1e6)] = Field(
        default=1000.0, description="Megabits a second between a node and what it follows."
    )


class Profile(_Section):
    """All of it."""

    traffic: Calls
    porting: Porting = Porting()
    nodes: Nodes = Nodes()
    years: _Whole = Field(default=5, ge=0, le=30, description="For how many years the nodes are to do.")

    @model_validator(mode="after")
    def _fits(self) -> Profile:
        subscribers = span(self.traffic.subscribers)
        for name in ("ported_numbers", "ports_per_day"):
            value = getattr(self.porting, name)
            if value is not None and span(value).high > subscribers.high:
                raise ValueError(
                    f"porting.{name} to be at most traffic.subscribers; it is {quantity(span(value).high, '')}, "
                    f"of {quantity(subscribers.high, '')}"
                )
        last = (subscribers * (span(self.traffic.growth) + 1.0) ** self.years).high
        if last > _SUBSCRIBERS_MAX:
            raise ValueError(
                f"traffic.growth to leave at most {_SUBSCRIBERS_MAX:g} subscribers; in {self.years} years it makes "
                f"{last:.3g} of them"
            )
        return self


def span(value: float | tuple[float, float]) -> Span:
    """A number, or what lies between two."""
    return Span.between(*value) if isinstance(value, tuple) else Span.of(value)


def profile(path: Path | None, given: dict[str, dict[str, Any]], years: int | None = None) -> Profile:
    """The profile in a TOML file (None: an empty one), with what is `given` by section, and not None, in its place.

    Raises CapacityError that names the key which is missing, unknown or has a value that cannot be meant.
    """
    read: dict[str, Any] = {"traffic": {}} | (_read(path) if path is not None else {})
    for section, values in given.items():
        part = read.setdefault(section, {})
        if not isinstance(part, dict):
            raise CapacityError("a profile's section is no table", where=f"{path}, {section}")
        said = {name: value for name, value in values.items() if value is not None}
        for name in said:
            for other in _INSTEAD.get(name, ()):
                part.pop(other, None)
        part.update(said)
    if years is not None:
        read["years"] = years
    try:
        return Profile.model_validate(read)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if not _is_of_union(part))
        raise CapacityError(
            "an input of the plan is missing" if first["type"] == "missing" else "an input of the plan is wrong",
            where=f"{path}, {place}" if path else place,
            expected=first["msg"].removeprefix("Value error, ").removeprefix("Input should be "),
            got="" if first["type"] == "missing" or isinstance(first["input"], dict) else str(first["input"]),
            fix="portdip capacity --help names them all." if first["type"] == "missing" else "",
        ) from error


#: What is said on the command line goes before what a profile says in another way.
_INSTEAD = {
    "busy_hour_attempts": ("minutes_per_year", "minutes_per_call", "busy_hour_share"),
    "ported_numbers": ("ported_share",),
    "ported_share": ("ported_numbers",),
}


def _is_of_union(part: object) -> bool:
    """Whether a part of a place is pydantic's name for a way of reading a value, and no key."""
    return isinstance(part, int) or any(mark in str(part) for mark in ("[", "float", "tuple"))


def _read(path: Path) -> dict[str, Any]:
    where = str(path)
    _, size = files.read_head(path, 0)
    if size > _BYTES_MAX:
        raise CapacityError("too large for a profile", where=where, got=f"{size:,} bytes")
    try:
        return tomllib.loads(files.read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CapacityError("a profile is no TOML", where=where, got=str(error)) from error
