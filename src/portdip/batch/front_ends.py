"""What the front ends share: the engine that they ask, and how they ask it for a column of numbers."""

from __future__ import annotations

from os import PathLike

import pyarrow as pa

from portdip.batch.record_batches import annotator
from portdip.errors import FrontEndError
from portdip.lookup.answers import SCHEMA
from portdip.lookup.engine import Engine, open_engine

#: Where an engine is asked for: a store's path, or an engine.
Source = Engine | str | PathLike[str]

_NUMBER, _AT = "number", "at"
_used: Engine | None = None


def use(source: Source) -> Engine:
    """Ask this engine, or the store at this path as it is now, from all front ends that are not given another.

    A store is opened once and stays as it is: whatever is asked before the next `use` is answered from one state of
    it. An engine that is live answers each batch of rows from the newest state. Raises as `open_engine` does.
    """
    global _used
    _used = source if isinstance(source, Engine) else open_engine(source)
    return _used


def engine_of(source: Source | None) -> Engine:
    """The engine given, or over the store given, or else that of `use`. Raises FrontEndError where there is none."""
    if source is not None:
        return source if isinstance(source, Engine) else open_engine(source)
    if _used is None:
        raise FrontEndError(
            "no store to ask", fix='Say which one, once: `use("path/of/store")`, or name it in the call: engine=...'
        )
    return _used


def ask(engine: Engine, numbers: pa.Array, moments: pa.Array | None, time_zone: str | None) -> pa.RecordBatch:
    """The answers for a column of numbers: carrier, routing_number, ported and status, nulls for nulls.

    With `moments`, a column of times of the same length, who served each number then; `time_zone` says which clocks
    wrote times without a zone. Raises AnnotateError for columns that hold no numbers, or no times.
    """
    if moments is None:
        annotated = annotator(engine, _NUMBER)(pa.record_batch([numbers], names=[_NUMBER]))
    else:
        annotate = annotator(engine, _NUMBER, _AT, time_zone=time_zone)
        annotated = annotate(pa.record_batch([numbers, moments], names=[_NUMBER, _AT]))
    return annotated.select(SCHEMA.names)
