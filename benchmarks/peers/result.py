"""A kept result: its rows, when and where they were measured, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .peer import Ability

_HEAD = "| {count} numbers, {where} | one, ns | batch, ns | bytes a number | ready, s | does without |\n"
_LINE = "|---|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Row:
    """A row of the table: medians, None where there is no such way. `served`: asked over the network."""

    peer: str
    served: bool
    numbers: int
    one_ns: float | None
    many_ns: float | None
    bytes_per_number: float
    seconds: float
    lacks: Sequence[str]


@dataclass(frozen=True)
class Result:
    """What one run of the group measured."""

    date: str
    processor: str
    rows: list[Row]

    @classmethod
    def read(cls, path: Path) -> Result:
        """The result in a file of benchmarks/results/."""
        kept = json.loads(path.read_text())
        rows = [Row(**figure["detail"]["row"]) for figure in kept["figures"] if "row" in figure["detail"]]
        return cls(kept["measured"][:10], kept["machine"]["processor"], rows)

    def of(self, served: bool) -> list[Row]:
        """Rows asked in a process or over the network, ours first, then the fastest."""
        rows = [row for row in self.rows if row.served == served]
        return sorted(rows, key=lambda row: (not row.peer.startswith("portdip"), row.many_ns or 0.0))

    def markdown(self) -> str:
        """Two tables: inside a process, and over the network."""
        where = {False: "in a process", True: "over the network"}
        return "\n".join(
            _HEAD.format(count=f"{rows[0].numbers / 1e6:g} M", where=where[served]) + _LINE + "".join(map(_line, rows))
            for served in (False, True)
            if (rows := self.of(served))
        )


def _line(row: Row) -> str:
    lacks = ", ".join(ability for ability in Ability if ability in row.lacks)
    numbers = [rounded(row.one_ns), rounded(row.many_ns), rounded(row.bytes_per_number), rounded(row.seconds)]
    return f"| {' | '.join([row.peer, *numbers, lacks or '–'])} |\n"


def rounded(value: float | None) -> str:
    """A figure with the digits that it deserves.

    >>> [rounded(value) for value in (None, 0.0432, 1.274, 14.7, 1474.2)]
    ['–', '0.04', '1.3', '15', '1,470']
    """
    if value is None:
        return "–"
    if value < 1:
        return f"{value:.2f}"
    if value < 9.95:
        return f"{value:.1f}"
    digits = 10 ** max(len(str(int(value))) - 3, 0)
    return f"{round(value / digits) * digits:,}"
