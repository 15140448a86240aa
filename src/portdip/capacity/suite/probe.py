"""What takes a sample in each round, and the rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from portdip.capacity.result import Better, Figure


@dataclass(frozen=True)
class Spec:
    """A figure to be: see `portdip.capacity.result`."""

    group: str
    name: str
    size: int
    unit: str
    better: Better
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """Takes one sample of each of its figures when called, those None that it could not take this time.

    What takes long is called in every so-manieth round only, and not before the first.
    """

    figures: tuple[Spec, ...]
    take: Callable[[], Sequence[float | None]]
    every: int = 1


#: Hears what is being measured, and which share of the rounds is done (0 to 1).
Report = Callable[[str, float], None]


def sample(probes: Iterable[Probe], rounds: int, seconds: float, report: Report) -> tuple[list[Figure], int]:
    """The figures after `rounds` rounds and one before that does not count; and how many rounds there were.

    There are fewer rounds, but one at least, where the next would not be done within `seconds`. A figure without a
    sample is left out.
    """
    probes = list(probes)
    samples: list[list[float]] = [[] for probe in probes for _ in probe.figures]
    began = time.monotonic()
    done = 0
    for turn in range(rounds + 1):
        round_began = time.monotonic()
        place = 0
        for at, probe in enumerate(probes):
            # What is called seldom takes long, so that being the first makes no difference to it.
            if probe.every == 1 or (turn > 0 and (turn - 1) % probe.every == 0):
                report(probe.figures[0].name, (turn + at / len(probes)) / (rounds + 1))
                for offset, value in enumerate(probe.take()):
                    if turn > 0 and value is not None:
                        samples[place + offset].append(value)
            place += len(probe.figures)
        done = turn
        now = time.monotonic()
        if turn > 0 and now - began + (now - round_began) > seconds:
            break
    specs = [spec for probe in probes for spec in probe.figures]
    return [
        Figure(
            group=spec.group,
            name=spec.name,
            size=spec.size,
            unit=spec.unit,
            better=spec.better,
            samples=tuple(found),
            detail=spec.detail,
        )
        for spec, found in zip(specs, samples, strict=True)
        if found
    ], done
