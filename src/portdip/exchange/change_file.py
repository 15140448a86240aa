"""A file of changes, as people and programs write it: CSV (plain or `.gz`), Parquet or Arrow, which its bytes tell.

    operation,number,carrier,routing_number
    port,8613800138000,CUCC,0B17
    release,8613900139000,,

Columns may stand in any order; all but `operation` may be missing where no row needs them, and an empty field is as
good as none. `number` is for single numbers, `first` and `last` for ranges; further ones are `donor`,
`donor_routing_number`, `effective` (ISO 8601; without a zone: UTC), `order`, `version` and `text`.
`portdip.exchange.changes` says what each operation needs. In a mass change `donor` (and `donor_routing_number`) is
the old route, `carrier` and `routing_number` the new one.

Changes of who may sign (`trust-key`, `revoke-key`) are not taken from files: whoever may hand in changes need not be
whoever may decide that. Neither is `snapshot`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from portdip.errors import FeedError, MissingColumnError
from portdip.exchange import change_rules, convert, delimited
from portdip.exchange.changes import CHANGES, Operation
from portdip.exchange.column_map import ColumnMap
from portdip.exchange.feeds import arrow, parquet
from portdip.exchange.feeds.options import BadRows
from portdip.exchange.reading import Bad, Opened, Source, filled, reading, refuse

#: What a file may ask for, in the order of their values, from 1.
OPERATIONS = [operation for operation in Operation if operation <= Operation.RETIRE_ROUTE]

_COLUMNS = ["operation", "number", "first", *CHANGES.names[2:]]
_LABELS = pa.array([operation.label for operation in OPERATIONS])
_FORM = ColumnMap()
_PARQUET_MAGIC = b"PAR1"
_ARROW_MAGICS = (b"ARRO", b"\xff\xff\xff\xff")  # a file, a stream


def read(file: Path, bad_rows: BadRows) -> Iterator[pa.RecordBatch]:
    """The changes in `file`, batches of schema `changes.CHANGES`, all of which keep the rules.

    Rows that do not go to `bad_rows`. Raises FeedError for a file that cannot be read, holds no row or has an
    unknown column, MissingColumnError for one without operations.
    """
    if not file.is_file():
        raise FeedError("no such file", where=str(file))
    with reading(file):
        opened = _open(file, bad_rows)
        positions = _positions(opened.columns, file)
        for columns, row_numbers in filled(file, bad_rows, opened.read(list(positions.values()))):
            changes, faults = _changes(dict(zip(positions, columns, strict=True)), file)
            refused = refuse(file, row_numbers, columns, faults, bad_rows)
            yield changes.filter(pa.array(~refused)) if refused.any() else changes


def _open(file: Path, bad_rows: BadRows) -> Opened:
    with pa.OSFile(str(file)) as stream:
        magic = stream.read(4)
    if magic == _PARQUET_MAGIC:
        return parquet.open_file(file, _FORM, bad_rows)
    if magic in _ARROW_MAGICS:
        return arrow.open_file(file, _FORM, bad_rows)
    return delimited.open_file(Source(file), delimited.Form(), bad_rows)


def _positions(columns: list[str], file: Path) -> dict[str, int]:
    """Where each column is. An unknown one is an error: a misspelt `effective` must not mean at once."""
    for name in columns:
        if name not in _COLUMNS:
            near = difflib.get_close_matches(name, _COLUMNS, n=1)
            fix = f"Did you mean '{near[0]}'?" if near else ""
            raise FeedError("unknown column", where=str(file), expected=", ".join(_COLUMNS), got=name, fix=fix)
        if columns.count(name) > 1:
            raise FeedError("a column is there twice", where=str(file), got=name)
    if "operation" not in columns:
        raise MissingColumnError("no column 'operation'", where=str(file), got=", ".join(columns))
    return {name: columns.index(name) for name in columns}


def _changes(columns: dict[str, pa.Array], file: Path) -> tuple[pa.RecordBatch, dict[str, Bad]]:
    """The rows as changes, and the bad ones by reason."""
    count = len(columns["operation"])
    values: dict[str, pa.Array] = {name: pa.nulls(count, CHANGES.field(name).type) for name in CHANGES.names}
    values["first"] = values["number"]
    faults: dict[str, Bad] = {}
    for name, column in columns.items():
        converter, meaning = _CONVERTERS[name]
        values[name], bad = converter(column, f"{file}, column `{name}`")
        faults[f"`{name}` is not {meaning}"] = bad
    given, first, last = (
        values[name].is_valid().to_numpy(zero_copy_only=False) for name in ("number", "first", "last")
    )
    faults["a row has `number`, or `first` and `last`"] = (given & (first | last)) | (first & ~last)
    values["number"] = pc.coalesce(values["number"], values.pop("first"))
    changes = pa.record_batch([values[name] for name in CHANGES.names], schema=CHANGES)
    bad = np.logical_or.reduce(list(faults.values()))
    for index in np.flatnonzero(change_rules.wrong(changes) & ~bad).tolist():
        faults.setdefault(change_rules.reason(changes, index), np.zeros(count, dtype=bool))[index] = True
    return changes, faults


def _operations(column: pa.Array, where: str) -> convert.Converted:
    indices = pc.index_in(convert.text(column, where), value_set=_LABELS)
    values = pc.add(indices.fill_null(0), pa.scalar(1, pa.int32())).cast(pa.uint8())
    return values, indices.is_null().to_numpy(zero_copy_only=False)


def _numbers(column: pa.Array, where: str) -> convert.Converted:
    return _where_given(column, where, lambda values: convert.numbers(values, _FORM, where))


def _versions(column: pa.Array, where: str) -> convert.Converted:
    return _where_given(column, where, lambda values: convert.cast(values, pa.uint64()))


def _times(column: pa.Array, where: str) -> convert.Converted:
    return convert.times(column, _FORM, where)


def _routing_numbers(column: pa.Array, where: str) -> convert.Converted:
    values, bad = convert.routing_numbers(column, where)
    return convert.none_if_empty(values), bad


def _where_given(column: pa.Array, where: str, converter: Callable[[pa.Array], convert.Converted]) -> convert.Converted:
    """What the converter makes of the values that are there; null for the others, which are not bad."""
    texts = convert.none_if_empty(convert.text(column, where))
    given = texts.is_valid()
    values, bad = converter(texts)
    return pc.if_else(given, values, pa.scalar(None, values.type)), bad & given.to_numpy(zero_copy_only=False)


_CONVERTERS: dict[str, tuple[Callable[[pa.Array, str], convert.Converted], str]] = {
    "operation": (_operations, f"one of {', '.join(_LABELS.to_pylist())}"),
    **dict.fromkeys(("number", "first", "last"), (_numbers, "a number of 1 to 15 digits, not starting with 0")),
    **dict.fromkeys(("routing_number", "donor_routing_number"), (_routing_numbers, "up to 16 digits or hex digits")),
    **dict.fromkeys(("carrier", "donor", "order", "text"), (convert.carriers, "a text")),
    "effective": (_times, "a time in ISO 8601"),
    "version": (_versions, "a whole number"),
}
