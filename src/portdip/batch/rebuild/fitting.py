"""The best table of so many rules: the one that answers the fewest calls wrong.

Each rule is given a price, and the table that costs least at that price is found exactly (`_fit.pyx`). Which price
brings how many rules is a curve that only falls, so the price is sought at which the count asked for lies between two
tables that cost the same; rules of both, cut at a number where they agree, make one of nearly as many as asked for.
What no table of so many rules can do better than follows from the price too (the dual of the problem), so every result
comes with how far it may be from the best: nothing, where the two are the same.

Numbers that nobody has are never answered. Digits that are a number and the beginning of longer ones cannot be weighed
apart, so tables with such numbers are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from portdip.batch.rebuild import _fit, rules
from portdip.batch.rebuild.aggregate import Tree, exact
from portdip.batch.rebuild.calls import Calls
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rules import Numbers, Rules
from portdip.errors import RebuildError

#: Tables made at most, each at another price; a few dozen are enough in practice.
_PRICES_MAX = 60
_SAME = 1e-9


class Fitted(NamedTuple):
    """A table, and the fewest calls that any table of so many rules answers wrong, or less."""

    table: Rules
    wrong_at_least: float


class _Priced(NamedTuple):
    table: Rules
    wrong: float

    def cost(self, price: float) -> float:
        return self.wrong + price * len(self.table.place)


def fitted(
    content: Content, tree: Tree, calls: Calls, most: int, may_block: bool, report: Callable[[int], object]
) -> Fitted:
    """The best table of at most `most` rules found; rules of code 0 ("nobody's") where `may_block`.

    `report` is called with how many prices were tried. Raises RebuildError as this module's beginning says.
    """
    more = _Priced(exact(content, tree, may_block), 0.0)
    if len(more.table.place) <= most:
        return Fitted(more.table, 0.0)
    fewer = _Priced(rules.NONE, _at(content, tree, calls, may_block, np.inf).wrong)
    at_least = 0.0
    for tried in range(_PRICES_MAX):
        price = (fewer.wrong - more.wrong) / (len(more.table.place) - len(fewer.table.place))
        if price <= 0:  # what has no calls needs no rule
            return Fitted(fewer.table, at_least)
        report(tried)
        found = _at(content, tree, calls, may_block, price)
        at_least = max(at_least, found.cost(price) - price * most)
        if found.cost(price) >= fewer.cost(price) * (1 - _SAME):
            break
        if len(found.table.place) <= most:
            fewer = found
        else:
            more = found
    return Fitted(_mixed(fewer.table, more.table, most), max(at_least, 0.0))


def _at(content: Content, tree: Tree, calls: Calls, may_block: bool, price: float) -> _Priced:
    found = _fit.fit(*tree, calls.edge, calls.before, calls.density, may_block, min(price, 1e300))
    if found is None:
        raise RebuildError(
            "a number is the beginning of another one: its calls cannot be weighed",
            fix="Use --aggregate exact without --max-rules.",
        )
    prefix, code, wrong = found
    return _Priced(Rules.of(prefix, content.answers.matches(prefix, code)), wrong)


def _mixed(fewer: Rules, more: Rules, most: int) -> Rules:
    """The rules of `more` up to some position and those of `fewer` from there on, not more than `most`.

    They are cut where the same rules of both reach across, so each side answers as the table it is from.
    """
    cuts = rules.distinct(fewer.place >> np.uint64(4), more.place >> np.uint64(4))
    left, right = (np.searchsorted(table.place, cuts << np.uint64(4)) for table in (more, fewer))
    count = left + (len(fewer.place) - right)
    fitting = (_across(fewer, cuts) == _across(more, cuts)) & (count <= most)
    if not fitting.any():
        return fewer
    best = int(np.where(fitting, count, -1).argmax())
    if count[best] <= len(fewer.place):
        return fewer
    return rules.joined([more.where(slice(0, int(left[best]))), fewer.where(slice(int(right[best]), None))])


def _across(table: Rules, cuts: Numbers) -> Numbers:
    """A mark of the rules that begin before each cut and end after it: the same for the same rules."""
    begin, end = table.place >> np.uint64(4), (table.place >> np.uint64(4)) + rules.spread(table.prefix)
    mark = (table.place * np.uint64(0x9E3779B97F4A7C15)) ^ (table.match.astype(np.uint64) << np.uint64(40))
    mark = (mark ^ (mark >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    order = np.argsort(end)
    opened, closed = (np.concatenate([[np.uint64(0)], np.cumsum(marks)]) for marks in (mark, mark[order]))
    found: Numbers = opened[np.searchsorted(begin, cuts)] - closed[np.searchsorted(end[order], cuts, side="right")]
    return found
