"""Rows of deltas as integers: the facts that decide who serves a number, whatever the order they are looked at.

Each row of the chain has an ordinal, its place after the snapshot it is counted from. A fact is in force from its
effective moment on; of the facts in force about one number, the one with the highest ordinal counts. So the state
at any moment is a filter over facts and needs no order of events:

    entries   number -> route code, 0 where the number was released
    ranges    first to last -> route code, 0 where withdrawn
    rules     every code before the rule -> another one, for the numbers first to last; or, without a map, the
              release of every number in them that has an entry
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip.exchange.changes import CHANGES, Operation
from portdip.number import LIMIT
from portdip.table.catalogue import Catalogue

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]
Ordinals = npt.NDArray[np.uint32]
Moments = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

#: The effective moment of what is in force at once; moments are microseconds since 1970, UTC.
AT_ONCE = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Entries:
    """Facts about single numbers: columns of one length. `donor` is a row of the carriers from 1, 0 for none."""

    number: Numbers
    code: Codes
    donor: Codes
    ordinal: Ordinals
    effective: Moments

    def __len__(self) -> int:
        return len(self.number)

    def where(self, chosen: Mask | Places) -> Entries:
        """Those facts that a mask picks, or those at some places, in their order."""
        return Entries(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Ranges:
    """Facts about who holds an interval: columns of one length."""

    first: Numbers
    last: Numbers
    code: Codes
    ordinal: Ordinals
    effective: Moments

    def __len__(self) -> int:
        return len(self.first)

    def where(self, chosen: Mask | Places) -> Ranges:
        """Those facts that a mask picks, or those at some places, in their order."""
        return Ranges(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Rule:
    """A mass change: codes in order of code, shape (65536,), to codes; or the release of an interval (None)."""

    ordinal: int
    first: int
    last: int
    codes: Codes | None
    effective: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts in some rows of the chain, and the ordinal after the last of them."""

    entries: Entries
    ranges: Ranges
    rules: list[Rule] = field(default_factory=list)
    end: int = 1

    def in_force(self, moment: int) -> tuple[Facts, Facts]:
        """The facts in force at `moment` (microseconds since 1970), and those to come."""
        entries, ranges = self.entries.effective > moment, self.ranges.effective > moment
        rules = [rule for rule in self.rules if rule.effective > moment]
        if not entries.any() and not ranges.any() and not rules:
            return self, none(self.end)
        now = [rule for rule in self.rules if rule.effective <= moment]
        return (
            Facts(self.entries.where(~entries), self.ranges.where(~ranges), now, self.end),
            Facts(self.entries.where(entries), self.ranges.where(ranges), rules, self.end),
        )

    def first_moment(self) -> int:
        """The earliest effective moment of the facts, which are not none."""
        return min(self._moments(np.min))

    def last_moment(self) -> int:
        """The latest effective moment of the facts, which are not none."""
        return max(self._moments(np.max))

    def _moments(self, pick: Callable[[Moments], np.int64]) -> list[int]:
        columns = (self.entries.effective, self.ranges.effective)
        return [int(pick(column)) for column in columns if len(column)] + [rule.effective for rule in self.rules]

    def __bool__(self) -> bool:
        return bool(len(self.entries) or len(self.ranges) or self.rules)


def none(end: int = 1) -> Facts:
    """No facts; the next row has the ordinal `end`."""
    return Facts(_NO_ENTRIES, _NO_RANGES, [], end)


def join(parts: list[Facts]) -> Facts:
    """The facts of all parts, which are in the order of the chain and not none."""
    if len(parts) == 1:
        return parts[0]

    def columns(kind: str) -> list[Any]:
        kinds = [getattr(part, kind) for part in parts]
        return [np.concatenate([getattr(one, name) for one in kinds]) for name in kinds[0].__dataclass_fields__]

    rules = [rule for part in parts for rule in part.rules]
    return Facts(Entries(*columns("entries")), Ranges(*columns("ranges")), rules, parts[-1].end)


