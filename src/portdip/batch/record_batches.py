"""Annotation as a pure function from record batch to record batch, for anything that maps over Arrow batches.

With `annotate = annotator(portdip.open_engine(path), "called")` in each worker process:

    Ray      dataset.map_batches(lambda table: pa.Table.from_batches(map(annotate, table.to_batches())),
                                 batch_format="pyarrow")
    Dask     frame.map_partitions(lambda part: annotate(pa.RecordBatch.from_pandas(part)).to_pandas())
    Spark    frame.mapInArrow(lambda batches: map(annotate, batches), schema)

Open the engine in the worker, not outside: it maps the store, and all processes of a host share one copy of it.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from portdip.batch import columns, times
from portdip.lookup.engine import Engine

_SOURCE = "the record batch"


def annotator(
    engine: Engine,
    column: str,
    at_column: str | None = None,
    prefix: str = "",
    *,
    time_zone: str | None = None,
    region: str | None = None,
) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """What gives a batch back with carrier, routing_number, ported and status of `column` added.

    With `at_column`, who served each number at that moment, from the store's history; its times need a zone, or
    `time_zone` says which clocks wrote them (IANA name). Nulls in either give nulls. `prefix` goes before the names of
    the new columns; `region` is that of `annotate_file`. The function may be called from any number of threads, with
    batches of different schemas.

    It raises MissingColumnError or AnnotateError for a batch whose columns do not fit.
    """
    if time_zone is not None:
        times.check_zone(time_zone)
    if region is not None:
        columns.check_region(region)

    def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = batch.schema
        place = columns.find(schema.names, column, _SOURCE)
        columns.check(schema.field(place).type, column, _SOURCE)
        numbers = columns.readable(batch.column(place), region)
        moments = None
        if at_column is not None:
            at_place = columns.find(schema.names, at_column, _SOURCE, "--at-column")
            times.check(schema.field(at_place).type, at_column, time_zone, _SOURCE)
            moments = times.moments(batch.column(at_place), at_column, time_zone, _SOURCE)
        for field in columns.added(schema.names, prefix, _SOURCE):
            schema = schema.append(field)
        answers = engine.annotate(numbers, at=moments)
        return pa.RecordBatch.from_arrays([*batch.columns, *answers.columns], schema=schema)

    return annotate
