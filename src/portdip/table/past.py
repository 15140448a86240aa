"""What was folded into snapshots, kept so that the past can be asked: one directory for each stretch of the chain.

    STORE/history/<first>-<last>/numbers.arrow    changes of single numbers, by number
    STORE/history/<first>-<last>/others.arrow     changes of ranges and of many numbers, in the order of the chain
    STORE/history/<first>-<last>/manifest.json    the seals of both

`first` and `last` are the sequences of the deltas in it. Beside the changes themselves there are the rows and ranges
of the table that they replaced (`row` BEFORE), for what came by an import is in no delta: rows with the sequence that
had brought them, ranges with that of the table. And where an import changed who holds ranges, the ranges as they are
since (`row` IMPORTED), with the sequence of the import. The stretches follow one another.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from portdip import files
from portdip.errors import DamagedSnapshotError
from portdip.exchange.changes import CHANGES, Operation, batch
from portdip.exchange.delta import Delta
from portdip.table.manifest import Seal

#: The row of what was in the table before, and of the ranges that an import brought.
BEFORE, IMPORTED = 0xFFFF_FFFF, 0xFFFF_FFFE

EVENTS = pa.schema(
    [
        *CHANGES,
        pa.field("sequence", pa.uint64(), nullable=False),
        pa.field("row", pa.uint32(), nullable=False),
        pa.field("created", pa.timestamp("us", tz="UTC")),
        pa.field("signer", pa.string(), nullable=False),
    ]
)
MANIFEST_FILE = "manifest.json"
_NUMBERS, _OTHERS = "numbers.arrow", "others.arrow"
_BATCH_ROWS = 1 << 16


def events(delta: Delta) -> pa.Table:
    """The rows of a delta as events, schema EVENTS."""
    count = len(delta.rows)
    columns = {name: delta.rows.column(name) for name in CHANGES.names}
    columns["sequence"] = pa.array(np.full(count, delta.sequence, dtype=np.uint64))
    columns["row"] = pa.array(np.arange(count, dtype=np.uint32))
    columns["created"] = pa.repeat(pa.scalar(delta.header.created, EVENTS.field("created").type), count)
    columns["signer"] = pa.repeat(pa.scalar(delta.header.signer, pa.string()), count)
    return pa.table(columns, schema=EVENTS)


def of_table(sequence: pa.Array, row: int, **columns: object) -> pa.Table:
    """Rows and ranges of a table as events: columns of CHANGES, the sequence of each, and `row` BEFORE or IMPORTED."""
    rows = batch(**columns)
    count = len(rows)
    return pa.table(
        [
            *rows.columns,
            sequence,
            pa.array(np.full(count, row, dtype=np.uint32)),
            pa.nulls(count, EVENTS.field("created").type),
            pa.repeat(pa.scalar("", pa.string()), count),
        ],
        schema=EVENTS,
    )


def is_of_one_number(table: pa.Table) -> pa.ChunkedArray:
    """Which rows are changes of a single number."""
    return pc.and_(pc.less_equal(table.column("operation"), Operation.RELEASE), pc.is_null(table.column("last")))


def tells_of(table: pa.Table, number: int) -> pa.ChunkedArray:
    """Which rows tell of a number, and which are imports."""
    operation, first = table.column("operation"), table.column("number")
    last = pc.coalesce(table.column("last"), first)
    everywhere = pc.and_(pc.equal(operation, Operation.MASS_CHANGE), pc.is_null(first))
    wanted = pa.scalar(number, pa.uint64())
    inside = pc.and_(pc.less_equal(first, wanted), pc.greater_equal(last, wanted)).fill_null(False)
    return pc.or_(pc.or_(inside, everywhere), pc.equal(operation, Operation.SNAPSHOT))


def parse_seals(raw: bytes, where: str) -> dict[str, Seal]:
    """The seals in the manifest of a stretch, by file; DamagedSnapshotError, naming `where`, for anything else."""
    try:
        found = {name: Seal(**seal | {"blocks": tuple(seal["blocks"])}) for name, seal in json.loads(raw).items()}
        if set(found) != {_NUMBERS, _OTHERS}:
            raise ValueError(", ".join(found))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedSnapshotError("the manifest of a history cannot be read", where=where, got=str(error)) from error
    return found


class Past:
    """The stretches under the directory `path`. Any number of threads may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, first: int, last: int, parts: Iterable[pa.Table]) -> None:
        """Add a stretch: the events of the deltas `first` to `last` and what they replaced, in any order.

        What is there of `first` or later goes: a crash has left it, of a snapshot that never went live.
        """
        for stretch in self.stretches():
            if _last_of(stretch) >= first:
                files.remove_directory(stretch)
        table = pa.concat_tables([EVENTS.empty_table(), *parts])
        single = is_of_one_number(table)
        numbers = table.filter(single).sort_by(
            [("number", "ascending"), ("sequence", "ascending"), ("row", "ascending")]
        )
        others = table.filter(pc.invert(single)).sort_by([("sequence", "ascending"), ("row", "ascending")])
        with files.new_directory(self.path / f"{first:020d}-{last:020d}") as scratch:
            for name, content in ((_NUMBERS, numbers), (_OTHERS, others)):
                with files.create(scratch / name) as file, pa.ipc.new_file(file, EVENTS) as writer:
                    writer.write_table(content, max_chunksize=_BATCH_ROWS)
            seals = {name: asdict(Seal.of(scratch / name)) for name in (_NUMBERS, _OTHERS)}
            files.write(scratch / MANIFEST_FILE, json.dumps(seals, indent=1).encode())

    def of(self, number: int, limit: int) -> pa.Table:
        """Every event that tells of the number in the stretches that end at sequence `limit` or before.

        Imports tell of every number. Stretch by stretch, the oldest first; of each the ranges and what is of many
        numbers in the order of the chain, then what is of this number alone.
        """
        found = [EVENTS.empty_table()]
        for stretch in self.stretches():
            if _last_of(stretch) <= limit:
                others = self._open(stretch / _OTHERS)
                found += [others.filter(tells_of(others, number)), _rows_of(number, self._open(stretch / _NUMBERS))]
        return pa.concat_tables(found)

    def all(self, limit: int) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Of each stretch that ends at `limit` or before, the oldest first: changes of single numbers, and the others.

        Mapped; in the order in which they are stored.
        """
        for stretch in self.stretches():
            if _last_of(stretch) <= limit:
                yield self._open(stretch / _NUMBERS), self._open(stretch / _OTHERS)

    def last(self, limit: int) -> int | None:
        """The sequence of the last delta in the stretches that end at `limit` or before, None if there is none."""
        return max((last for last in map(_last_of, self.stretches()) if last <= limit), default=None)

    def stretches(self) -> list[Path]:
        """The directories, oldest first."""
        with contextlib.suppress(FileNotFoundError):
            return [self.path / name for name in files.names(self.path) if not name.startswith(".")]
        return []

    def verify(self) -> Iterator[Path]:
        """Compare every file with its seal; yields each directory found good. Raises DamagedSnapshotError."""
        for stretch in self.stretches():
            manifest = stretch / MANIFEST_FILE
            for name, seal in parse_seals(files.read_bytes(manifest), str(manifest)).items():
                seal.verify(stretch / name)
            yield stretch

    def prune(self, before: datetime) -> list[Path]:
        """Remove the stretches whose every change was made before `before`; which they were."""
        removed = []
        for stretch in self.stretches():
            newest = max(
                (pc.max(self._open(stretch / name).column("created")).as_py() for name in (_NUMBERS, _OTHERS)),
                key=lambda moment: moment or datetime.min.replace(tzinfo=before.tzinfo),
            )
            if newest is not None and newest < before:
                files.remove_directory(stretch)
                removed.append(stretch)
        return removed

    def _open(self, path: Path) -> pa.Table:
        try:
            return pa.ipc.open_file(pa.py_buffer(files.map_readonly(path))).read_all()
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and not files.is_loss(error):
                raise
            raise DamagedSnapshotError(
                "a file of the history cannot be read", where=str(path), got=str(error)
            ) from error


def _last_of(stretch: Path) -> int:
    return int(stretch.name.partition("-")[2])


def _rows_of(number: int, table: pa.Table) -> pa.Table:
    """The rows of one number in a table sorted by number, found by halving batches."""
    found = []
    for rows in table.to_batches():
        column = rows.column("number")
        if len(rows) and column[0].as_py() <= number <= column[-1].as_py():
            values = column.to_numpy()
            low, high = (int(np.searchsorted(values, np.uint64(number), side)) for side in ("left", "right"))
            found.append(rows.slice(low, high - low))
    return pa.Table.from_batches(found, EVENTS)
