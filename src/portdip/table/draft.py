"""The next snapshot in the making: the table so far, what the chain has changed since, and rows of an import.

    for batch in feed.rows(...):
        draft.add(batch)
    build an index of draft.ranges and draft.merge() under draft.image

and the store that handed out the draft publishes it. A draft without rows of its own folds the chain into a
snapshot. Everything is written under the draft's own directory; a draft that is dropped leaves no trace in the
store. For one writer, in one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from portdip import files
from portdip.exchange import rows
from portdip.exchange.changes import Operation
from portdip.exchange.delta import Delta
from portdip.table import facts, merge, past, schema
from portdip.table.catalogue import Catalogue, Labels
from portdip.table.manifest import Seal
from portdip.table.nested import Nest, differences, said
from portdip.table.net import Net
from portdip.table.outstanding import Outstanding, microseconds
from portdip.table.snapshot import Snapshot

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]


class Draft:
    """The snapshot with the number `sequence` over `base` (None: the first one), true for `moment`.

    Written into `path`, an empty directory, using `spill`, another. `deltas` follow the base. `on_repeat` hears of
    a number that an import brings twice (`portdip.table.merge.OnRepeat`) and may raise.
    """

    def __init__(
        self,
        path: Path,
        spill: Path,
        sequence: int,
        base: Snapshot | None,
        deltas: list[Delta],
        moment: datetime,
        on_repeat: merge.OnRepeat,
    ) -> None:
        self.path = path
        self.sequence = sequence
        self.moment = moment
        #: Rows of numbers and ranges imported, repeats not among them; how many rows of the table gave way to them.
        self.taken = 0
        self.rows_replaced = 0
        self._events: list[pa.Table] = []
        self._base_numbers = base.numbers if base else schema.NUMBERS.empty_table()
        self._base_nest = Nest.of(base.ranges if base else schema.RANGES.empty_table())
        self._catalogue = Catalogue.empty()
        self._net = Net(0, facts.none(), np.zeros(1, dtype=np.uint64))
        self._pending = schema.PENDING.empty_table()
        if base:
            self._fold(base, deltas)
        self._on_repeat = on_repeat
        self._runs = merge.Runs(spill, self.repeated)
        self._new_ranges: list[pa.RecordBatch] = []
        self._numbers_taken = 0
        self._numbers_written: int | None = None

    @property
    def image(self) -> Path:
        """Where the index of this snapshot is to be written before the draft is sealed."""
        return self.path / schema.IMAGE_FILE

    @property
    def rows_max(self) -> int:
        """The most rows `merge` can give: all that were taken, all changed, and all of the table so far."""
        return self._numbers_taken + len(self._net.facts.entries) + len(self._base_numbers)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one batch of any schema in `portdip.exchange.rows`.

        Raises RoutesFullError when the store has no code left for a route or carrier.
        """
        if batch.schema == rows.RANGES:
            codes = self._catalogue.codes(batch.column("carrier"), batch.column("routing_number"))
            columns = [batch.column("first"), batch.column("last"), pa.array(codes)]
            self._new_ranges.append(pa.record_batch(columns, schema=schema.RANGES))
            self.taken += len(batch)
        elif batch.schema == rows.CARRIERS:
            self._catalogue.name(batch)
        else:
            assert batch.schema in (rows.NUMBERS, rows.PLACED_NUMBERS), batch.schema
            self._add_numbers(batch)

    @cached_property
    def ranges(self) -> npt.NDArray[np.uint64]:
        """All ranges of the snapshot, shape (n, 3): first, last, route code; outer before inner.

        A new range replaces an older one of the same interval. New ones that contradict each other are all
        there, for the index to refuse. To be read when all rows have been added.
        """
        if not self._new_ranges:
            return _as_rows(self._nest)
        new = Nest.of(pa.Table.from_batches(self._new_ranges, schema.RANGES))
        nest = new.and_also(self._nest)
        older = np.arange(len(nest.first)) >= len(new.first)
        order = np.lexsort((nest.code, older, ~nest.last, nest.first))
        nest, older = nest.where(order), older[order]
        same = (nest.first[1:] == nest.first[:-1]) & (nest.last[1:] == nest.last[:-1])
        kept = np.ones(len(older), dtype=bool)
        kept[1:] = ~same | (~older[1:] & (nest.code[1:] != nest.code[:-1]))
        self.rows_replaced += int(np.count_nonzero(older & ~kept))
        return _as_rows(nest.where(kept))

    @cached_property
    def _nest(self) -> Nest:
        """The ranges of the table so far after the chain's changes."""
        return self._net.ranges(self._base_nest)

    def merge(self) -> Iterator[tuple[Numbers, Codes]]:
        """The numbers of the snapshot, strictly increasing, and their route codes, batch by batch.

        Writes numbers.arrow on the way, so it must be read to its end, once, when all rows have been added.
        """
        runs = self._runs.finish()
        batches = merge.merge(runs, self._base_numbers, self._net, self.sequence, self)
        written = 0
        with (
            files.create(self.path / schema.NUMBERS_FILE) as file,
            pa.ipc.new_file(file, schema.NUMBERS) as writer,
        ):
            for batch in merge.filled(batches):
                writer.write_batch(batch)
                written += len(batch)
                yield batch.column("number").to_numpy(), batch.column("route").to_numpy()
        self._numbers_written = written

    @cached_property
    def seals(self) -> dict[str, Seal]:
        """The seals of all files but the manifest; asking for them writes the small tables."""
        for name, table in self._tables.items():
            with files.create(self.path / name) as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        names = (schema.NUMBERS_FILE, *self._tables, schema.IMAGE_FILE)
        return {name: Seal.of(self.path / name) for name in names}

    @property
    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        assert self._numbers_written is not None, "merge was not read to its end"
        others = {name.removesuffix(".arrow"): len(table) for name, table in self._tables.items()}
        return {"numbers": self._numbers_written} | others

    @cached_property
    def _tables(self) -> dict[str, pa.Table]:
        """The small tables, by file."""
        return {
            schema.RANGES_FILE: pa.table(
                [self.ranges[:, 0], self.ranges[:, 1], self.ranges[:, 2].astype(np.uint16)],
                schema=schema.RANGES,
            ),
            schema.ROUTES_FILE: self._catalogue.route_table(),
            schema.CARRIERS_FILE: self._catalogue.carrier_table(),
            schema.PENDING_FILE: self._pending,
        }

    def repeated(self, number: int, place: int, place_kept: int) -> None:
        """Hear of a number that comes twice in the import: not for callers of a draft, as the next two."""
        self._on_repeat(number, place, place_kept)
        self.taken -= 1
        self._numbers_taken -= 1

    def replaced(self, count: int) -> None:
        """Hear of rows that gave way to imported ones."""
        self.rows_replaced += count

    def superseded(self, rows: pa.RecordBatch) -> None:
        """Keep rows of the table so far that give way, as events."""
        columns: dict[str, pa.Array] = {
            "operation": pa.array(np.full(len(rows), Operation.PORT, dtype=np.uint8)),
            "number": rows.column("number"),
            "carrier": self._labels.carriers.take(rows.column("route")),
            "routing_number": self._labels.routing_numbers.take(rows.column("route")),
            "donor": self._labels.donors.take(rows.column("donor")),
            "effective": rows.column("effective"),
        }
        self._events.append(past.of_table(rows.column("version"), past.BEFORE, **columns))

    @property
    def events(self) -> list[pa.Table]:
        """What becomes history with this snapshot, schema `past.EVENTS`. To be asked when the draft is complete."""
        events = list(self._events)
        assigned = self._net.facts.ranges
        if len(assigned):
            events.append(self._before(assigned.first, assigned.last))
        if self._new_ranges:
            final = Nest.of(self._tables[schema.RANGES_FILE])
            changed = differences(self._nest, final)
            events.append(self._before(*changed))
            events.append(self._as_events(said(final, *changed), self.sequence, past.IMPORTED))
        return events

    def close(self) -> None:
        """Let go of files still open."""
        self._runs.close()

    def _fold(self, base: Snapshot, deltas: list[Delta]) -> None:
        """Take what the chain has changed since the base, up to the moment the draft is for."""
        outstanding = Outstanding(base)
        found = [outstanding.facts]
        rows_so_far = [base.pending]
        for delta in deltas:
            found.append(outstanding.take(delta))
            events = past.events(delta)
            self._events.append(events)
            rows_so_far.append(events.select(schema.PENDING.names))
        self._catalogue = outstanding.catalogue
        in_force, to_come = facts.join(found).in_force(microseconds(self.moment))
        self._net = Net(base.manifest.sequence, in_force, outstanding.sequence_of())
        self._pending = self._still_to_come(pa.concat_tables(rows_so_far), to_come)

    def _still_to_come(self, chain: pa.Table, to_come: facts.Facts) -> pa.Table:
        """The rows of the facts to come, where `chain` has those of all facts, with the routes they will have."""
        assert not len(to_come.ranges), "the store folds no further than to changes of many numbers to come"
        assert not to_come.rules, "the store folds no further than to changes of many numbers to come"
        entries, moved = self._net.to_come(to_come.entries)
        rows = chain.take(pa.array(entries.ordinal - np.uint32(1))).combine_chunks()
        if moved.any():
            labels = Labels.of(self._catalogue)
            for name, texts in (("carrier", labels.carriers), ("routing_number", labels.routing_numbers)):
                changed = pc.if_else(pa.array(moved), texts.take(pa.array(entries.code)), rows.column(name))
                rows = rows.set_column(rows.schema.get_field_index(name), schema.PENDING.field(name), changed)
        return rows

    def _before(self, first: Numbers, last: Numbers) -> pa.Table:
        """Who the table so far says holds some intervals, as events."""
        before = said(self._base_nest, first, last)
        return self._as_events(before.where(before.code != 0), self._net.since, past.BEFORE)

    def _as_events(self, flat: Nest, sequence: int, row: int) -> pa.Table:
        codes = pa.array(flat.code)
        return past.of_table(
            pa.array(np.full(len(codes), sequence, dtype=np.uint64)),
            row,
            operation=pa.array(np.where(flat.code == 0, Operation.WITHDRAW, Operation.ASSIGN).astype(np.uint8)),
            number=pa.array(flat.first),
            last=pa.array(flat.last),
            carrier=self._labels.carriers.take(codes),
            routing_number=self._labels.routing_numbers.take(codes),
        )

    @cached_property
    def _labels(self) -> Labels:
        """The texts behind the codes; to be asked when all rows have been added."""
        return Labels.of(self._catalogue)

    def _add_numbers(self, batch: pa.RecordBatch) -> None:
        self._runs.add(merge.imported(batch, self._catalogue))
        self.taken += len(batch)
        self._numbers_taken += len(batch)


def _as_rows(nest: Nest) -> npt.NDArray[np.uint64]:
    return np.column_stack([nest.first, nest.last, nest.code.astype(np.uint64)])