def read(rows: pa.Table, begin: int, catalogue: Catalogue) -> Facts:
    """The facts in rows of schema `CHANGES`, which keep the rules of `change_rules`; the first has the ordinal `begin`.

    New routes and carriers get codes in `catalogue`, those of `carrier` and `route` rows first, then those of single
    numbers, then those of many. Raises RoutesFullError when there are none left.
    """
    (batch,) = rows.combine_chunks().to_batches() or [_NO_ROWS]
    operation = batch.column("operation").to_numpy()
    ordinal = np.arange(begin, begin + len(batch), dtype=np.uint32)
    single: Mask = operation <= Operation.RELEASE
    if not single.all():
        _tell(batch, operation, catalogue)
    last = batch.column("last")
    if last.null_count < len(batch):
        single &= last.is_null().to_numpy(zero_copy_only=False)
    if single.all():
        return Facts(_entries(batch, ordinal, catalogue), _NO_RANGES, [], begin + len(batch))
    entries = _entries(batch.filter(pa.array(single)), ordinal[single], catalogue)
    ranges, rules = _of_many(batch, np.flatnonzero(~single), ordinal, catalogue)
    return Facts(entries, ranges, rules, begin + len(batch))


def newest(entries: Entries) -> Entries:
    """Of each number the fact with the highest ordinal, in order of numbers."""
    order = np.lexsort((entries.ordinal, entries.number))
    number = entries.number[order]
    keep = np.ones(len(order), dtype=bool)
    keep[:-1] = number[1:] != number[:-1]
    return entries.where(order[keep])


def _entries(batch: pa.RecordBatch, ordinal: Ordinals, catalogue: Catalogue) -> Entries:
    return Entries(
        batch.column("number").to_numpy(),
        catalogue.codes(batch.column("carrier"), batch.column("routing_number")),
        catalogue.donors(batch.column("donor")),
        ordinal,
        _moments(batch.column("effective")),
    )


def _of_many(
    batch: pa.RecordBatch, places: Places, ordinal: Ordinals, catalogue: Catalogue
) -> tuple[Ranges, list[Rule]]:
    """The facts about more than one number, in the rows at `places`."""
    ranges, rules = [], []
    moments = _moments(batch.column("effective"))[places].tolist()
    rows = batch.take(pa.array(places)).to_pylist()
    for row, place, effective in zip(rows, ordinal[places].tolist(), moments, strict=True):
        operation, first, last = row["operation"], row["number"], row["last"]
        if operation in (Operation.ASSIGN, Operation.WITHDRAW):
            code = catalogue.code(row["carrier"], row["routing_number"] or "")
            ranges.append((first, last, code, place, effective))
        elif operation == Operation.RELEASE:
            rules.append(Rule(place, first, last, None, effective))
        elif operation == Operation.MASS_CHANGE:
            codes = _mapped(row, catalogue)
            rules.append(Rule(place, first or 1, last or LIMIT - 1, codes, effective))
    return _ranges(ranges), rules


def _ranges(rows: list[tuple[int, int, int, int, int]]) -> Ranges:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    kinds = (np.uint64, np.uint64, np.uint16, np.uint32, np.int64)
    return Ranges(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


def _mapped(row: dict[str, Any], catalogue: Catalogue) -> Codes:
    """What each code becomes by a mass change."""
    codes = np.arange(1 << 16, dtype=np.uint16)
    target = catalogue.code(row["carrier"], row["routing_number"] or "")
    codes[catalogue.codes_of(row["donor"], row["donor_routing_number"])] = target
    return codes


def _moments(effective: pa.Array) -> Moments:
    if effective.null_count == len(effective):
        return np.full(len(effective), AT_ONCE)
    moments: Moments = effective.cast(pa.int64()).fill_null(AT_ONCE).to_numpy()
    return moments


def _tell(batch: pa.RecordBatch, operation: npt.NDArray[np.uint8], catalogue: Catalogue) -> None:
    """Take the rows about carriers and routes, in order."""
    told = (operation >= Operation.CARRIER) & (operation <= Operation.RETIRE_ROUTE)
    for row in batch.filter(pa.array(told)).to_pylist():
        what, carrier, digits = Operation(row["operation"]), row["carrier"], row["routing_number"] or ""
        if what is Operation.CARRIER:
            catalogue.rename(carrier, row["text"])
        elif what is Operation.RETIRE_CARRIER:
            catalogue.retire_carrier(carrier)
        elif what is Operation.ROUTE:
            catalogue.name_route(carrier, digits)
        else:
            catalogue.retire_route(carrier, digits)


_NO_ROWS = pa.RecordBatch.from_pylist([], schema=CHANGES)
_NO_RANGES = _ranges([])
_NO_ENTRIES = _entries(_NO_ROWS, np.empty(0, dtype=np.uint32), Catalogue.empty())
