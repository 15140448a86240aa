"""The whole suite: set up, sampled in rounds, and kept as one result."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from portdip import files
from portdip.capacity import machine
from portdip.capacity.result import Figure, Result
from portdip.capacity.suite import dips, limits, network, tables, upkeep
from portdip.capacity.suite.probe import Probe, Report, sample
from portdip.capacity.suite.tables import Table
from portdip.errors import CapacityError

SIZE_MIN, SIZE_MAX = 100_000, 1_000_000_000
_SCRATCH = ".portdip-bench"
#: Numbers a second that a table of them is made at, and what setting up takes besides: to tell how long a run takes.
_MADE_PER_SECOND, _SETUP_SECONDS = 400_000, 10.0
#: Numbers whose bytes are measured: with fewer, what is there once for all of them shows.
_DENSITY_NUMBERS_QUICK, _DENSITY_NUMBERS = 1_000_000, 4_000_000


@dataclass(frozen=True)
class Extent:
    """How much is measured: tables of these sizes, rounds, and the seconds that the rounds may take.

    Raises CapacityError for sizes that cannot be meant.
    """

    sizes: tuple[int, ...]
    rounds: int
    seconds: float
    is_quick: bool

    def __post_init__(self) -> None:
        for size in self.sizes:
            if not SIZE_MIN <= size <= SIZE_MAX:
                raise CapacityError(
                    "no such size", expected=f"{SIZE_MIN:,} to {SIZE_MAX:,} numbers in a table", got=f"{size:,}"
                )

    @property
    def seconds_all(self) -> float:
        """About how long all of it takes at most: setting up, and the rounds."""
        return _SETUP_SECONDS + sum(self.sizes) / _MADE_PER_SECOND + self.seconds


QUICK = Extent((1_000_000,), 5, 25.0, True)
USUAL = Extent((1_000_000, 10_000_000), 12, 360.0, False)


def run(extent: Extent, seed: int, directory: Path, report: Report) -> Result:
    """Measure; the stores are made below `directory` and removed in the end.

    Raises CapacityError for sizes that there is no room for, where another run has the directory, or where the server
    that is to be asked does not come up; OSError where the directory cannot be written.
    """
    tables.check_room(sum(extent.sizes), directory)
    began, measured = time.monotonic(), datetime.now(UTC)
    busy, own = machine.busy_seconds(), machine.own_seconds()
    with _scratch(directory) as scratch, ExitStack() as opened:
        fingerprint = machine.fingerprint(scratch)
        made, probes = [], limits.probes(extent.is_quick)
        for size in sorted(set(extent.sizes)):
            report(f"a table of {size:,} numbers", 0.0)
            made.append(tables.make(size, seed, scratch / f"{size}"))
        report("bytes of a number", 0.0)
        figures = [*_densities(extent, seed, scratch), *map(_snapshot, made)]
        probes += _probes(made, extent, opened)
        left = extent.seconds_all - (time.monotonic() - began)
        sampled, rounds = sample(probes, extent.rounds, left, report)
    # Only now: the time of a server is told once it has ended.
    seconds = time.monotonic() - began
    return Result(
        portdip=metadata.version("portdip"),
        measured=measured,
        seed=seed,
        plan=f"{tables.PLAN}, {tables.SHARE:.0%} ported",
        sizes=tuple(table.size for table in made),
        is_quick=extent.is_quick,
        rounds=rounds,
        seconds=round(seconds, 1),
        others=_others(busy, machine.busy_seconds(), machine.own_seconds() - own, seconds),
        machine=fingerprint,
        figures=(*sampled, *figures),
    )


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    with ExitStack() as opened:
        try:
            scratch = opened.enter_context(files.scratch_directory(directory / _SCRATCH))
        except BlockingIOError as error:
            raise CapacityError(
                "another bench runs in this directory",
                where=str(directory.absolute()),
                fix="Wait for it, or give another --directory.",
            ) from error
        yield scratch


def _others(busy_before: float | None, busy: float | None, own: float, seconds: float) -> float | None:
    """The share of all cores that went neither to this run nor to nobody."""
    if busy_before is None or busy is None:
        return None
    share = (busy - busy_before - own) / (seconds * machine.cores())
    return round(min(max(share, 0.0), 1.0), 4)


def _probes(made: list[Table], extent: Extent, opened: ExitStack) -> list[Probe]:
    found = []
    for table in made:
        found += dips.probes(table, extent.is_quick, opened)
        found += upkeep.probes(table, extent.is_quick, extent.rounds, opened)
    return found + network.probes(made[-1], extent.is_quick, opened)


def _densities(extent: Extent, seed: int, scratch: Path) -> list[Figure]:
    """Bytes of a number in the index, by the share of its block that is ported: the same in every round."""
    numbers = _DENSITY_NUMBERS_QUICK if extent.is_quick else _DENSITY_NUMBERS
    return [
        _constant(
            "memory",
            f"index, {share * 100:g} % of a block ported",
            numbers,
            "B/number",
            tables.bytes_per_number(share, numbers, seed, scratch / "image"),
        )
        for share in tables.DENSITIES
    ]


def _snapshot(table: Table) -> Figure:
    size = upkeep.snapshot_bytes(table.store)
    return _constant("memory", "snapshot on disk", table.size, "B/number", size / table.size)


def _constant(group: str, name: str, size: int, unit: str, value: float) -> Figure:
    """A figure that no round changes: one sample, rounded to what means something."""
    digits = max(0, 4 - math.ceil(math.log10(value)))
    return Figure(
        group=group,
        name=name,
        size=size,
        unit=unit,
        better="lower",
        samples=(round(value, digits),),
        is_constant=True,
    )
