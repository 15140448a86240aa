"""Simulated days of a country's ports: one large day, and thirty smaller ones; how long, and how much memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from portdip.lookup.load import init_store
from portdip.porting.simulation.run import Scenario, simulate

from .figure import Figure, Size
from .populations import CACHE
from .porting import told

#: Days simulated one after the other, and of the ports of the one large day the share that each of these has.
DAYS, _SHARE = 30, 30


def figures(size: Size) -> list[Figure]:
    days = DAYS if size.questions >= 10_000 else 2
    path = CACHE / "porting-days"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        # The thirty first: memory that the large day has taken would hide what they take.
        return told(_days(path / "days", size.questions // _SHARE, days), _day(path / "day", size.questions))
    finally:
        shutil.rmtree(path)


def _day(path: Path, ports: int) -> Iterator[Figure]:
    (day,) = simulate(Scenario("cn", 1, ports, 1), path, init_store(path, "benchmark").writer)
    detail = {
        "moves_per_s": round(day.moves / day.seconds),
        "burst_orders": day.burst,
        "burst_s": round(day.burst_seconds, 2),
        "resident_mib": round(day.resident_mib),
    }
    yield Figure(f"a simulated day of {ports:,} ports", day.seconds / 60, "min", 10.0, detail=detail)


def _days(path: Path, ports: int, days: int) -> Iterator[Figure]:
    found = []
    for day in simulate(Scenario("cn", days, ports, 1), path, init_store(path, "benchmark").writer):
        print(f"day {day.day}: {day.seconds:.1f} s, {day.resident_mib:.0f} MiB", flush=True)
        found.append(day)
    shutil.rmtree(path)
    detail = {
        "seconds": [round(day.seconds, 1) for day in found],
        "resident_mib": [round(day.resident_mib) for day in found],
    }
    taken = sum(day.seconds for day in found) / 60
    growth = found[-1].resident_mib / found[0].resident_mib
    yield Figure(f"{days} simulated days of {ports:,} ports each", taken, "min", detail=detail)
    yield Figure(f"memory of the last of {days} days over the first, {ports:,} ports a day", growth, "x", 1.1)
