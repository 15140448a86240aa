"""What a plan rests on: the figures of a bench result, as spans, and where they come from.

The result is the customer's own, or, where there is none, the reference that comes with portdip: one run of the same
suite on the machine it names. What the suite cannot measure on any machine is a constant here, and said to be one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from portdip.capacity import result
from portdip.capacity.quantity import Span
from portdip.capacity.result import Figure, Result
from portdip.capacity.suite.network import LOADS, LOADS_QUICK, PERCENTILES, load_name
from portdip.capacity.suite.tables import DENSITIES
from portdip.capacity.suite.upkeep import CHANGES
from portdip.errors import BenchResultError

_REFERENCE = Path(__file__).parent / "reference.json"
#: What a second worker on a second core adds, each core shared with those who ask: 1.67 x for two, group `access` of
#: the developers' benchmarks, 2026-11-23. Of more cores than two nothing was measured.
SCALING = 0.835


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
        if protocol == "engine":
            return 1e6 / self._span("engine", "dips, one at a time")
        return self._span(protocol, "CPU of an answer")

    def inside_per_second(self, name: str) -> Span:
        """A rate of the engine inside a process."""
        return self._span("engine", name)

    def alone_microseconds(self, protocol: str) -> Span:
        """The median time of an answer when nobody else asks."""
        if protocol == "engine":
            return self.core_microseconds(protocol)
        return self._span(protocol, "p50 one at a time")

    def loaded(self, protocol: str) -> list[Loaded]:
        """What was measured by schedule at each load; [] for the engine."""
        found = []
        for load in sorted({*LOADS, *LOADS_QUICK}):
            name = load_name(load)
            answered = self.result.find(protocol, f"answered {name}")
            times = {percent: self.result.find(protocol, f"p{percent:g} {name}") for percent in PERCENTILES}
            if answered is not None:
                core = answered.median * self.core_microseconds(protocol).likely / 1e6
                spans = {percent: _spread(figure) for percent, figure in times.items() if figure is not None}
                found.append(Loaded(min(core, 1.0), spans))
        return found

    def index_bytes(self, density: Span) -> Span:
        """Bytes of a number in the index where `density` of a block are ported: measured densities, joined."""
        measured = [self._span("memory", f"index, {share * 100:g} % of a block ported") for share in DENSITIES]
        # The denser, the fewer: the bounds change places.
        return Span(
            _joined(density.high, [span.low for span in measured]),
            _joined(density.likely, [span.likely for span in measured]),
            _joined(density.low, [span.high for span in measured]),
        )

    def snapshot_bytes(self) -> Span:
        """Bytes of a number in a snapshot on disk."""
        return self._span("memory", "snapshot on disk")

    def worker_bytes(self) -> Span:
        """Memory of its own that a worker has."""
        return self._span("memory", "private memory of a worker")

    def applied_per_second(self) -> Span:
        """Changes a second, verified and applied."""
        return self._span("upkeep", "changes verified and applied")

    def change_bytes(self) -> float:
        """Bytes of a change in a delta of `CHANGES` changes."""
        value = self._figure("upkeep", "changes verified and applied").detail.get("bytes_a_change")
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise BenchResultError(f"the result does not say how large a delta of {CHANGES:,} changes is")
        return float(value)

    def founded_per_second(self) -> Span:
        """Numbers a second of a node founded: checked, copied and synced."""
        return self._span("upkeep", "numbers of a node founded")

    def start_seconds(self) -> Span:
        """From the start of a process to its first answer."""
        return self._span("upkeep", "start of a process, to the first answer")

    def _span(self, group: str, name: str) -> Span:
        return _spread(self._figure(group, name))

    def _figure(self, group: str, name: str) -> Figure:
        figure = self.result.find(group, name)
        if figure is None or figure.median <= 0:
            raise BenchResultError(
                "the bench result lacks a figure that the plan needs",
                expected=f"{group}: {name}",
                fix="Measure again with this portdip.",
            )
        return figure


def evidence(path: Path | None) -> Evidence:
    """The result in a file, or the reference. Raises BenchResultError."""
    return Evidence(result.load(path or _REFERENCE), is_reference=path is None)


def _spread(figure: Figure) -> Span:
    low, high = figure.interval
    return Span(low, figure.median, high)


def _joined(density: float, measured: list[float]) -> float:
    """The value at a density, straight between those measured on a logarithmic axis; beyond them, the outermost."""
    at = [math.log(share) for share in DENSITIES]
    wanted = math.log(min(max(density, DENSITIES[0]), DENSITIES[-1]))
    for left, right, one, other in zip(at, at[1:], measured, measured[1:], strict=False):
        if wanted <= right:
            return one + (other - one) * (wanted - left) / (right - left)
    return measured[-1]
