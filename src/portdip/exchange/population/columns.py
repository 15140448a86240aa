"""Populations and plans as Parquet files that the feed `parquet` reads without a map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from portdip import files
from portdip.exchange import rows
from portdip.exchange.population.model import Chunk
from portdip.exchange.population.numbering_plan import Plan

_ROW_GROUP = 1 << 20


def write(plan: Plan, chunks: Iterable[Chunk], path: Path, report: Callable[[int], None] = lambda count: None) -> None:
    """Write chunks drawn from `plan` with the columns of rows.NUMBERS, text as dictionaries.

    The file appears under `path` when it is whole; memory does not grow with it. `report` hears how many rows
    are written. Raises OSError where `path` cannot be written, before the first chunk is drawn.
    """
    carriers, routing_numbers = _texts(plan)

    def batch(chunk: Chunk) -> pa.RecordBatch:
        columns = {
            "number": pa.array(chunk.numbers),
            "carrier": carriers.take(pa.array(chunk.codes)),
            "routing_number": routing_numbers.take(pa.array(chunk.codes)),
            "donor": carriers.take(pa.array(chunk.donors)),
            "effective": pa.array(chunk.effective).cast(rows.NUMBERS.field("effective").type),
        }
        return pa.record_batch(list(columns.values()), schema=_with_dictionaries(rows.NUMBERS))

    written = 0
    with (
        files.replacing(path) as file,
        pq.ParquetWriter(
            file,
            _with_dictionaries(rows.NUMBERS),
            # Nearly as small as compressed, and quicker both ways: numbers are sorted, times are few.
            compression="none",
            use_dictionary=["carrier", "routing_number", "donor", "effective"],
            column_encoding={"number": "DELTA_BINARY_PACKED"},
        ) as writer,
    ):
        for table in _ahead(_row_groups(map(batch, chunks))):
            writer.write_table(table, row_group_size=len(table))
            written += len(table)
            report(written)


def write_ranges(plan: Plan, path: Path) -> None:
    """Write the plan's ranges with the columns of rows.RANGES, text as dictionaries; atomic as `write`."""
    carriers, routing_numbers = _texts(plan)
    first, last, codes = plan.ranges.T
    code = pa.array(codes)
    table = pa.Table.from_arrays(
        [pa.array(first), pa.array(last), carriers.take(code), routing_numbers.take(code)],
        schema=_with_dictionaries(rows.RANGES),
    )
    with files.replacing(path) as file:
        pq.write_table(table, file, row_group_size=_ROW_GROUP)


def _texts(plan: Plan) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
    """Carrier id and routing number by route code; code 0 has none."""
    carriers = pa.array(["", *(route.carrier.id for route in plan.routes)])
    routing_numbers = pa.array(["", *(route.routing_number for route in plan.routes)])
    return carriers.dictionary_encode(), routing_numbers.dictionary_encode()


def _with_dictionaries(schema: pa.Schema) -> pa.Schema:
    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([field.with_type(text) if field.type == pa.string() else field for field in schema])


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The tables, each made in another thread while the one before is written."""
    with ThreadPoolExecutor(1) as maker:
        made = maker.submit(next, tables, None)
        while (table := made.result()) is not None:
            made = maker.submit(next, tables, None)
            yield table


def _row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches joined to tables of at least a row group."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= _ROW_GROUP:
            yield pa.Table.from_batches(waiting)
            waiting.clear()
    if waiting:
        yield pa.Table.from_batches(waiting)
