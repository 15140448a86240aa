"""Ranges inside ranges, as imports bring them, and what the chain makes of them.

An assigned range takes all numbers of its interval: ranges inside it are gone, those that it crosses are cut, those
around it stay around it. So the nesting that a later import relies on, where a range replaces the one of the same
interval, is kept as far as it can be. Assigning now or later, or half of it now, makes no difference.

May be called from any thread; changes nothing it is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from portdip.intervals import Codes, Numbers, flatten
from portdip.table import schema
from portdip.table.facts import Mask, Places

#: First number, last number and route code, 0 for nobody.
Range = tuple[int, int, int]


class Nest(NamedTuple):
    """Ranges by first number, outer before inner: columns of one length; code 0 withdraws from the range around."""

    first: Numbers
    last: Numbers
    code: Codes

    @classmethod
    def of(cls, ranges: pa.Table) -> Self:
        """The ranges in a table of `schema.RANGES`."""
        return cls(*(ranges.column(name).to_numpy() for name in schema.RANGES.names))

    def where(self, mask: Mask | Places) -> Nest:
        """Those that the mask picks, or those at some places, in their order."""
        return Nest(self.first[mask], self.last[mask], self.code[mask])

    def and_also(self, other: Nest) -> Nest:
        """These ranges, then those."""
        first, last = (np.concatenate(both) for both in ((self.first, other.first), (self.last, other.last)))
        return Nest(first, last, np.concatenate([self.code, other.code]))

    def flat(self) -> Nest:
        """The intervals side by side that say the same, those of code 0 left out."""
        return Nest(*flatten(np.column_stack([self.first, self.last, self.code.astype(np.uint64)])))

    def codes_at(self, numbers: Numbers) -> Codes:
        """The code of each number, 0 for none, where the ranges lie side by side."""
        place = np.searchsorted(self.first, numbers, side="right") - 1
        held = (place >= 0) & (numbers <= np.append(self.last, np.uint64(0))[place])
        return np.where(held, np.append(self.code, np.uint16(0))[place], np.uint16(0))


def assign(nest: Nest, ranges: Iterable[Range]) -> Nest:
    """The ranges after others were assigned, one after another.

    >>> plan = Nest(*(np.array(column, np.uint64) for column in ([100, 120], [199, 139], [1, 2])))
    >>> [column.tolist() for column in assign(plan, [(130, 149, 3), (150, 159, 0)])]
    [[100, 120, 130, 150], [199, 129, 149, 159], [1, 2, 3, 0]]
    """
    added = np.array(list(ranges), dtype=np.uint64).reshape(-1, 3)
    if not len(added):
        return nest
    starts, ends = _union(added[:, 0], added[:, 1])
    touched = _inside_any(nest.first, starts, ends) | _inside_any(nest.last, starts, ends)
    cut, extents = _cut(nest.where(touched), added)
    others = nest.where(~touched)
    both = others.and_also(cut)
    # Of ranges cut to one interval the inner one stays: it had the smaller extent.
    extents = np.concatenate([others.last - others.first, extents])
    order = np.lexsort((~extents, ~both.last, both.first))
    both = both.where(order)
    innermost = np.ones(len(order), dtype=bool)
    innermost[:-1] = (both.first[1:] != both.first[:-1]) | (both.last[1:] != both.last[:-1])
    return both.where(innermost)


def _cut(nest: Nest, added: Numbers) -> tuple[Nest, Numbers]:
    """The ranges with others, rows of first, last and code, assigned over them; and how far each reached uncut."""
    count, room = len(nest.first), len(nest.first) + len(added)
    first, last, extent = (np.empty(room, dtype=np.uint64) for _ in range(3))
    code = np.empty(room, dtype=np.uint16)
    first[:count], last[:count], code[:count], extent[:count] = *nest, nest.last - nest.first
    one = np.uint64(1)
    for begin, end, given in added:
        begins, ends = first[:count], last[:count]
        holds_begin, holds_end = (begins <= begin) & (begin <= ends), (begins <= end) & (end <= ends)
        ends[holds_begin & ~holds_end & (begins < begin)] = begin - one
        begins[holds_end & ~holds_begin & (ends > end)] = end + one
        first[count], last[count], code[count], extent[count] = begin, end, given, end - begin
        kept = np.append((begins < begin) | (end < ends), True)
        left = int(np.count_nonzero(kept))
        if left <= count:
            for column in (first, last, code, extent):
                column[:left] = column[: count + 1][kept]
        count = left
    return Nest(first[:count], last[:count], code[:count]), extent[:count]


def move(nest: Nest, begin: int, end: int, codes: Codes) -> Nest:
    """The ranges after a mass change: in the interval every code becomes `codes[code]`."""
    inside = (begin <= nest.first) & (nest.last <= end)
    moved = nest._replace(code=np.where(inside, codes[nest.code], nest.code))
    if inside.all():
        return moved
    # Of the ranges that reach beyond the interval, what they hold in it.
    others = nest._replace(code=np.where(inside, np.uint16(0), nest.code))
    there = others.where((others.first <= end) & (begin <= others.last)).flat()
    there = there.where((there.first <= end) & (begin <= there.last) & (codes[there.code] != there.code))
    first, last = np.maximum(there.first, np.uint64(begin)), np.minimum(there.last, np.uint64(end))
    return assign(moved, zip(first.tolist(), last.tolist(), codes[there.code].tolist(), strict=True))


def differences(before: Nest, after: Nest) -> tuple[Numbers, Numbers]:
    """The intervals where two nests say different things: first and last numbers, disjoint and in order."""
    both = before.and_also(after)
    both = both.where(np.lexsort((both.code, both.last, both.first)))
    same = np.zeros(len(both.first), dtype=bool)
    same[1:] = (both.first[1:] == both.first[:-1]) & (both.last[1:] == both.last[:-1])
    same[1:] &= both.code[1:] == both.code[:-1]
    changed = both.where(~same & ~np.append(same[1:], False))
    says = [said(nest, changed.first, changed.last) for nest in (before, after)]
    edges = np.unique(np.concatenate([column for flat in says for column in (flat.first, flat.last + np.uint64(1))]))
    other = says[0].codes_at(edges) != says[1].codes_at(edges)
    step = np.diff(np.concatenate([[0], other, [0]]))
    return edges[step[:-1] == 1], edges[step[:-1] == -1] - np.uint64(1)


def said(nest: Nest, first: Numbers, last: Numbers) -> Nest:
    """What a nest says of the numbers in any of some intervals: ranges side by side, those of nobody with code 0."""
    starts, ends = _union(first, last)
    place = np.searchsorted(starts, nest.last, side="right") - 1
    near = (place >= 0) & (nest.first <= np.append(ends, np.uint64(0))[place])
    flat = nest.where(near).flat()
    edges = np.unique(np.concatenate([flat.first, flat.last + np.uint64(1), first, last + np.uint64(1)]))
    inside = np.flatnonzero(_inside_any(edges, starts, ends))
    return Nest(edges[inside], edges[inside + 1] - np.uint64(1), flat.codes_at(edges[inside]))


def _union(first: Numbers, last: Numbers) -> tuple[Numbers, Numbers]:
    """Where intervals begin, in order, and the highest end so far."""
    order = np.argsort(first)
    return first[order], np.maximum.accumulate(last[order])


def _inside_any(numbers: Numbers, starts: Numbers, ends: Numbers) -> Mask:
    """Which numbers lie in an interval, given as `_union` does."""
    place = np.searchsorted(starts, numbers, side="right") - 1
    inside: Mask = (place >= 0) & (numbers <= np.append(ends, np.uint64(0))[place])
    return inside
