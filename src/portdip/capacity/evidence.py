"""What a plan rests on: the figures of a bench result, as spans, and where they come from.

The result is the customer's own, or, where there is none, the reference that comes with portdip: one run of the same
suite on the machine it names. What the suite cannot measure on any machine is a constant here, and said to be one.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from portdip.capacity import result
from portdip.capacity.quantity import Span, quantity
from portdip.capacity.result import Figure, Result
from portdip.capacity.suite.network import LOADS, LOADS_QUICK, PERCENTILES, load_name
from portdip.capacity.suite.tables import DENSITIES
from portdip.capacity.suite.upkeep import CHANGES
from portdip.errors import BenchResultError
from portdip.exchange.population.numbering_plan import BLOCK

_REFERENCE = Path(__file__).parent / "reference.json"
#: What each of two workers on two cores answers, of what one alone does: 1.67 x for two, each core shared with those
#: who ask, group `access` of the developers' benchmarks, 2026-11-23. Of more cores nothing was measured.
SCALING, SCALING_CORES = 0.835, 2
#: What a figure of a unit can be on any machine: what lies outside is a mistake, and no plan comes of it.
_CAN_BE = {"us": (1e-3, 1e7), "s": (1e-6, 1e5), "/s": (1.0, 1e12), "B": (1.0, 1e13), "B/number": (1e-3, 1e5)}


@dataclass(frozen=True)
class Loaded:
    """What was measured at one load of one core: its utilisation, and microseconds by percentile."""

    utilisation: float
    microseconds: dict[float, Span]


@dataclass(frozen=True)
class Evidence:
    """A bench result read for a plan. `is_reference`: it is not of this machine, nor of the customer's."""

    result: Result
    is_reference: bool

    @property
    def kind(self) -> str:
        """What its figures are to a plan: `measured` or `reference`."""
        return "reference" if self.is_reference else "measured"

    @property
    def machine(self) -> str:
        """The machine that it was measured on, in a line."""
        machine = self.result.machine
        return f"{machine['processor'] or 'a processor not told'}, {machine['cores']} cores"

    def core_microseconds(self, protocol: str) -> Span:
        """CPU time of one answer."""
        spread = _spread(self._core(protocol))
        return 1e6 / spread if protocol == "engine" else spread

    def core_numbers(self, protocol: str) -> int:
        """How many numbers the table had that was asked then."""
        return self._core(protocol).size

    def inside_per_second(self, name: str) -> Span:
        """A rate of the engine inside a process."""
        return self._span("engine", name, "/s")

    def alone_microseconds(self, protocol: str, percent: float) -> Span:
        """A percentile of the time of an answer when nobody else asks; of the engine, in its place, the mean."""
        if protocol == "engine":
            return self.core_microseconds(protocol)
        return self._span(protocol, f"p{percent:g} one at a time", "us")

    def loaded(self, protocol: str) -> list[Loaded]:
        """What was measured by schedule at each load; [] for the engine."""
        found = []
        for load in sorted({*LOADS, *LOADS_QUICK}):
            name = load_name(load)
            answered = self.result.find(protocol, f"answered {name}")
            times = {percent: self.result.find(protocol, f"p{percent:g} {name}") for percent in PERCENTILES}
            if answered is not None:
                rate = _checked(answered, "/s", at_least=0.0).median
                core = rate * self.core_microseconds(protocol).likely / 1e6
                spans = {percent: _spread(_checked(one, "us")) for percent, one in times.items() if one is not None}
                found.append(Loaded(min(core, 1.0), spans))
        return found

    def index_bytes(self, density: Span) -> Span:
        """Bytes of a number in the index where `density` of a block are ported: see `_joined`."""
        measured = self._index_bytes()
        # The denser, the fewer: the bounds change places.
        return Span(
            _joined(density.high, [span.low for span in measured]).low,
            _joined(density.likely, [span.likely for span in measured]).likely,
            _joined(density.low, [span.high for span in measured]).high,
        )

    def index_bytes_formula(self, density: float) -> str:
        """How `index_bytes` comes to its likely value, in words with the figures it lies between."""
        points = [
            f"{quantity(span.likely, 'B')} at {share * 100:g} %"
            for share, span in zip(DENSITIES, self._index_bytes(), strict=True)
        ]
        if density < DENSITIES[0]:
            return f"at least {points[0]}, at most so many bytes of a block as there; thinner was not measured"
        if density > DENSITIES[-1]:
            return f"at most {points[-1]}, at least so many bytes of a block as there; denser was not measured"
        place = max(bisect.bisect_left(DENSITIES, density), 1)
        return f"between {points[place - 1]} and {points[place]}, measured; on a logarithmic axis a straight line"

    def snapshot_bytes(self) -> Span:
        """Bytes of a number in a snapshot on disk."""
        return self._span("memory", "snapshot on disk", "B/number")

    def worker_bytes(self) -> Span:
        """Memory of its own that a worker has."""
        return self._span("memory", "private memory of a worker", "B")

    def applied_per_second(self) -> Span:
        """Changes a second, verified and applied."""
        return self._span("upkeep", "changes verified and applied", "/s")

    def change_bytes(self) -> float:
        """Bytes of a change in a delta of `CHANGES` changes."""
        value = self._figure("upkeep", "changes verified and applied", "/s").detail.get("bytes_a_change")
        low, high = _CAN_BE["B/number"]
        if not isinstance(value, int | float) or not low <= value <= high:
            raise BenchResultError(f"the result does not say how large a delta of {CHANGES:,} changes is")
        return float(value)

    def founded_per_second(self) -> Span:
        """Numbers a second of a node founded: checked, copied and synced."""
        return self._span("upkeep", "numbers of a node founded", "/s")

    def start_seconds(self) -> Span:
        """From the start of a process to its first answer."""
        return self._span("upkeep", "start of a process, to the first answer", "s")

    def _core(self, protocol: str) -> Figure:
        if protocol == "engine":
            return self._figure("engine", "dips, one at a time", "/s")
        return self._figure(protocol, "CPU of an answer", "us")

    def _index_bytes(self) -> list[Span]:
        """Of each of `DENSITIES`."""
        return [self._span("memory", f"index, {share * 100:g} % of a block ported", "B/number") for share in DENSITIES]

    def _span(self, group: str, name: str, unit: str) -> Span:
        return _spread(self._figure(group, name, unit))

    def _figure(self, group: str, name: str, unit: str) -> Figure:
        figure = self.result.find(group, name)
        if figure is None:
            raise BenchResultError(
                "the bench result lacks a figure that the plan needs",
                expected=f"{group}: {name}",
                fix="Measure again with this portdip.",
            )
        return _checked(figure, unit)


