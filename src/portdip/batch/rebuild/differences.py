"""What has changed from one table of rules to another: both are read side by side, a batch of each at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from portdip.batch.rebuild import rules
from portdip.batch.rebuild.rules import NONE, Rules
from portdip.batch.rebuild.writing import Step
from portdip.index import ENTRY


def differences(before: Iterator[Rules], after: Iterator[Rules], renamed: npt.NDArray[np.bool_]) -> Iterator[Step]:
    """The prefixes that only `before` has, and the rules that `before` has otherwise or not at all.

    `renamed` says of each route code, 0 to 65,535, whether its route is called something else now.
    """
    old, new = rules.next_of(before), rules.next_of(after)
    while old is not None or new is not None:
        bound = min(batch.place[-1] for batch in (old, new) if batch is not None)
        (olds, old), (news, new) = _cut(old, before, bound), _cut(new, after, bound)
        gone = ~_among(olds.place, news.place)
        place = np.minimum(np.searchsorted(olds.place, news.place), max(len(olds.place) - 1, 0))
        same = _among(news.place, olds.place)
        if len(olds.place):
            same &= (olds.match[place] == news.match) & ~renamed[news.match & np.uint32(ENTRY - 1)]
        if gone.any() or not same.all():
            yield Step(olds.prefix[gone], news.where(~same))


def _cut(batch: Rules | None, stream: Iterator[Rules], bound: np.uint64) -> tuple[Rules, Rules | None]:
    """The rules up to the place `bound`, and the batch that comes after them."""
    if batch is None:
        return NONE, None
    count = int(np.searchsorted(batch.place, bound, side="right"))
    if count < len(batch.place):
        return batch.where(slice(0, count)), batch.where(slice(count, None))
    return batch, rules.next_of(stream)


def _among(some: rules.Numbers, others: rules.Numbers) -> npt.NDArray[np.bool_]:
    """Which of `some` are in `others`; both in order."""
    if not len(others):
        return np.zeros(len(some), dtype=bool)
    place = np.minimum(np.searchsorted(others, some), len(others) - 1)
    found: npt.NDArray[np.bool_] = others[place] == some
    return found
