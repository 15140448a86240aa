"""Reconciling a large store with a full dump that is equal, and with one that differs here and there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from portdip.exchange import feeds
from portdip.exchange.feeds.options import BadRows, Options
from portdip.table.reconciling import digest_file
from portdip.table.reconciling.digests import Particulars
from portdip.table.reconciling.dump import Dump
from portdip.table.reconciling.in_force import InForce
from portdip.table.reconciling.reconcile import Comparison
from portdip.table.reconciling.tally import Report, Tally
from portdip.table.store import Store

from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .populations import CACHE, columns, store

_ROUNDS_MAX = 3
#: One row in so many is another one in the dump that differs.
_WRONG_EACH = 100_000
_DAY_MICROSECONDS = 86_400_000_000


def figures(size: Size) -> list[Figure]:
    base = store(columns("cn", size.numbers, 0.16), size.numbers, 0.16)
    equal, differing = base.with_suffix(".parquet"), _differing(base.with_suffix(".parquet"))
    times = interleaved(
        {
            "read": lambda: _read(equal, size.numbers),
            "equal": lambda: _expect(_compared(base, equal), 0),
            "differing": lambda: _expect(_compared(base, differing), -(-size.numbers // _WRONG_EACH)),
        },
        min(size.rounds, _ROUNDS_MAX),
    )
    name = f"{size.numbers / 1e6:g} M"
    detail = {"nanoseconds": nanoseconds(times, size.numbers)}
    return [
        Figure(f"reconcile with an equal dump over reading it, {name}", ratio(times, "equal", "read"), "x", 2.0,
               detail=detail),
        Figure(f"the same, 1 row in {_WRONG_EACH:,} another", ratio(times, "differing", "read"), "x", detail=detail),
        _digests(base, name),
    ]  # fmt: skip


def _read(dump: Path, numbers: int) -> None:
    """Read and parse the dump, and do nothing with it."""
    assert sum(map(len, feeds.load("parquet").rows([dump], Options()))) == numbers


def _compared(base: Path, dump: Path) -> Report:
    ours = InForce(Store.open(base), datetime.now(UTC))
    comparison = Comparison(ours, Dump("parquet", [dump], None, BadRows()), Particulars(), _silent)
    tally = Tally(10)
    for batch in comparison.differences(_silent):
        tally.add(batch)
    return Report.of(comparison, tally)


def _expect(report: Report, wrong: int) -> None:
    assert report.wrong == report.counts["F"] == wrong
    assert report.numbers == report.their_numbers == report.either


def _differing(dump: Path) -> Path:
    """The dump again, encoded as `population.write` does, a day added to the effective time of a few rows."""
    path = dump.with_suffix(".differing.parquet")
    if not path.exists():
        making = path.with_suffix(".making")
        file = pq.ParquetFile(dump)
        rows = 0
        texts = ["carrier", "routing_number", "donor", "effective"]
        packed = {"number": "DELTA_BINARY_PACKED"}
        with pq.ParquetWriter(
            making, file.schema_arrow, compression="none", use_dictionary=texts, column_encoding=packed
        ) as writer:
            for batch in file.iter_batches(1 << 20):
                later = (np.arange(rows, rows + len(batch)) % _WRONG_EACH == 0) * _DAY_MICROSECONDS
                field = batch.schema.field("effective")
                moments = pa.array(batch.column("effective").cast(pa.int64()).to_numpy() + later).cast(field.type)
                writer.write_batch(batch.set_column(batch.schema.get_field_index(field.name), field, moments))
                rows += len(batch)
        making.rename(path)
    return path


def _digests(base: Path, name: str) -> Figure:
    """How much two nodes that are equal send each other."""
    path = CACHE / "digests"
    digest_file.write(path, InForce(Store.open(base), datetime.now(UTC)), None, _silent)
    bytes_sent = path.stat().st_size
    path.unlink()
    return Figure(f"file of digests, {name}", bytes_sent / 1e6, "MB")


def _silent(count: int, share: float | None) -> None:
    """No progress to show."""
