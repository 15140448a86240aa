"""Who served many numbers, each at a moment of its own: the answers of `Engine.dip(number, at=...)`, in bulk.

A number that nothing ever happened to, but what the snapshot says, is answered from the index. For the others the
changes are laid out once as steps, from which moment on which route: 24 bytes a step, and 4 to 8 a number. So is what
was assigned to whom, and mass changes are done as the numbers are asked.

History begins with the oldest change that the store knows. Of earlier moments only that is known which has a date: a
port brought by an import, with the day it took place. `Engine.dip` answers with what was so later; here it is told
apart as `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt

from portdip.index import LiveIndex, Overlay
from portdip.lookup import past_columns, steps
from portdip.lookup._timeline import MIX, Probe
from portdip.lookup.answers import Labels
from portdip.lookup.generation import Generation
from portdip.lookup.past_columns import ROW_BITS, Moments, Numbers, Rule
from portdip.lookup.steps import LONG_AGO, Cells, Steps
from portdip.route import Route
from portdip.table.store import Store

_STEP = np.dtype([("key", "u8"), ("starts", "i8"), ("rule", "u4"), ("code", "u2"), ("unused", "u2")])
_CELL = np.dtype(
    [("first", "u8"), ("last", "u8"), ("begin", "u4"), ("end", "u4"), ("by_snapshot", "u1"), ("unused", "u1", 7)]
)
_RULE = np.dtype(
    [
        ("first", "u8"),
        ("last", "u8"),
        ("starts", "i8"),
        ("carrier", "i4"),
        ("digits", "i4"),
        ("code", "u2"),
        ("unused", "u2"),
        ("unused_too", "u4"),
    ]
)
_BITS_MIN = 6
_TAG_BITS = 5


class Timeline:
    """The past of all numbers as `generation` knows it. Safe to use from any number of threads.

    Moments are microseconds since 1970, UTC; none may be asked before `since`. `begins` is when history begins.
    """

    def __init__(self, generation: Generation, past: past_columns.Past, since: int) -> None:
        self.generation = generation
        self.since = since
        self.begins = past.begins
        # What the chain brought since the snapshot is among the steps: here the table is without it.
        self._index = LiveIndex(generation.index.base, Overlay())
        snapshot = generation.snapshot
        movable = _movable(past.rules, generation.routes)
        own, dated = steps.of_numbers(past, snapshot, steps.Told.of(past), since)
        cells = steps.of_ranges(past, self._index, snapshot.manifest.sequence, movable)
        after = np.array([rule.place for rule in past.rules], dtype=np.uint64)
        bits, directory, laid = _directory(own, after)
        boundary = np.uint64((snapshot.manifest.sequence + 1) << ROW_BITS)
        self._probe = Probe(
            directory=directory,
            steps=laid,
            cells=_cells(cells),
            cell_steps=_laid(cells.steps, cells.steps.group, after),
            rules=_rules(past.rules, generation.labels),
            labels=generation.labels.indices,
            movable=movable.astype(np.uint8),
            bits=bits,
            begins=past.begins,
            snapshot_rule=int(np.searchsorted(after, boundary)),
            dated=dated,
        )
        self.nbytes = directory.nbytes + laid.nbytes + len(cells.first) * _CELL.itemsize

    @classmethod
    def of(cls, store: Store, generation: Generation, since: int = LONG_AGO) -> Self:
        """Read the past of a store up to the sequence of `generation`, for moments from `since` on.

        Takes seconds for millions of changes. Raises StoreError or DeltaError for damage met on the way, and StoreError
        where what the generation was made of has been pruned since.
        """
        return cls(generation, past_columns.read(store, generation), since)

    @property
    def since_any(self) -> int:
        """A moment that may be asked."""
        return max(self.since, self.begins)

    @classmethod
    def of_changed(cls, store: Store, generation: Generation) -> Self:
        """The past of those numbers of which history says something, in no more memory than that.

        Of others it tells who held the range around them, and who serves them once they have their entry. Raises as
        `of` does.
        """
        found = cls.of(store, generation, np.iinfo(np.int64).max)
        found.since = LONG_AGO
        return found

    def match_many(
        self, numbers: Numbers, moments: Moments, unknown: npt.NDArray[np.uint8] | None = None
    ) -> npt.NDArray[np.uint32]:
        """The code of each number at its moment, plus ENTRY where it had an entry of its own then; 0 for none.

        `unknown`, of the same length, becomes 1 where the moment is before history begins and nothing says that the
        answer was so then, else 0. Raises ValueError for a moment before `since`.
        """
        if self.since != LONG_AGO and len(moments) and int(moments.min()) < self.since:
            raise ValueError("a moment before those the timeline was made for")
        if unknown is None:
            unknown = np.empty(len(numbers), dtype=np.uint8)
        matches = self._index.match_many(numbers)
        asked = np.empty(len(numbers), dtype=np.int64)
        asked = asked[: self._probe.entries(numbers, moments, matches, unknown, asked)]
        if len(asked):
            matches[asked] = self._index.range_codes(numbers[asked])
        self._probe.holders(numbers, moments, matches, unknown)
        return matches

    def range_codes(self, numbers: Numbers, moments: Moments) -> npt.NDArray[np.uint16]:
        """The code of the range around each number at its moment, whatever its own entry said; 0 for none."""
        matches = self._index.range_codes(numbers).astype(np.uint32)
        self._probe.holders(numbers, moments, matches, np.empty(len(numbers), dtype=np.uint8))
        return matches.astype(np.uint16)


def _movable(rules: list[Rule], routes: Mapping[int, Route]) -> npt.NDArray[np.bool_]:
    """Of each route code, whether a mass change is about it."""
    found = np.zeros(1 << 16, dtype=bool)
    for code, route in routes.items():
        found[code] = any(steps.moves(rule, route) for rule in rules)
    return found


def _directory(own: Steps, after: npt.NDArray[np.uint64]) -> tuple[int, Numbers, npt.NDArray[np.void]]:
    """The bits that name a word of the directory, the directory, and the steps in the order of their keys."""
    keys = own.group * np.uint64(MIX)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    laid = _laid(own.where(order), keys, after)
    distinct = 1 + int(np.count_nonzero(keys[1:] != keys[:-1]))
    bits = max(_BITS_MIN, (distinct - 1).bit_length() - 1)
    bucket = (keys >> np.uint64(64 - bits)).astype(np.intp)
    directory: Numbers = np.searchsorted(bucket, np.arange((1 << bits) + 1)).astype(np.uint64)
    if len(keys):
        opens = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
        tags = np.uint64(1) << (keys >> np.uint64(64 - bits - _TAG_BITS) & np.uint64((1 << _TAG_BITS) - 1))
        directory[bucket[opens]] |= np.bitwise_or.reduceat(tags, opens) << np.uint64(32)
    return bits, directory, laid


def _laid(found: Steps, keys: Numbers, after: npt.NDArray[np.uint64]) -> npt.NDArray[np.void]:
    laid = np.zeros(len(found), dtype=_STEP)
    laid["key"], laid["starts"], laid["code"] = keys, found.starts, found.code
    laid["rule"] = np.searchsorted(after, found.place, side="right")
    return laid


def _cells(cells: Cells) -> npt.NDArray[np.void]:
    laid = np.zeros(len(cells.first), dtype=_CELL)
    place = np.arange(len(cells.first), dtype=np.uint64)
    laid["first"], laid["last"], laid["by_snapshot"] = cells.first, cells.last, cells.by_snapshot
    laid["begin"] = np.searchsorted(cells.steps.group, place, side="left")
    laid["end"] = np.searchsorted(cells.steps.group, place, side="right")
    return laid


def _rules(rules: list[Rule], labels: Labels) -> npt.NDArray[np.void]:
    """The mass changes with places among the labels instead of texts; -1 for any routing number, -2 for one of none."""
    carriers = {carrier: place for place, carrier in enumerate(labels.carriers.to_pylist())}
    digits = {text: place for place, text in enumerate(labels.routing_numbers.to_pylist())}
    laid = np.zeros(len(rules), dtype=_RULE)
    for row, rule in enumerate(rules):
        number = -1 if rule.digits is None else digits.get(rule.digits)
        nobody = number is None or rule.carrier not in carriers
        laid[row] = (
            *(rule.first, rule.last, rule.starts),
            -2 if nobody else carriers[rule.carrier],
            -1 if number is None else number,
            *(rule.code, 0, 0),
        )
    return laid
