"""Fewer rules with the same answers.

What the same answers are: every number that has a route gets that route from the rule of its longest beginning (and
hears whether it is ported, where the target says so: `portdip.batch.rebuild.answers`), and no string of digits finds a
rule that neither begins with such a number nor is the beginning of one. Of those that do, nothing is asked: digits
after a whole number are not dialled, and a number that is not whole yet is not routed.
The table is the smallest there is for that (`_exact.pyx`), with rules that say "nobody's" where the target has them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from portdip.batch.rebuild import _exact, rules
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.rules import Codes, Numbers, Rules
from portdip.errors import RebuildError


class Tree(NamedTuple):
    """What `_tree.pxd` wants: of each ported number its position, length and answer; of each region its first position,
    end, answer, lengths of numbers (a bit each) and the longest of them.
    """

    position: Numbers
    length: npt.NDArray[np.uint8]
    code: Codes
    first: Numbers
    end: Numbers
    held: Codes
    lengths: npt.NDArray[np.uint16]
    longest: npt.NDArray[np.uint8]


def tree(content: Content) -> Tree:
    """The table of `content` as positions, 11 bytes a number.

    Raises RebuildError where ranges of numbers of two lengths, of different routes, begin with the same digits: a
    table of prefixes would need a rule for every number.
    """
    count = len(content.generation.snapshot.numbers) + len(content.generation.index.overlay)
    position, length = np.empty(count, dtype=np.uint64), np.empty(count, dtype=np.uint8)
    code = np.empty(count, dtype=np.uint16)
    row = 0
    for batch in content.number_rules():
        end = row + len(batch.place)
        position[row:end] = batch.place >> np.uint64(4)
        length[row:end] = batch.place & np.uint64(15)
        code[row:end] = content.answers.of(batch.match)
        row = end
    return Tree(position[:row], length[:row], code[:row], *_regions(content))


def _regions(content: Content) -> tuple[Numbers, Numbers, Codes, npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    first, last, held = content.intervals
    held = content.answers.of(held)
    digits = rules.digits_of(first)
    begins, ends = rules.leftmost(first), rules.leftmost(last) + rules.spread(last)
    edges = rules.distinct(begins, ends)
    code = np.zeros(len(edges), dtype=np.uint16)
    lengths = np.zeros(len(edges), dtype=np.uint16)
    for count in np.unique(digits).tolist():
        of_length = digits == count
        place = np.searchsorted(begins[of_length], edges, side="right") - 1
        inside = (place >= 0) & (edges < np.append(ends[of_length], np.uint64(0))[place])
        layer = np.where(inside, np.append(held[of_length], np.uint16(0))[place], np.uint16(0))
        clash = np.flatnonzero((layer != 0) & (code != 0) & (layer != code))
        if len(clash):
            raise RebuildError(
                "ranges of numbers of two lengths begin with the same digits and have different routes",
                where=f"the digits {int(edges[clash[0]])}",
                fix="Such a table cannot be aggregated; rebuild it as it is, without --aggregate.",
            )
        code = np.maximum(code, layer)
        lengths |= np.where(inside, np.uint16(1 << count), np.uint16(0))
    somebody = np.flatnonzero(lengths != 0)
    opens = np.ones(len(somebody), dtype=bool)
    opens[1:] = np.diff(somebody) != 1
    opens[1:] |= (np.diff(code[somebody]) != 0) | (np.diff(lengths[somebody]) != 0)
    begin = somebody[opens]
    end = somebody[np.append(np.flatnonzero(opens)[1:], len(somebody)) - 1] + 1 if len(somebody) else begin
    longest = np.frexp(lengths[begin].astype(np.float64))[1] - 1
    return edges[begin], edges[end], code[begin], lengths[begin], longest.astype(np.uint8)


def exact(content: Content, table: Tree, may_block: bool) -> Rules:
    """The fewest rules with the same answers, in order; with rules of code 0 ("nobody's") where `may_block`."""
    prefix, code = _exact.prefixes(*table, may_block)
    return Rules.of(prefix, content.answers.matches(prefix, code))
