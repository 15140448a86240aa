"""The next snapshot in the making: rows go in, sorted numbers come out for the index, then all of it is
sealed.

    for batch in feed.rows(...):
        draft.add(batch)
    build an index of draft.ranges and draft.merge() under draft.image

and the store that handed out the draft publishes it. Everything is written under the draft's own directory; a
draft that is dropped leaves no trace in the store. For one writer, in one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip import files
from portdip.exchange import rows
from portdip.table import merge, schema
from portdip.table.catalogue import Catalogue
from portdip.table.manifest import Manifest, Seal
from portdip.table.snapshot import Snapshot

Numbers = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint16]


class Draft:
    """The snapshot after `base` (None: the first), written into `path`, an empty directory, using `spill`,
    another.

    `on_repeat` hears of a number that comes twice (`portdip.table.merge.OnRepeat`) and may raise.
    """

    def __init__(self, path: Path, spill: Path, dataset: str, base: Snapshot | None, on_repeat: merge.OnRepeat) -> None:
        self.path = path
        self.sequence = base.manifest.sequence + 1 if base else 0
        #: Rows of numbers and ranges taken, repeats not among them; how many of the table so far they
        #: replace.
        self.taken = 0
        self.replaced = 0
        self._dataset = dataset
        self._previous = base.manifest.digest if base else ""
        self._began = datetime.now(UTC)
        self._base_numbers = base.numbers if base else schema.NUMBERS.empty_table()
        self._base_ranges = base.ranges if base else schema.RANGES.empty_table()
        self._catalogue = Catalogue(
            base.carrier_table if base else schema.CARRIERS.empty_table(),
            base.route_table if base else schema.ROUTES.empty_table(),
        )
        self._on_repeat = on_repeat
        self._runs = merge.Runs(spill, self._repeat)
        self._new_ranges: list[pa.RecordBatch] = []
        self._numbers_taken = 0
        self._numbers_written: int | None = None

    @property
    def image(self) -> Path:
        """Where the index of this snapshot is to be written before the draft is sealed."""
        return self.path / schema.IMAGE_FILE

    @property
    def rows_max(self) -> int:
        """The most rows `merge` can give: all that were taken and all of the table so far."""
        return self._numbers_taken + len(self._base_numbers)

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
        tables = [pa.Table.from_batches(self._new_ranges, schema.RANGES), self._base_ranges]
        first, last, route = (
            np.concatenate([table.column(name).to_numpy() for table in tables]) for name in schema.RANGES.names
        )
        older = np.arange(len(first)) >= len(tables[0])
        order = np.lexsort((route, older, ~last, first))
        first, last, route, older = first[order], last[order], route[order], older[order]
        same = (first[1:] == first[:-1]) & (last[1:] == last[:-1])
        kept = np.ones(len(first), dtype=bool)
        kept[1:] = ~same | (~older[1:] & (route[1:] != route[:-1]))
        self.replaced += int(np.count_nonzero(older & ~kept))
        return np.column_stack([first, last, route.astype(np.uint64)])[kept]

    def merge(self) -> Iterator[tuple[Numbers, Codes]]:
        """The numbers of the snapshot, strictly increasing, and their route codes, batch by batch.

        Writes numbers.arrow on the way, so it must be read to its end, once, when all rows have been added.
        """
        batches = merge.merge(self._runs.finish(), self._base_numbers, self.sequence, self._repeat)
        written = 0
        with (
            files.create(self.path / schema.NUMBERS_FILE) as file,
            pa.ipc.new_file(file, schema.NUMBERS) as writer,
        ):
            for batch in merge.filled(batches):
                writer.write_batch(batch)
                written += len(batch)
                yield batch.column("number").to_numpy(), batch.column("route").to_numpy()
        self.replaced += self.rows_max - written
        self._numbers_written = written

    def seal(self) -> Manifest:
        """Write the small tables and the manifest with the checksums of every file; the draft is then complete."""
        assert self._numbers_written is not None, "merge was not read to its end"
        tables = {
            schema.RANGES_FILE: pa.table(
                [self.ranges[:, 0], self.ranges[:, 1], self.ranges[:, 2].astype(np.uint16)],
                schema=schema.RANGES,
            ),
            schema.ROUTES_FILE: self._catalogue.route_table(),
            schema.CARRIERS_FILE: self._catalogue.carrier_table(),
        }
        for name, table in tables.items():
            with files.create(self.path / name) as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        counts = {name.removesuffix(".arrow"): len(table) for name, table in tables.items()}
        names = (schema.NUMBERS_FILE, *tables, schema.IMAGE_FILE)
        manifest = Manifest(
            dataset=self._dataset,
            sequence=self.sequence,
            created=datetime.now(UTC),
            as_of=self._began,
            previous=self._previous,
            counts={"numbers": self._numbers_written} | counts,
            files={name: Seal.of(self.path / name) for name in names},
        )
        files.write(self.path / schema.MANIFEST_FILE, manifest.render())
        return manifest

    def close(self) -> None:
        """Let go of files still open."""
        self._runs.close()

    def _add_numbers(self, batch: pa.RecordBatch) -> None:
        if rows.PLACE.name in batch.schema.names:
            version = batch.column(rows.PLACE.name).to_numpy() | merge.IMPORTED
        else:
            version = np.full(len(batch), merge.IMPORTED)
        columns = [
            batch.column("number"),
            self._catalogue.codes(batch.column("carrier"), batch.column("routing_number")),
            self._catalogue.donors(batch.column("donor")),
            version,
            batch.column("effective"),
        ]
        self._runs.add(pa.record_batch(columns, schema=schema.NUMBERS))
        self.taken += len(batch)
        self._numbers_taken += len(batch)

    def _repeat(self, number: int, place: int, place_kept: int) -> None:
        self._on_repeat(number, place, place_kept)
        self.taken -= 1
        self._numbers_taken -= 1
