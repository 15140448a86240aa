"""The calls that a table answers wrong: how many, and the heaviest of them as a list."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from portdip.batch.rebuild import check, rules
from portdip.batch.rebuild.aggregate import Tree
from portdip.batch.rebuild.answers import Answers
from portdip.batch.rebuild.calls import Calls
from portdip.batch.rebuild.check import Stretch
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rules import Rules
from portdip.errors import WrongTableError

FILE = "wrong.csv"
#: Stretches of numbers in the list, and how many are looked through at a time.
_LISTED = 100_000


@dataclass(frozen=True, slots=True)
class Wrong:
    """The `calls` that are answered wrong, to `numbers` numbers in `stretches` stretches; the heaviest in `listed`."""

    calls: float
    numbers: int
    stretches: int
    listed: Stretch
    weight: rules.Floats

    def as_csv(self, answers: Answers) -> bytes:
        """The list, the heaviest first; with what is said of being ported, where that may be wrong too."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        said = ["carrier", "routing_number", *(["ported"] if answers.says_ported else [])]
        writer.writerow(["first", "last", "calls", *said, *(f"given_{name}" for name in said)])

        def told(answer: int) -> list[str]:
            route = answers.route(answer)
            ported = str(answers.is_ported(answer)).lower()
            return ([route.carrier.id, route.routing_number, ported] if route else ["", "", ""])[: len(said)]

        columns = (column.tolist() for column in (*self.listed, self.weight))
        for first, last, wanted, found, weight in zip(*columns, strict=True):
            writer.writerow([first, last, f"{weight:.12g}", *told(wanted), *told(found)])
        return text.getvalue().encode()


def wrong(
    content: Content, tree: Tree, table: Rules, calls: Calls, report: Callable[[int], object] = lambda count: None
) -> Wrong:
    """What `table` answers otherwise than the engine, in calls.

    Raises WrongTableError where a number that nobody has is answered: no table may do that.
    """
    parts: list[tuple[Stretch, rules.Floats]] = []
    total, numbers, stretches = 0.0, 0, 0
    for found in check.differing(content, tree, table, report):
        if (found.wanted == 0).any():
            raise WrongTableError(
                "the table answers for a number that nobody has; nothing was written",
                where=f"number {rules.shown(int(found.first[(found.wanted == 0).argmax()]))}",
                fix="This is a fault of portdip: please report it.",
            )
        weight = calls.to(found.first, found.last)
        total += float(weight.sum())
        numbers += int((found.last - found.first).sum()) + len(found.first)
        stretches += len(found.first)
        parts = [_heaviest([*parts, (found, weight)])]
    listed, weight = _heaviest(parts)
    return Wrong(total, numbers, stretches, listed, weight)


def _heaviest(parts: list[tuple[Stretch, rules.Floats]]) -> tuple[Stretch, rules.Floats]:
    none = (np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.uint16), np.empty(0, np.uint16))
    columns = [np.concatenate([empty, *(part[place] for part, _ in parts)]) for place, empty in enumerate(none)]
    weight = np.concatenate([np.empty(0, np.float64), *(weight for _, weight in parts)])
    order = np.lexsort((columns[0], -weight))[:_LISTED]
    return Stretch(*(column[order] for column in columns)), weight[order]
