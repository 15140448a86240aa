"""One state of a store, read from its directory: numbers, ranges, routes, carriers, manifest, and the index
image.

A snapshot never changes, and nothing is read before it is asked for: files are mapped, so a snapshot larger
than memory opens at once. Opening checks the manifest only; `verify` reads every byte. Any number of threads
may read one Snapshot. It goes on reading after the store has removed the directory, once a part has been
opened.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from portdip import files
from portdip.errors import DamagedSnapshotError
from portdip.route import Carrier, Route
from portdip.table import schema
from portdip.table.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Record:
    """Everything the table knows of one ported number.

    `donor` is the carrier it left, None where not known; `version` the sequence that brought this row;
    `effective` (UTC) when the port took place, None where not known.
    """

    number: int
    route: Route
    donor: Carrier | None
    version: int
    effective: datetime | None


class Snapshot:
    """One state of a store. Raises DamagedSnapshotError where a file is missing or not what the manifest says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = Manifest.read(path / schema.MANIFEST_FILE)

    @property
    def image(self) -> Path:
        """The file that `portdip.index.Index.open` opens."""
        return self.path / schema.IMAGE_FILE

    @cached_property
    def carriers(self) -> dict[str, Carrier]:
        """Carrier by id, in the order of their rows."""
        return {row["id"]: Carrier(row["id"], row["name"]) for row in self.carrier_table.to_pylist()}

    @cached_property
    def routes(self) -> dict[int, Route]:
        """Route by code, 1 to 65,534."""
        return {
            row["code"]: Route(
                row["code"],
                self.carriers[row["carrier"]],
                row["routing_number"],
                self.carriers[row["reseller"]] if row["reseller"] is not None else None,
            )
            for row in self.route_table.to_pylist()
        }

    @cached_property
    def numbers(self) -> pa.Table:
        """Ported numbers in ascending order, schema `schema.NUMBERS`, mapped."""
        return self._open(schema.NUMBERS_FILE, schema.NUMBERS)

    @cached_property
    def ranges(self) -> pa.Table:
        """Ranges by first number, outer before inner, schema `schema.RANGES`."""
        return self._open(schema.RANGES_FILE, schema.RANGES)

    @cached_property
    def pending(self) -> pa.Table:
        """Changes accepted that take effect later, in the order of the chain, schema `schema.PENDING`."""
        return self._open(schema.PENDING_FILE, schema.PENDING)

    @cached_property
    def route_table(self) -> pa.Table:
        """Routes as they are stored, schema `schema.ROUTES`."""
        return self._open(schema.ROUTES_FILE, schema.ROUTES)

    @cached_property
    def carrier_table(self) -> pa.Table:
        """Carriers as they are stored, schema `schema.CARRIERS`."""
        return self._open(schema.CARRIERS_FILE, schema.CARRIERS)

    def record(self, number: int) -> Record | None:
        """The full row of a ported number, or None if it has none."""
        chunk = bisect_right(self._batch_starts, number) - 1
        if chunk < 0:
            return None
        batch = self._batches[chunk]
        row = int(np.searchsorted(batch.column("number").to_numpy(), np.uint64(number)))
        if row == len(batch) or batch.column("number")[row].as_py() != number:
            return None
        values = batch.slice(row, 1).to_pylist()[0]
        donors = list(self.carriers.values())
        return Record(
            number,
            self.routes[values["route"]],
            donors[values["donor"] - 1] if values["donor"] else None,
            values["version"],
            values["effective"],
        )

    def verify(self) -> None:
        """Read every file and compare it with the manifest; DamagedSnapshotError names the first bad block."""
        for name, seal in self.manifest.files.items():
            seal.verify(self.path / name)

    @cached_property
    def _batches(self) -> list[pa.RecordBatch]:
        return [batch for batch in self.numbers.to_batches() if len(batch)]

    @cached_property
    def _batch_starts(self) -> list[int]:
        return [batch.column("number")[0].as_py() for batch in self._batches]

    def _open(self, name: str, expected: pa.Schema) -> pa.Table:
        path = self.path / name
        try:
            table = pa.ipc.open_file(pa.py_buffer(files.map_readonly(path))).read_all()
        except (OSError, ValueError) as error:  # pa.ArrowInvalid is a ValueError
            if isinstance(error, OSError) and not files.is_loss(error):
                raise
            raise DamagedSnapshotError(
                "a file of the snapshot cannot be read",
                where=str(path),
                got=str(error),
                fix="Run portdip verify; restore the store from a good copy, or import it again.",
            ) from error
        if table.schema != expected:
            raise DamagedSnapshotError(
                "a file of the snapshot has other columns",
                where=str(path),
                expected=", ".join(expected.names),
                got=", ".join(table.schema.names),
            )
        return table
