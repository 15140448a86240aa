"""What `portdip bench` leaves: a JSON object of this version, every figure with the samples it was taken from.

    format, version     "portdip-bench", 1
    portdip, measured   the version that measured, and when (UTC)
    seed, plan, sizes   of the synthetic tables
    is_quick, rounds    how much was asked for; `seconds`, how long all of it took
    others              share of the cores' time that other processes took meanwhile, null where the system does not say
    machine             `portdip.capacity.machine.fingerprint`
    figures             group, name, size (numbers in the table, 0 where that does not matter), unit, better
                        ("higher", "lower"; "" for what only describes), samples (one a round), is_constant (another
                        measurement would give the same, such as bytes), detail

Values never change once made; any thread may use them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from portdip import files
from portdip.errors import BenchResultError

FORMAT = "portdip-bench"
VERSION = 1
#: A result has a few hundred figures; what is larger is no result.
_BYTES_MAX = 64 << 20

#: Where others took more of the cores than this, their work is in the figures.
_OTHERS_MAX = 0.03
#: What figures are called that say how late questions were sent, and the share of them without an answer.
LATE, UNANSWERED = "sent late", "without an answer"
#: By so many microseconds a question may be sent late (99th percentile) before that is said.
_LATE_US = 100.0

Better = Literal["higher", "lower", ""]
Sample = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Part):
    """One figure: what it is of, and its samples."""

    group: str = Field(min_length=1)
    name: str = Field(min_length=1)
    size: int = Field(ge=0)
    unit: str
    better: Better
    samples: tuple[Sample, ...] = Field(min_length=1)
    is_constant: bool = False
    detail: dict[str, Any] = {}

    @property
    def key(self) -> tuple[str, str, int]:
        """What the same figure of another run has too."""
        return self.group, self.name, self.size

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the median of many more samples would lie, with about 95 %: see `median_interval`."""
        return median_interval(self.samples)


class _Machine(BaseModel):
    processor: str
    cores: int = Field(ge=1)
    memory: str = Field(pattern=r"^([0-9]+ kB)?$")


class Result(_Part):
    """A whole run."""

    format: Literal["portdip-bench"] = "portdip-bench"
    version: Literal[1] = 1
    portdip: str
    measured: datetime
    seed: int
    plan: str
    sizes: tuple[int, ...]
    is_quick: bool
    rounds: int = Field(ge=1)
    seconds: float
    others: Annotated[float, Field(ge=0, le=1)] | None
    machine: dict[str, Any]
    figures: tuple[Figure, ...] = Field(min_length=1)

    @field_validator("machine")
    @classmethod
    def _is_a_machine(cls, machine: dict[str, Any]) -> dict[str, Any]:
        """What is read of it again has the form that `fingerprint` gives it."""
        _Machine.model_validate(machine)
        return machine

    @model_validator(mode="after")
    def _are_distinct(self) -> Result:
        if len({figure.key for figure in self.figures}) != len(self.figures):
            raise ValueError("a figure is there twice")
        return self

    def find(self, group: str, name: str, size: int | None = None) -> Figure | None:
        """The figure of that name, of the largest table where no size is given; None if it was not measured."""
        found = [one for one in self.figures if (one.group, one.name) == (group, name) and size in (None, one.size)]
        return max(found, key=lambda one: one.size, default=None)

    @property
    def had_other_work(self) -> bool:
        """Whether the machine was not the run's alone, as far as the system says."""
        return self.others is not None and self.others > _OTHERS_MAX

    def remarks(self) -> list[str]:
        """What a reader of the figures should know, a line each; [] where nothing was in the way."""
        found = []
        if self.had_other_work:
            found.append(f"the machine had other work: it took {self.others:.0%} of the cores during the run")
        late = _by_group(one for one in self.figures if one.name.startswith(f"{LATE}, p99 ") and one.unit == "us")
        for group, figures in late.items():
            worst = max(one.median for one in figures)
            if worst > _LATE_US:
                found.append(
                    f"{group}: 1 % of the questions were sent {worst / 1e3:.3g} ms late or more: what asks had no core "
                    "of its own, and times at a load are too long"
                )
        unanswered = _by_group(one for one in self.figures if one.name.startswith(UNANSWERED))
        for group, figures in unanswered.items():
            shares = [share for one in figures for share in one.samples]
            rounds = sum(share > 0 for share in shares)
            if rounds:
                found.append(
                    f"{group}: in {rounds} of {len(shares)} samples at a load questions had no answer, in the worst "
                    f"{max(shares):.2%} of them; they count with the time that they waited"
                )
        return found

    def as_json(self) -> bytes:
        """The JSON object, one line."""
        return orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_APPEND_NEWLINE)


def _by_group(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    found: dict[str, list[Figure]] = {}
    for figure in figures:
        found.setdefault(figure.group, []).append(figure)
    return found


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of the median of what the samples were drawn from: order statistics, so no shape is assumed.

    The narrowest pair of samples, counted from both ends, that holds it with at least `confidence`; with fewer than
    six samples not even the outermost do at 95 %, and they are given all the same.

    >>> median_interval([3.0, 1.0, 2.0])
    (1.0, 3.0)
    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0])
    (2.0, 9.0)
    """
    ordered = sorted(samples)
    count, outside, left = len(ordered), 0.0, 0
    for below in range((count - 1) // 2):
        outside += 2 * math.comb(count, below) / 2**count
        if outside > 1 - confidence:
            break
        left = below
    return ordered[left], ordered[count - 1 - left]


def load(path: Path) -> Result:
    """The result in a file. Raises BenchResultError for what is none, is damaged, or is of another version."""
    where = str(path)
    _, size = files.read_head(path, 0)
    if size > _BYTES_MAX:
        raise BenchResultError("too large for a bench result", where=where, got=f"{size:,} bytes")
    try:
        read = orjson.loads(files.read_bytes(path))
    except orjson.JSONDecodeError as error:
        raise BenchResultError(
            "not a bench result: no JSON, or cut off", where=where, got=str(error), fix="portdip bench --out makes one."
        ) from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise BenchResultError("not a bench result", where=where, expected=f'an object with format "{FORMAT}"')
    if read.get("version") != VERSION:
        raise BenchResultError(
            "a bench result of another version",
            where=where,
            expected=repr(VERSION),
            got=repr(read.get("version")),
            fix="Measure again with this portdip.",
        )
    try:
        return Result.model_validate(read)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BenchResultError(
            "a damaged bench result", where=f"{where}, {place}" if place else where, expected=first["msg"]
        ) from error
