"""A table of rules held against the engine, at every number where the answer of either may change.

Both are asked for the first number of each stretch in which neither changes: so nothing is left out, and no more is
asked than a few times the count of rules and ported numbers. The table is asked as a switch asks it, by the longest
beginning of the number, and knows nothing of how it was made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from portdip.batch.rebuild import _lookup, rules
from portdip.batch.rebuild.aggregate import Tree
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rules import Codes, Numbers, Rules
from portdip.errors import RebuildError, WrongTableError
from portdip.number import DIGITS_MAX

#: Positions in one go.
_WINDOW = 1 << 18
_END = np.uint64(10**DIGITS_MAX)


class Stretch(NamedTuple):
    """Stretches of numbers of one length about which the engine and a table differ: columns of one length.

    `wanted` is the answer of the engine, `found` that of the table.
    """

    first: Numbers
    last: Numbers
    wanted: Codes
    found: Codes


def same_answers(content: Content, tree: Tree, table: Rules, report: Callable[[int], object]) -> None:
    """Raise WrongTableError, naming a number, unless `table` answers all that is asked of it as the engine does."""
    for wrong in differing(content, tree, table, report):
        number, wanted, found = int(wrong.first[0]), int(wrong.wanted[0]), int(wrong.found[0])
        raise WrongTableError(
            "the table answers otherwise than the engine; nothing was written",
            where=f"number {rules.shown(number)}",
            expected=content.answers.named(wanted),
            got=content.answers.named(found),
            fix="This is a fault of portdip: please report it. Rebuild without --aggregate meanwhile.",
        )


def differing(
    content: Content, tree: Tree, table: Rules, report: Callable[[int], object] = lambda count: None
) -> Iterator[Stretch]:
    """The stretches of numbers about which the table of `content` and `table` differ, in no order.

    Numbers of each length that ranges or ported numbers have, and strings of DIGITS_MAX digits for what is dialled
    where nobody's numbers are.
    """
    lengths = sorted({*content.lengths, DIGITS_MAX})
    ends = np.sort((table.place >> np.uint64(4)) + rules.spread(table.prefix))
    edges = rules.distinct(tree.first, tree.end)
    code = content.answers.of(table.match)
    for begin, end in _windows(tree.position):
        points = slice(*np.searchsorted(tree.position, (begin, end)))
        position = tree.position[points]
        opened = table.place[slice(*np.searchsorted(table.place, (begin << np.uint64(4), end << np.uint64(4))))]
        stretch = rules.distinct(
            np.array([begin], dtype=np.uint64),
            position,
            position + _width(tree.length[points]),
            edges[slice(*np.searchsorted(edges, (begin, end)))],
            ends[slice(*np.searchsorted(ends, (begin, end)))],
            opened >> np.uint64(4),
        )
        report(points.stop)
        stretch = stretch[stretch < end]
        for digits in lengths:
            yield from _of_length(content, tree, table, code, stretch, end, digits)


def _windows(position: Numbers) -> Iterator[tuple[np.uint64, np.uint64]]:
    """All positions in a few intervals with not too many ported numbers in each."""
    bounds = [_END // np.uint64(10), *position[_WINDOW::_WINDOW].tolist(), _END]
    for begin, end in itertools.pairwise(bounds):
        if begin < end:
            yield np.uint64(begin), np.uint64(end)


def _width(digits: npt.NDArray[np.uint8]) -> Numbers:
    return np.array([10 ** (DIGITS_MAX - count) for count in range(DIGITS_MAX + 1)], dtype=np.uint64)[digits]


def _of_length(
    content: Content, tree: Tree, table: Rules, code: Codes, stretch: Numbers, end: np.uint64, digits: int
) -> Iterator[Stretch]:
    """What differs among numbers of so many digits from stretch[0] on and before `end`."""
    width = np.uint64(10 ** (DIGITS_MAX - digits))
    number = rules.distinct(stretch // width, stretch // width + np.uint64(1))
    number = number[number < (end + width - np.uint64(1)) // width]
    if not len(number):
        return
    wanted = content.answers.find(number)
    found = _lookup.codes(table.place, code, (number * width << np.uint64(4)) | np.uint64(digits))
    wrong = np.flatnonzero(wanted != found)
    wrong = wrong[(wanted[wrong] != 0) | ~_not_asked(content, tree, number[wrong], digits)]
    if len(wrong):
        last = np.append(number[1:], (end - np.uint64(1)) // width + np.uint64(1))[wrong] - np.uint64(1)
        yield _joined(Stretch(number[wrong], last, wanted[wrong], found[wrong]))


def _joined(parts: Stretch) -> Stretch:
    """The same in as few stretches as it takes."""
    first, last, wanted, found = parts
    opens = np.ones(len(first), dtype=bool)
    opens[1:] = (first[1:] != last[:-1] + np.uint64(1)) | (wanted[1:] != wanted[:-1]) | (found[1:] != found[:-1])
    return Stretch(first[opens], last[np.roll(opens, -1)], wanted[opens], found[opens])


def _not_asked(content: Content, tree: Tree, number: Numbers, digits: int) -> npt.NDArray[np.bool_]:
    """Which strings of digits begin with somebody's number, or are the beginning of one, and are none themselves."""
    answer = np.zeros(len(number), dtype=bool)
    for count in content.lengths:
        if count < digits:
            answer |= content.generation.index.find_many(number // np.uint64(10 ** (digits - count))) != 0
    if digits < max(content.lengths, default=0):
        width = np.uint64(10 ** (DIGITS_MAX - digits))
        begin, end = number * width, (number + np.uint64(1)) * width
        answer |= np.searchsorted(tree.position, begin) < np.searchsorted(tree.position, end)
        place = np.searchsorted(tree.end, begin, side="right")
        answer |= np.append(tree.first, _END)[place] < end
    return answer


def nothing_nested(content: Content) -> None:
    """Raise RebuildError where a number is the beginning of another one and they have different routes.

    Ranges as prefixes and ported numbers as they are then answer one for the other. A table by `exact` does not.
    """
    found = nested(content, different=True)
    if found:
        raise RebuildError(
            "a number is the beginning of another one, and has another route",
            where=f"{rules.shown(found[0])} and {rules.shown(found[1])}",
            fix="Such a table has to be made with --aggregate exact.",
        )


def nested(content: Content, different: bool) -> tuple[int, int] | None:
    """A number that is the beginning of another one, and that one; None if there are none.

    With `different`, only such that have different routes.
    """
    lengths, find = content.lengths, content.answers.find
    for place, longer in enumerate(lengths):
        for shorter in lengths[:place]:
            unit = np.uint64(10 ** (longer - shorter))
            batches = (batch.prefix for batch in content.numbers(10 ** (longer - 1), 10**longer))
            for batch in itertools.chain(batches, _edges(content, shorter, longer)):
                above, below = find(batch // unit), find(np.ascontiguousarray(batch))
                both = (above != 0) & (below != 0) & ((above != below) | (not different))
                if both.any():
                    number = int(batch[both.argmax()])
                    return number // int(unit), number
    return None


def _edges(content: Content, shorter: int, longer: int) -> Iterator[Numbers]:
    """Numbers of `longer` digits such that ranges of both lengths, and ported numbers of `shorter`, are met."""
    unit = np.uint64(10 ** (longer - shorter))
    first, _, _ = content.intervals
    digits = rules.digits_of(first)
    yield first[digits == longer]
    yield first[digits == shorter] * unit
    for batch in content.numbers(10 ** (shorter - 1), 10**shorter):
        yield batch.prefix * unit
        inside = np.searchsorted(first, (batch.prefix + np.uint64(1)) * unit) - 1
        begins = first[inside[inside >= 0]]
        yield begins[rules.digits_of(begins) == longer]
