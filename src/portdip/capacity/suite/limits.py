"""What the machine itself can do: the controls of a run. Two runs in which these differ had not the same machine."""

from __future__ import annotations

import time

from portdip.capacity import machine
from portdip.capacity.suite.probe import Probe, Spec

#: Name of the group whose figures say whether a machine was itself the same in two runs.
GROUP = "machine"
#: In no cache that is there today, and one that is in most.
_LARGE, _SMALL = 256 << 20, 1 << 20
_LARGE_QUICK = 64 << 20
_STEPS = 100_000
_SPINS = 5_000_000


def probes(is_quick: bool) -> list[Probe]:
    """Latency and gather limit on huge pages and on small ones, and the processor without any memory."""
    size = _LARGE_QUICK if is_quick else _LARGE
    cached = machine.memory_area(_SMALL, huge=True)
    found = [Probe((Spec(GROUP, "spin", 0, "ns", "lower"),), _spin), _latency("latency, in cache", cached)]
    for name, huge in (("huge pages", True), ("small pages", False)):
        area = machine.memory_area(size, huge)
        found += [_latency(f"latency, {name}", area), _gather(f"gather, {name}", area)]
    return found


def _spin() -> tuple[float]:
    began = time.perf_counter()
    machine.spin(_SPINS)
    return ((time.perf_counter() - began) / _SPINS * 1e9,)


def _latency(name: str, area: machine.Area) -> Probe:
    return Probe((_spec(name, area),), lambda: (area.latency_ns(_STEPS),))


def _gather(name: str, area: machine.Area) -> Probe:
    return Probe((_spec(name, area),), lambda: (area.gather_ns(),))


def _spec(name: str, area: machine.Area) -> Spec:
    detail = {"bytes": area.lines.nbytes, "share_on_huge_pages": round(area.huge_share, 3)}
    return Spec(GROUP, name, 0, "ns", "lower", detail)
