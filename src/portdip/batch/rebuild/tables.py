"""The rules of a table as asked for: as they are, the fewest, or the best of so many; held against the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from portdip.batch.rebuild import aggregate, check
from portdip.batch.rebuild.calls import Calls
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.fitting import fitted
from portdip.batch.rebuild.rules import Rules
from portdip.batch.rebuild.wrong import Wrong, wrong

#: Rules in a batch.
_BATCH = 1 << 18

#: Called with what is being done and how many rules it has done.
Report = Callable[[str, int], object]


@dataclass(frozen=True)
class Table:
    """Each call of `rules` gives the rules from the first on.

    `wrong` is what it answers wrong where that is allowed, and `wrong_at_least` what any table of so many rules does.
    """

    rules: Callable[[], Iterator[Rules]]
    wrong: Wrong | None = None
    wrong_at_least: float = 0.0

    def told(self) -> dict[str, Any] | None:
        """What a manifest says of the wrong answers, None where there are none."""
        if self.wrong is None:
            return None
        return {
            "calls": self.wrong.calls,
            "calls_at_least": self.wrong_at_least,
            "numbers": self.wrong.numbers,
            "stretches": self.wrong.stretches,
        }


def as_it_is(content: Content) -> Table:
    """A rule for each prefix of a range and each ported number. Memory does not grow with the numbers.

    Raises RebuildError where such rules would answer one for another.
    """
    check.nothing_nested(content)
    return Table(content.rules)


def smallest(content: Content, may_block: bool, report: Report) -> Table:
    """The fewest rules with the same answers; WrongTableError if a check finds that they are not."""
    report("aggregating", 0)
    tree = aggregate.tree(content)
    rules = aggregate.exact(content, tree, may_block)
    check.same_answers(content, tree, rules, lambda count: report("checking", count))
    return Table(lambda: _in_batches(rules))


def best_of(content: Content, rules_max: int, calls: Calls, may_block: bool, report: Report) -> Table:
    """The best table of at most `rules_max` rules by `calls`, see `fitting`."""
    report("aggregating", 0)
    tree = aggregate.tree(content)
    found = fitted(content, tree, calls, rules_max, may_block, lambda tried: report("fitting", tried))
    wrongs = wrong(content, tree, found.table, calls, lambda count: report("checking", count))
    return Table(lambda: _in_batches(found.table), wrongs, min(found.wrong_at_least, wrongs.calls))


def _in_batches(rules: Rules) -> Iterator[Rules]:
    return (rules.where(slice(row, row + _BATCH)) for row in range(0, len(rules.place), _BATCH))
