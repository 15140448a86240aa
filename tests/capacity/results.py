"""Bench results made up for tests: every figure that a plan needs, with values that are easy to reckon with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from portdip.capacity.result import Figure, Result
from portdip.capacity.suite.network import LOADS, PERCENTILES, load_name
from portdip.capacity.suite.tables import DENSITIES

ROUNDS = 8
#: Group, name -> value in its unit.
VALUES: dict[tuple[str, str], float] = {
    ("machine", "spin"): 2.0,
    ("machine", "latency, huge pages"): 100.0,
    ("engine", "dips, one at a time"): 500_000.0,
    ("engine", "index[number]"): 4e6,
    ("engine", "dips in a column, one thread"): 5e7,
    ("enum", "CPU of an answer"): 5.0,
    ("pdb", "CPU of an answer"): 4.0,
    ("http", "CPU of an answer"): 40.0,
    **{
        (protocol, f"p{percent:g} one at a time"): value
        for protocol, median in (("enum", 30.0), ("pdb", 20.0), ("http", 80.0))
        for percent, value in zip(PERCENTILES, (median, 1.5 * median, 2 * median), strict=True)
    },
    ("upkeep", "changes verified and applied"): 200_000.0,
    ("upkeep", "start of a process, to the first answer"): 2.0,
    ("upkeep", "numbers of a node founded"): 5e6,
    ("memory", "private memory of a worker"): 50e6,
    ("memory", "snapshot on disk"): 30.0,
}


def _unit(group: str, name: str) -> str:
    """The unit that the suite gives a figure."""
    if name == "snapshot on disk":
        return "B/number"
    if name.startswith("start of a process"):
        return "s"
    return {"machine": "ns", "engine": "/s", "upkeep": "/s", "memory": "B"}.get(group, "us")


def figure(group: str, name: str, value: float, spread: float = 0.0, **other: Any) -> Figure:
    """A figure whose samples lie evenly within `spread` of a value."""
    samples = tuple(value * (1 + spread * (2 * place / (ROUNDS - 1) - 1)) for place in range(ROUNDS))
    better = "higher" if other.get("unit") == "/s" else "lower"
    return Figure(
        group=group, name=name, samples=samples, **({"size": 1_000_000, "unit": "", "better": better} | other)
    )


def result(spread: float = 0.0, changed: dict[tuple[str, str], float] | None = None, **other: Any) -> Result:
    """A whole result; `changed` replaces values."""
    values = VALUES | (changed or {})
    figures = [
        figure(
            group,
            name,
            value,
            spread,
            unit=_unit(group, name),
            detail={"bytes_a_change": 10.0} if "applied" in name else {},
        )
        for (group, name), value in values.items()
    ]
    figures += [  # 8 bytes at half a percent, and half a byte less each time it doubles
        figure("memory", f"index, {share * 100:g} % of a block ported", 8 - place / 2, unit="B/number")
        for place, share in enumerate(DENSITIES)
    ]
    for load in LOADS:
        figures.append(figure("enum", f"answered {load_name(load)}", load * 200_000, unit="/s", better=""))
        figures += [
            figure("enum", f"p{percent:g} {load_name(load)}", 30 + percent, unit="us") for percent in PERCENTILES
        ]
    head = {
        "portdip": "0.1.0",
        "measured": datetime(2026, 11, 23, tzinfo=UTC),
        "seed": 1,
        "plan": "nanp, 16% ported",
        "sizes": (1_000_000,),
        "is_quick": False,
        "rounds": ROUNDS,
        "seconds": 100.0,
        "others": 0.0,
        "machine": {"processor": "A", "cores": 2, "memory": "24684096 kB"},
    }
    return Result(figures=tuple(figures), **(head | other))
