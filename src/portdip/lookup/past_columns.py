"""All that the store knows of the past, in columns: what `history` reads for one number, for all of them at once.

Changes of single numbers stay columns from the files to the end; of the others, which are few, mass changes and
releases of intervals become rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip.errors import UnknownRouteError
from portdip.exchange.changes import Operation
from portdip.lookup.generation import Generation
from portdip.lookup.history import in_no_history
from portdip.number import LIMIT
from portdip.table import past
from portdip.table.facts import AT_ONCE
from portdip.table.outstanding import microseconds
from portdip.table.store import Store

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]
Moments = npt.NDArray[np.int64]
Places = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

#: A place in the chain as one integer: the sequence above, the row in the delta below, and a bit between them for what
#: comes after all rows of a delta. Sequences below 2^31: a delta a second for 68 years.
ROW_BITS = 33
SEQUENCES_MAX = 1 << 31
#: Where no moment is given.
NEVER_SAID = AT_ONCE


def places(sequence: npt.NDArray[np.uint64], row: npt.NDArray[np.uint32]) -> Places:
    """Places in the chain as integers in the order of the chain."""
    assert not len(sequence) or int(sequence.max()) < SEQUENCES_MAX
    found: Places = (sequence << np.uint64(ROW_BITS)) | row
    return found


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of intervals: columns of one length; of single numbers, `last` is `first`.

    `code` is 0 where a number was released or a range withdrawn. `created` and `effective` are microseconds since 1970,
    NEVER_SAID for none.
    """

    first: Numbers
    last: Numbers
    code: Codes
    place: Places
    created: Moments
    effective: Moments

    def __len__(self) -> int:
        return len(self.first)

    def where(self, chosen: Mask | npt.NDArray[np.intp] | slice) -> Changes:
        """Those that a mask picks, or those at some places of the columns, in their order; all of them uncopied."""
        if isinstance(chosen, np.ndarray) and chosen.dtype == bool and chosen.all():
            return self
        return Changes(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @property
    def sequence(self) -> npt.NDArray[np.uint64]:
        """The delta of each."""
        found: npt.NDArray[np.uint64] = self.place >> np.uint64(ROW_BITS)
        return found

    @property
    def is_before(self) -> Mask:
        """Which of them are rows of the table that changes replaced."""
        found: Mask = (self.place & np.uint64((1 << ROW_BITS) - 1)) == past.BEFORE
        return found

    @classmethod
    def joined(cls, parts: list[Changes]) -> Self:
        """The changes of all parts, one part after another."""
        kinds = (np.uint64, np.uint64, np.uint16, np.uint64, np.int64, np.int64)
        columns = zip(fields(cls), kinds, strict=True)
        return cls(
            *(
                np.concatenate([np.empty(0, kind), *(getattr(part, field.name) for part in parts)])
                for field, kind in columns
            )
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A mass change: its interval, the old route (`digits` None: any routing number), and the code of the new one."""

    place: int
    first: int
    last: int
    starts: int
    carrier: str
    digits: str | None
    code: int


@dataclass(frozen=True, slots=True)
class Past:
    """Everything known: changes of single numbers, releases of intervals, changes of ranges, mass changes by place.

    `imports` has the moment of each import by its sequence. `begins` is when history begins: what is said of earlier
    moments and has no date is not known, but was so later.
    """

    singles: Changes
    releases: Changes
    ranges: Changes
    rules: list[Rule]
    imports: dict[int, int]
    begins: int


def read(store: Store, generation: Generation) -> Past:
    """The past up to the sequence of `generation`. Raises as `history.history` does."""
    codes = _Codes(generation)
    singles, others = [], []
    rules: dict[int, Rule] = {}
    imports: dict[int, int] = {}
    first_created: list[int] = []
    for of_one, of_many in tables(store, generation):
        oldest = (pc.min(table.column("created")).as_py() for table in (of_one, of_many))
        first_created += [microseconds(created) for created in oldest if created]
        singles += [_changes(batch, codes) for batch in of_one.to_batches() if len(batch)]
        operation = of_many.column("operation")
        for row in of_many.filter(pc.equal(operation, Operation.MASS_CHANGE)).to_pylist():
            rule = _rule(row, codes)
            rules[rule.place] = rule
        for row in of_many.filter(pc.equal(operation, Operation.SNAPSHOT)).to_pylist():
            imports[row["sequence"]] = microseconds(row["created"])
        others += [(batch, _changes(batch, codes)) for batch in of_many.filter(_is_kept(operation)).to_batches()]
    released = [_operations(batch) == Operation.RELEASE for batch, _ in others]
    return Past(
        Changes.joined(singles),
        Changes.joined([changes.where(mask) for (_, changes), mask in zip(others, released, strict=True)]),
        Changes.joined([changes.where(~mask) for (_, changes), mask in zip(others, released, strict=True)]),
        [rules[place] for place in sorted(rules)],
        imports,
        _begins(store, generation, first_created),
    )


def tables(store: Store, generation: Generation) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Changes of single numbers and the others, a stretch or a delta at a time, in the order of the chain."""
    yield from store.past.all(generation.snapshot.manifest.sequence)
    for delta in in_no_history(store, generation):
        events = past.events(delta)
        single = past.is_of_one_number(events)
        yield events.filter(single), events.filter(pc.invert(single))


def _begins(store: Store, generation: Generation, created: list[int]) -> int:
    base = store.chain.base
    first = next((int(path.name.partition("-")[0]) for path in store.past.stretches()), base.sequence + 1)
    whole = base.sequence > 0 and first == base.sequence + 1
    known: list[datetime] = [base.created] if whole else []
    return min([*created, *map(microseconds, known)], default=microseconds(generation.as_of))


def _is_kept(operation: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of the changes of many are of ranges, or release an interval."""
    wanted = pa.array([Operation.RELEASE, Operation.ASSIGN, Operation.WITHDRAW], pa.uint8())
    return pc.is_in(operation, wanted)


def _operations(batch: pa.RecordBatch) -> npt.NDArray[np.uint8]:
    found: npt.NDArray[np.uint8] = batch.column("operation").to_numpy()
    return found


def _changes(batch: pa.RecordBatch, codes: _Codes) -> Changes:
    first = batch.column("number")
    return Changes(
        first.to_numpy(zero_copy_only=False),
        pc.coalesce(batch.column("last"), first).to_numpy(zero_copy_only=False),
        codes.of(batch.column("carrier"), batch.column("routing_number")),
        places(batch.column("sequence").to_numpy(), batch.column("row").to_numpy()),
        _moments(batch.column("created")),
        _moments(batch.column("effective")),
    )


def _moments(column: pa.Array) -> Moments:
    found: Moments = column.cast(pa.int64()).fill_null(NEVER_SAID).to_numpy()
    return found


def _rule(row: dict[str, Any], codes: _Codes) -> Rule:
    place = places(np.array([row["sequence"]], dtype=np.uint64), np.array([row["row"]], dtype=np.uint32))
    return Rule(
        int(place[0]),
        row["number"] or 1,
        row["last"] or row["number"] or LIMIT - 1,
        microseconds(row["effective"] or row["created"]),
        row["donor"],
        row["donor_routing_number"],
        codes.of_one(row["carrier"], row["routing_number"] or ""),
    )


class _Codes:
    """The codes of routes by what they are called."""

    def __init__(self, generation: Generation) -> None:
        self._codes: dict[tuple[str, str], int] = {}
        for code, route in generation.routes.items():
            self._codes.setdefault((route.carrier.id, route.routing_number), code)

    def of_one(self, carrier: str, digits: str) -> int:
        """The code of a route; UnknownRouteError if the table has none."""
        try:
            return self._codes[carrier, digits]
        except KeyError:
            raise UnknownRouteError(
                "the history names a route that the store does not have",
                got=f"carrier {carrier}, routing number {digits or 'none'}",
                fix="Run `portdip verify` on the store.",
            ) from None

    def of(self, carriers: pa.Array, digits: pa.Array) -> Codes:
        """The code of each pair, 0 where the carrier is null; each distinct pair is met once in Python."""
        if carriers.null_count == len(carriers):
            return np.zeros(len(carriers), dtype=np.uint16)
        carrier, digit = (column.dictionary_encode(null_encoding="encode") for column in (carriers, digits))
        width = len(digit.dictionary)
        pair = carrier.indices.to_numpy().astype(np.int64) * width + digit.indices.to_numpy()
        pairs = pa.array(pair).dictionary_encode()
        names, texts = carrier.dictionary.to_pylist(), digit.dictionary.to_pylist()
        codes = [
            0 if (name := names[each // width]) is None else self.of_one(name, texts[each % width] or "")
            for each in pairs.dictionary.to_pylist()
        ]
        found: Codes = np.array(codes, dtype=np.uint16)[pairs.indices.to_numpy()]
        return found
