"""What a numbering plan is to the generator: blocks of 10,000 numbers, their holders, the routes out of them.

A plan never changes and may be shared between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

import numpy as np
import numpy.typing as npt

from portdip.errors import PortdipError
from portdip.route import Route

#: Numbers in a block: four free digits, in China as in North America.
BLOCK = 10_000
#: The resolution of a recipient mix: every route of an area holds at least one of this many tickets.
TICKETS = 4_096

#: The plans there are; each is a module of that name beside this one.
NAMES = ("cn", "nanp")


@dataclass(frozen=True)
class Plan:
    """Blocks side by side, grouped in areas; all numbers of an area are ported over the same routes.

    `routes[code - 1]` is the Route of a code, natives included. Per block, ascending: `first`, its first
    number (uint64); `area` (uint16); `weight`, how readily its numbers are ported against other blocks
    (float64, 0 for never); `home`, shape (blocks, parts): for each equal part of the block the code of the
    area's route that leads to its holder, 0 where the holder cannot be ported to. `tickets`, shape (areas,
    TICKETS): route codes in ascending order, each in one run as long as its part of the area's recipients.
    `ranges`, shape (n, 3): first, last, route code of the native numbers, uint64, nested where a part of a
    block has its own holder.
    """

    name: str
    routes: list[Route]
    first: npt.NDArray[np.uint64]
    area: npt.NDArray[np.uint16]
    weight: npt.NDArray[np.float64]
    home: npt.NDArray[np.uint16]
    tickets: npt.NDArray[np.uint16]
    ranges: npt.NDArray[np.uint64]

    @cached_property
    def run(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First ticket of each route code, and how many it has; 0 and 0 for a code that is in no mix."""
        start = np.zeros(len(self.routes) + 1, dtype=np.int64)
        count = np.zeros_like(start)
        for row in self.tickets:
            codes, first, length = np.unique(row, return_index=True, return_counts=True)
            start[codes], count[codes] = first, length
        return start, count


def plan(name: str) -> Plan:
    """The plan called `name`, the same in every run. `cn` raises MissingPackageError without its package."""
    if name not in NAMES:
        raise PortdipError("no such numbering plan", expected=" or ".join(NAMES), got=repr(name))
    made: Plan = import_module(f"portdip.exchange.population.{name}").plan()
    return made


def hand_out(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """How many of the TICKETS each of `shares` (largest first, sum about 1) gets: at least one, and all go.

    >>> hand_out(np.array([0.6, 0.3999, 0.0001])).tolist()
    [2458, 1637, 1]
    """
    counts = np.maximum(1, np.round(shares * (TICKETS - len(shares)))).astype(np.int64)
    counts[0] += TICKETS - counts.sum()
    return counts
