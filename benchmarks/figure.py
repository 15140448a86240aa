"""One measured figure, and how candidates are timed side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any, TypeVar


@dataclass(frozen=True)
class Size:
    """How much to measure: numbers in the table, questions asked, rounds taken."""

    numbers: int
    questions: int
    rounds: int


SMOKE = Size(numbers=20_000, questions=4_000, rounds=1)


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `bar` is what it should reach (`at most` or `at least`, as `sense` says), None to report."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    sense: str = "at most"
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        reached = self.value <= self.bar if self.sense == "at most" else self.value >= self.bar
        return "reached" if reached else "missed"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def measure(group: str, size: Size) -> list[Figure]:
    """The figures of one group at one size."""
    figures: list[Figure] = import_module(f"benchmarks.{group}").figures(size)
    return figures


Times = dict[str, list[float]]
_Taken = TypeVar("_Taken")


def in_turns(candidates: dict[str, Callable[[], _Taken]], rounds: int) -> dict[str, list[_Taken]]:
    """What each candidate returns, round by round, after one round that does not count."""
    taken: dict[str, list[_Taken]] = {name: [] for name in candidates}
    for counted in [False, *[True] * rounds]:
        for name, run in candidates.items():
            result = run()
            if counted:
                taken[name].append(result)
    return taken


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int) -> Times:
    """Seconds of each candidate, round by round, after one round that does not count."""
    return in_turns({name: lambda run=run: _seconds(run) for name, run in candidates.items()}, rounds)


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratio(times: Times, one: str, other: str) -> float:
    """Median over the rounds of one candidate's time over another's."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def nanoseconds(times: Times, count: int) -> dict[str, float]:
    """Median nanoseconds for one of `count` items, by candidate."""
    return {name: round(statistics.median(taken) / count * 1e9, 2) for name, taken in times.items()}