def evidence(path: Path | None) -> Evidence:
    """The result in a file, or the reference. Raises BenchResultError."""
    return Evidence(result.load(path or _REFERENCE), is_reference=path is None)


def _checked(figure: Figure, unit: str, at_least: float | None = None) -> Figure:
    """The figure, if its unit is this one and each of its samples can be. Raises BenchResultError."""
    where = f"{figure.group}: {figure.name}"
    if figure.unit != unit:
        raise BenchResultError(
            "a figure of the bench result has another unit", where=where, expected=unit, got=figure.unit or "none"
        )
    low, high = _CAN_BE[unit]
    low = low if at_least is None else at_least
    for sample in figure.samples:
        if not low <= sample <= high:
            raise BenchResultError(
                "a figure of the bench result cannot be", where=where, expected=f"{low:g} to {high:g} {unit}",
                got=f"a sample of {sample:g} {unit}", fix="Measure again.",
            )  # fmt: skip
    return figure


def _spread(figure: Figure) -> Span:
    low, high = figure.interval
    return Span(low, figure.median, high)


def _joined(density: float, measured: list[float]) -> Span:
    """Bytes of a number at a density: straight between those measured, on a logarithmic axis.

    Beyond them a number takes no fewer bytes where they are thinner, and a block no more: between that and the
    outermost it lies. A block has one number at least.
    """
    density = min(max(density, 1 / BLOCK), 1.0)
    nearest = min(max(density, DENSITIES[0]), DENSITIES[-1])
    each = float(np.interp(math.log(nearest), [math.log(share) for share in DENSITIES], measured))
    same_block = each * (nearest / density)
    return Span.between(min(each, same_block), max(each, same_block))
