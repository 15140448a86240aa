"""What a comparison comes to: how many differences of each class, how much is correct, and the first of each class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from portdip.table.reconciling.differences import CLASSES, numbers_held
from portdip.table.reconciling.reconcile import Comparison

#: The least share of correct data that a central database must have by law: Taiwan, number portability rules, art. 41.
LEGAL_BAR_PERCENT = 99.5

_WRONG = "[ABCDF]"


class Tally:
    """Counts differences, and keeps the first `examples_max` of each class. For one thread."""

    def __init__(self, examples_max: int) -> None:
        #: Differences by class: numbers, and for E intervals.
        self.counts = Counter(dict.fromkeys(CLASSES, 0))
        #: Numbers that differ, and numbers in intervals that do.
        self.wrong = 0
        self.wrong_in_ranges = 0
        #: The differences kept, as dictionaries by column, by class.
        self.examples: dict[str, list[dict[str, Any]]] = {letter: [] for letter in CLASSES}
        self._examples_max = examples_max

    def add(self, batch: pa.RecordBatch) -> None:
        """Take differences, schema `differences.DIFFERENCES`."""
        classes = batch.column("classes")
        for letter, examples in self.examples.items():
            of_class = pc.match_substring(classes, letter)
            if of_class.true_count:
                self.counts[letter] += of_class.true_count
                examples += batch.filter(of_class).slice(0, self._examples_max - len(examples)).to_pylist()
        self.wrong += pc.match_substring_regex(classes, _WRONG).true_count
        intervals = batch.filter(batch.column("last").is_valid())
        first, last = (intervals.column(name).to_numpy() for name in ("number", "last"))
        self.wrong_in_ranges += int((last - first + np.uint64(1)).sum())


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison in figures.

    Numbers are counted once each: `numbers` here, `their_numbers` there, `either` on one side or both. Of them `wrong`
    differ, and of `undecided` nobody knows: they are in blocks that differ, but their rows were not at hand.
    `in_ranges` are the numbers in ranges of either side, of which `wrong_in_ranges` have another holder. `not_told`
    names what the other side is silent about.
    """

    ours: str
    theirs: str
    not_told: list[str]
    blocks: int
    blocks_differing: int
    blocks_undecided: int
    numbers: int
    their_numbers: int
    either: int
    wrong: int
    undecided: int
    in_ranges: int
    wrong_in_ranges: int
    counts: dict[str, int]
    examples: dict[str, list[dict[str, Any]]]

    @classmethod
    def of(cls, comparison: Comparison, tally: Tally) -> Report:
        """The report, all differences being in the tally."""
        ranges = comparison.their_ranges
        only_there = tally.counts["B"] + comparison.undecided_numbers - comparison.undecided_here
        return cls(
            ours=comparison.ours.name,
            theirs=comparison.theirs.name,
            not_told=comparison.not_told,
            blocks=comparison.blocks,
            blocks_differing=len(comparison.differing),
            blocks_undecided=len(comparison.undecided),
            numbers=comparison.numbers,
            their_numbers=comparison.their_rows - tally.counts["G"],
            either=comparison.numbers + only_there,
            wrong=tally.wrong,
            undecided=comparison.undecided_numbers,
            in_ranges=0 if ranges is None else numbers_held(comparison.ours.flat_ranges, ranges),
            wrong_in_ranges=tally.wrong_in_ranges,
            counts=dict(tally.counts),
            examples=tally.examples,
        )

    @property
    def equal(self) -> bool:
        """Whether nothing differs. A number that is odd on both sides alike (G, H) is no difference."""
        return not (self.wrong or self.undecided or self.wrong_in_ranges)

    @property
    def correct_percent(self) -> float | None:
        """The share of numbers that are known to be right here; None where numbers were not compared."""
        return None if "numbers" in self.not_told else _percent(self.wrong + self.undecided, self.either)

    @property
    def correct_in_ranges_percent(self) -> float | None:
        """The share of numbers in ranges whose holder is right here; None where ranges were not compared."""
        return None if "ranges" in self.not_told else _percent(self.wrong_in_ranges, self.in_ranges)

    @property
    def reaches_legal_bar(self) -> bool:
        """Whether what was compared is as correct as `LEGAL_BAR_PERCENT` asks."""
        shares = (self.correct_percent, self.correct_in_ranges_percent)
        return all(share is None or share >= LEGAL_BAR_PERCENT for share in shares)

    def as_json(self) -> dict[str, Any]:
        """The report for programs: all fields and figures, times in ISO 8601."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["examples"] = {letter: [_as_json(row) for row in rows] for letter, rows in self.examples.items()}
        return fields | {
            "equal": self.equal,
            "correct_percent": self.correct_percent,
            "correct_in_ranges_percent": self.correct_in_ranges_percent,
            "legal_bar_percent": LEGAL_BAR_PERCENT,
            "reaches_legal_bar": self.reaches_legal_bar,
        }


def _percent(wrong: int, count: int) -> float:
    return 100.0 * (count - wrong) / count if count else 100.0


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
