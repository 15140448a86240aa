"""Dips over each protocol: the highest rate, the CPU time of an answer, and how long answers take at each load.

The server has one core and what asks it another. At a load the questions are sent by schedule, whether the server keeps
up or not, and times count from the schedule (`portdip.capacity.asking`). A load is a share of the highest rate that
the same server reached in the rounds so far.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from portdip.capacity import machine
from portdip.capacity.asking import Asked, Questions
from portdip.capacity.result import LATE, UNANSWERED, Better
from portdip.capacity.suite.probe import Probe, Spec
from portdip.capacity.suite.serving import PROTOCOLS, Server, on_core, served
from portdip.capacity.suite.tables import Table

#: Shares of the highest rate.
LOADS_QUICK, LOADS = (0.5, 0.8), (0.1, 0.3, 0.5, 0.7, 0.8, 0.9)
PERCENTILES = (50.0, 99.0, 99.9)
#: Sockets, and questions under way on each, of a closed loop: as a busy switch has, or so many clients.
_CLOSED = {"enum": (4, 16), "pdb": (4, 16), "http": (32, 1)}
_QUESTIONS = 100_000
_SECONDS_QUICK, _SECONDS = 0.15, 0.5


def probes(table: Table, is_quick: bool, opened: ExitStack) -> list[Probe]:
    """The probes of one table; `opened` closes what they need."""
    numbers = table.asked[:_QUESTIONS].tolist()
    questions = {protocol: Questions(protocol, numbers) for protocol in PROTOCOLS}
    server_core, client_core = _cores()
    server = opened.enter_context(served(table.store, table.folder, questions["enum"].first, server_core))
    seconds = _SECONDS_QUICK if is_quick else _SECONDS
    memory = Spec("memory", "private memory of a worker", table.size, "B", "lower")
    found = [Probe((memory,), lambda: (float(server.private_bytes()),))]
    for protocol in PROTOCOLS:
        asking = _Asking(server, questions[protocol], table.size, seconds, client_core)
        found += [asking.highest(), asking.alone()]
        found += [asking.at(load) for load in (LOADS_QUICK if is_quick else LOADS)]
    return found


def load_name(load: float) -> str:
    """What a load is called in figures.

    >>> load_name(0.8)
    'at 80 % load'
    """
    return f"at {load:.0%} load".replace("%", " %")


def _cores() -> tuple[int | None, int | None]:
    """One core for the server and one for who asks; None where there is but one, or they cannot be chosen."""
    if machine.cores() < 2 or not hasattr(os, "sched_getaffinity"):
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


class _Asking:
    """Asks one server over one protocol, and remembers how much it can answer."""

    def __init__(self, server: Server, questions: Questions, size: int, seconds: float, core: int | None) -> None:
        self._server = server
        self._questions = questions
        self._group = questions.protocol
        self._port = server.ports[questions.protocol]
        self._size = size
        self._seconds = seconds
        self._core = core
        self._rates: list[float] = []

    def _spec(self, name: str, unit: str, better: Better) -> Spec:
        return Spec(self._group, name, self._size, unit, better)

    def highest(self) -> Probe:
        """The highest rate of one core, and what an answer costs it."""
        sockets, window = _CLOSED[self._group]

        def take() -> tuple[float, float | None]:
            before = self._server.cpu_total()
            with on_core(self._core):
                asked = self._questions.closed(self._port, self._seconds, sockets, window)
            cpu = self._server.cpu_total() - before
            self._rates.append(asked.rate)
            return asked.rate, cpu / asked.answered * 1e6 if asked.answered else None

        return Probe((self._spec("highest rate", "/s", "higher"), self._spec("CPU of an answer", "us", "lower")), take)

    def alone(self) -> Probe:
        """The time of an answer when nobody else asks."""

        def take() -> Sequence[float | None]:
            with on_core(self._core):
                asked = self._questions.closed(self._port, self._seconds / 2, 1, 1)
            return _percentiles(asked)

        return Probe(self._times("one at a time"), take)

    def at(self, load: float) -> Probe:
        """The time of an answer at a share of the highest rate."""
        name = load_name(load)
        described = [("answered", "/s"), (UNANSWERED, "share")]
        described += [(f"{LATE}, p{percent:g}", "us") for percent in PERCENTILES]

        def take() -> Sequence[float | None]:
            rate = load * statistics.median(self._rates)
            if rate <= 0:  # nothing was answered at all
                return [None] * (len(PERCENTILES) + len(described))
            with on_core(self._core):
                asked = self._questions.scheduled(self._port, self._seconds, _CLOSED[self._group][0], rate)
            late = [asked.microseconds_late(percent) for percent in PERCENTILES]
            return *_percentiles(asked), asked.rate, asked.lost, *late

        return Probe((*self._times(name), *(self._spec(f"{what} {name}", unit, "") for what, unit in described)), take)

    def _times(self, name: str) -> tuple[Spec, ...]:
        return tuple(self._spec(f"p{percent:g} {name}", "us", "lower") for percent in PERCENTILES)


def _percentiles(asked: Asked) -> list[float | None]:
    return [asked.microseconds(percent) for percent in PERCENTILES]
