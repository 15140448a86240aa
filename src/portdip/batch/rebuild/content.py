"""What a store says at one generation, as rules: its ranges cut into prefixes, and each ported number.

Read in batches of columns and in the order of the digits, whatever the lengths of numbers; of the numbers nothing but
a batch is in memory. Answers come from the generation's index, so they are those of dips.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from portdip.batch.rebuild import rules
from portdip.batch.rebuild.answers import Answers
from portdip.batch.rebuild.rules import Codes, Numbers, Rules
from portdip.index import ENTRY
from portdip.lookup import reverse
from portdip.lookup.generation import Generation
from portdip.number import DIGITS_MAX, LIMIT

#: Numbers in a batch.
_BATCH = 1 << 16


class Intervals(NamedTuple):
    """Ranges side by side in the order of their numbers, those of nobody left out: columns of one length."""

    first: Numbers
    last: Numbers
    code: Codes


class Content:
    """The table of `generation`, and which of its `answers` are the same. Any number of threads may read it.

    With `says_ported` a number that is ported and one that is not never have the same.
    """

    def __init__(self, generation: Generation, says_ported: bool = False) -> None:
        self.generation = generation
        self.answers = Answers(generation, says_ported)

    @cached_property
    def intervals(self) -> Intervals:
        """The ranges as they are now."""
        first, last, code = reverse.ranges(self.generation)
        opens = np.ones(len(first), dtype=bool)
        opens[1:] = (code[1:] != code[:-1]) | (rules.digits_of(first[1:]) != rules.digits_of(first[:-1]))
        begins = np.flatnonzero(opens)
        ends = last[np.append(begins[1:], len(first)) - 1]
        held = code[begins] != 0
        return Intervals(first[begins][held], ends[held], code[begins][held])

    @cached_property
    def range_rules(self) -> Rules:
        """The fewest prefixes that cover each range alone, in order; what is a ported number itself left out."""
        first, last, code = self.intervals
        found, kinds = [], []
        low, high, kept = first, last + np.uint64(1), code
        ten = np.uint64(10)
        while len(low):  # low and high are in units of a prefix that is one digit shorter each time
            inner_low, inner_high = (low + np.uint64(9)) // ten, high // ten
            within = inner_low < inner_high
            left_end = np.where(within, inner_low * ten, high)
            right_begin = np.where(within, inner_high * ten, high)
            for begins, ends in ((low, left_end), (right_begin, high)):
                counts = (ends - begins).astype(np.intp)
                offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
                found.append(np.repeat(begins, counts) + offsets.astype(np.uint64))
                kinds.append(np.repeat(kept, counts))
            low, high, kept = inner_low[within], inner_high[within], kept[within]
        prefix = np.concatenate([rules.NONE.prefix, *found])
        made = Rules.of(prefix, np.concatenate([np.empty(0, np.uint16), *kinds]).astype(np.uint32))
        made = made.where(np.argsort(made.place))
        return made.where(self.generation.index.match_many(made.prefix) < ENTRY)

    def numbers(self, first: int = 1, end: int = LIMIT) -> Iterator[Rules]:
        """The ported numbers from `first` on and before `end`, by number."""
        changed = np.sort(self.generation.index.overlay.numbers())
        changed = changed[np.searchsorted(changed, np.uint64(first)) : np.searchsorted(changed, np.uint64(end))]
        for numbers in self._base(first, end):
            count = int(np.searchsorted(changed, numbers[-1], side="right"))
            if count:
                numbers = reverse.union(numbers, changed[:count])
                changed = changed[count:]
            yield self._matched(numbers)
        for row in range(0, len(changed), _BATCH):
            yield self._matched(changed[row : row + _BATCH])

    def _base(self, first: int, end: int) -> Iterator[Numbers]:
        for chunk in self.generation.snapshot.numbers.column("number").chunks:
            numbers = chunk.to_numpy()
            low, high = (int(np.searchsorted(numbers, np.uint64(bound))) for bound in (first, end))
            for row in range(low, high, _BATCH):
                yield numbers[row : min(row + _BATCH, high)]

    def _matched(self, numbers: Numbers) -> Rules:
        match = self.generation.index.match_many(numbers)
        ported = match >= ENTRY
        if not ported.all():
            numbers, match = numbers[ported], match[ported]
        return Rules.of(numbers, match)

    def number_rules(self) -> Iterator[Rules]:
        """A rule for each ported number, in the order of their digits."""
        return rules.merged([self.numbers(10 ** (digits - 1), 10**digits) for digits in range(1, DIGITS_MAX + 1)])

    def rules(self) -> Iterator[Rules]:
        """A rule for each prefix of a range and each ported number, in the order of their digits."""
        return rules.merged([iter([self.range_rules]), self.number_rules()])

    @cached_property
    def lengths(self) -> list[int]:
        """How many digits the numbers of ranges and the ported numbers have: each length that occurs."""
        first = self.intervals.first
        with_ranges = set(rules.digits_of(first).tolist())
        with_numbers = {
            digits
            for digits in range(1, DIGITS_MAX + 1)
            if digits not in with_ranges and rules.next_of(self.numbers(10 ** (digits - 1), 10**digits)) is not None
        }
        return sorted(with_ranges | with_numbers)
