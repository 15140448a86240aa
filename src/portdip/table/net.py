"""What a stretch of the chain comes to: facts in force folded into the columns of a table.

The same join as the overlay's, over whole columns: of each number the fact latest in the chain, then the rules that
came after it, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.table import schema
from portdip.table.facts import AT_ONCE, Codes, Entries, Facts, Mask, Numbers, Ordinals, Rule, newest
from portdip.table.nested import Nest, assign, move

Sequences = npt.NDArray[np.uint64]

#: The route of a number that has no entry any more, on its way through a merge.
RELEASED = 0


@dataclass(frozen=True, slots=True)
class Net:
    """Facts in force over a base table at sequence `since`; `sequence_of` has the sequence of each ordinal."""

    since: int
    facts: Facts
    sequence_of: Sequences

    def numbers(self) -> pa.RecordBatch:
        """One row of `schema.NUMBERS` for each number with a fact of its own, in order; route 0 for released ones."""
        entries = newest(self.facts.entries)
        codes, sequences = self._after_rules(
            entries.number, entries.code, entries.ordinal, self.sequence_of[entries.ordinal]
        )
        effective = pa.array(entries.effective, mask=entries.effective == AT_ONCE).cast(schema.NUMBERS.field(4).type)
        return pa.record_batch([entries.number, codes, entries.donor, sequences, effective], schema=schema.NUMBERS)

    def base(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of the base table after the rules; route 0 for those that a rule has released."""
        rules = [rule for rule in self.facts.rules if _touches(rule, rows)]
        if not rules:
            return rows
        number, code, donor, version, effective = rows.columns
        ordinals = np.zeros(len(rows), dtype=np.uint32)
        codes, sequences = self._after_rules(number.to_numpy(), code.to_numpy(), ordinals, version.to_numpy())
        return pa.record_batch([number, codes, donor, sequences, effective], schema=schema.NUMBERS)

    def ranges(self, nest: Nest) -> Nest:
        """The ranges of the base after the ranges and rules since, in the order of the chain."""
        added = self.facts.ranges.where(np.argsort(self.facts.ranges.ordinal))
        ranges = list(zip(added.first.tolist(), added.last.tolist(), added.code.tolist(), strict=True))
        done = 0
        for rule in sorted(self.facts.rules, key=lambda rule: rule.ordinal):
            if rule.codes is not None:
                before = int(np.searchsorted(added.ordinal, rule.ordinal))
                nest = move(assign(nest, ranges[done:before]), rule.first, rule.last, rule.codes)
                done = before
        return assign(nest, ranges[done:])

    def to_come(self, entries: Entries) -> tuple[Entries, Mask]:
        """Facts about single numbers to come, without those outdone already; and which of them the rules changed.

        A rule changes what is older than itself, be it in force yet or not: here rather than later, for the rules are
        part of the table now and will not be asked again.
        """
        newest_now = newest(self.facts.entries)
        place = np.searchsorted(newest_now.number, entries.number)
        same = np.append(newest_now.number, np.uint64(0))[place] == entries.number
        outdone = same & (np.append(newest_now.ordinal, np.uint32(0))[place] > entries.ordinal)
        code, _ = self._after_rules(entries.number, entries.code, entries.ordinal, self.sequence_of[entries.ordinal])
        outdone |= (code == RELEASED) & (entries.code != RELEASED)
        kept = replace(entries, code=code).where(~outdone)
        return kept, kept.code != entries.code[~outdone]

    def _after_rules(
        self, number: Numbers, code: Codes, ordinal: Ordinals, sequence: Sequences
    ) -> tuple[Codes, Sequences]:
        code, sequence = code.copy(), sequence.copy()
        for rule in sorted(self.facts.rules, key=lambda rule: rule.ordinal):
            inside = (ordinal < rule.ordinal) & (rule.first <= number) & (number <= rule.last) & (code != RELEASED)
            new = np.full_like(code, RELEASED) if rule.codes is None else rule.codes[code]
            changed = inside & (new != code)
            code[changed] = new[changed]
            sequence[changed] = self.sequence_of[rule.ordinal]
        return code, sequence


def _touches(rule: Rule, rows: pa.RecordBatch) -> bool:
    number = rows.column("number")
    return bool(rule.first <= number[-1].as_py() and number[0].as_py() <= rule.last)
