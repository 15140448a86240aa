"""When something was said of single numbers: each with each moment at which it may have moved, and the donor named.

From the history, the deltas that are in none yet, and the table, whose rows an import may have dated. What was so at
these moments, and just before, `portdip.lookup.timeline` tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip.exchange.changes import Operation
from portdip.lookup.generation import Generation
from portdip.lookup.past_columns import NEVER_SAID, Moments, Numbers, tables
from portdip.lookup.reverse import SLICE_ROWS
from portdip.table.outstanding import microseconds
from portdip.table.store import Store

#: Places of carriers among `Said.carriers`, UNKNOWN for none.
Carriers = npt.NDArray[np.int32]
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Instants:
    """Columns of one length, by number: a moment (microseconds since 1970, UTC), and the donor named, if any.

    `told` is False for a number of which only the table says anything: it had no entry before its moment.
    """

    number: Numbers
    moment: Moments
    donor: Carriers
    told: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Instants:
        """Those that a mask or a slice picks, or those at some places."""
        return Instants(self.number[chosen], self.moment[chosen], self.donor[chosen], self.told[chosen])

    @classmethod
    def joined(cls, parts: list[Instants]) -> Instants:
        """All parts, by number and moment, each pair of both once; of its donors one that was named."""
        both = (np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__)
        every = cls(*both)
        every = every.where(np.lexsort((every.donor, every.moment, every.number)))
        last = np.ones(len(every), dtype=bool)
        last[:-1] = (every.number[1:] != every.number[:-1]) | (every.moment[1:] != every.moment[:-1])
        return every.where(last)


class Said:
    """What was said after `since` and up to `until` (microseconds since 1970, UTC), up to the sequence of `generation`.

    What history has is in memory, the table is read a slice at a time. Opening raises StoreError or DeltaError for
    damage met on the way, and StoreError where what the generation was made of has been pruned since. For one thread.
    """

    def __init__(self, store: Store, generation: Generation, since: int, until: int) -> None:
        self._since, self._until = since, until
        self._generation = generation
        imports: dict[int, int] = {}
        singles = []
        for of_one, of_many in tables(store, generation):
            singles.append(of_one)
            for row in of_many.filter(pc.equal(of_many.column("operation"), Operation.SNAPSHOT)).to_pylist():
                imports[row["sequence"]] = microseconds(row["created"])
        self._brought = np.array(sorted(imports), dtype=np.uint64)
        self._created = np.array([imports[each] for each in sorted(imports)], dtype=np.int64)
        donors = [*generation.snapshot.carriers, *_donors(singles)]
        serving = generation.labels.carriers.to_pylist()
        #: Ids of carriers: those of the labels of `generation`, at their places, then those that are donors only.
        self.carriers: pa.Array = pa.array(dict.fromkeys([*serving, *donors]), pa.string())
        self._donors: Carriers = _places(pa.array([None, *generation.snapshot.carriers], pa.string()), self.carriers)
        found = [self._of_history(batch) for table in singles for batch in table.to_batches() if len(batch)]
        every = Instants.joined([_NONE, *found])
        self._numbers = np.unique(every.number)
        self._told = every.where((since < every.moment) & (every.moment <= until))

    def instants(self) -> Iterator[Instants]:
        """In the order of numbers, each number and moment once, some hundred thousand at a time."""
        taken, told = 0, self._told
        for rows in self._generation.snapshot.numbers.to_batches(max_chunksize=SLICE_ROWS):
            if len(rows):
                upto = int(np.searchsorted(told.number, rows.column("number").to_numpy()[-1], side="right"))
                yield Instants.joined([told.where(slice(taken, upto)), self._of_table(rows)])
                taken = upto
        yield told.where(slice(taken, None))

    def _of_table(self, rows: pa.RecordBatch) -> Instants:
        """What rows of the table say: when the port took place, or when it was imported.

        The latter only of numbers that were known before: else it has been so since nobody knows when.
        """
        donors = self._donors[rows.column("donor").to_numpy()]
        nothing = np.full(len(rows), NEVER_SAID)
        found = self._dated(rows, rows.column("version").to_numpy(), nothing, donors)
        place = np.searchsorted(self._numbers, found.number)
        told = np.append(self._numbers, np.uint64(0))[place] == found.number
        known = told | rows.column("effective").is_valid().to_numpy(zero_copy_only=False)
        asked = known & (self._since < found.moment) & (found.moment <= self._until)
        return replace(found, told=told).where(asked)

    def _of_history(self, batch: pa.RecordBatch) -> Instants:
        donors = _places(batch.column("donor"), self.carriers)
        return self._dated(batch, batch.column("sequence").to_numpy(), _moments(batch.column("created")), donors)

    def _dated(
        self, rows: pa.RecordBatch, sequence: npt.NDArray[np.uint64], created: Moments, donors: Carriers
    ) -> Instants:
        """The moment of each row, NEVER_SAID for none. What an import brought has been so since then at the latest."""
        moments = _moments(rows.column("effective"))
        if len(self._brought):
            place = np.searchsorted(self._brought, sequence)
            imported = np.append(self._brought, np.uint64(0))[place] == sequence
            when = np.append(self._created, NEVER_SAID)[place]
            moments = np.where(imported & ((moments > when) | (moments == NEVER_SAID)), when, moments)
        moments = np.where(moments == NEVER_SAID, created, moments)
        return Instants(rows.column("number").to_numpy(), moments, donors, np.ones(len(rows), dtype=bool))


_NONE = Instants(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.bool_))


def _donors(singles: list[pa.Table]) -> list[str]:
    """The ids of all donors."""
    found: set[str] = set()
    for table in singles:
        found.update(pc.unique(table.column("donor")).drop_null().to_pylist())
    return sorted(found)


def _places(ids: pa.Array, carriers: pa.Array) -> Carriers:
    found: Carriers = pc.index_in(ids, carriers).fill_null(UNKNOWN).to_numpy()
    return found


def _moments(column: pa.Array) -> Moments:
    found: Moments = column.cast(pa.int64()).fill_null(NEVER_SAID).to_numpy()
    return found
