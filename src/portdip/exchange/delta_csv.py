"""The CSV twin of a delta: the same header and rows, for people to read and to make by hand.

    # {"dataset":"demo","sequence":1,"previous":"00...","created":"2026-01-02T00:00:00+00:00","signer":""}
    operation,number,last,carrier,routing_number,donor,donor_routing_number,version,effective,order,text
    port,8613800138000,,CUCC,0B17,CMCC,,,2026-01-02T01:00:00Z,,

The first line is '#' and the delta's header as JSON, without the count of rows; below it is CSV with the columns of
`portdip.exchange.changes.CHANGES`, in that order. Times are ISO 8601, UTC. Nothing between two commas is null, "" in
quotes is an empty text. Digest and signature are not in it: a delta made of it has its own.

Functions may be called from any thread.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from portdip.errors import ChangeError, MissingColumnError
from portdip.exchange import change_rules, convert
from portdip.exchange.changes import CHANGES, Operation
from portdip.exchange.column_map import ColumnMap
from portdip.exchange.delta import ROWS_MAX, Delta, Header, header_of_json

_LABELS = pa.array([operation.label for operation in Operation])
_HEADER_MARK = "#"
_NEEDS_QUOTES = re.compile(r'[",]|^$')


def to_csv(delta: Delta) -> str:
    """The CSV twin."""
    header = delta.header
    facts = {
        "dataset": header.dataset,
        "sequence": header.sequence,
        "previous": header.previous,
        "created": header.created.isoformat(),
        "signer": header.signer,
    }
    lines = [f"{_HEADER_MARK} {json.dumps(facts, ensure_ascii=False, separators=(',', ':'))}", ",".join(CHANGES.names)]
    columns = [column.to_pylist() for column in delta.rows.columns]
    columns[0] = [Operation(value).label for value in columns[0]]
    lines += [",".join(map(_field, row)) for row in zip(*columns, strict=True)]
    return "\n".join([*lines, ""])


def from_csv(content: bytes, where: str, **facts: object) -> tuple[Header, pa.RecordBatch]:
    """The header, unsigned, and the rows in a CSV twin in UTF-8; `where` names it in errors.

    `facts` (dataset, sequence, previous, created) take the place of those in the header, and are needed where there is
    none; `created` is now if nobody says. Raises ChangeError for what is no twin, naming the line.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ChangeError("not text in UTF-8", where=where, got=str(error)) from error
    marked, _, rest = text.partition("\n")
    has_header = marked.startswith(_HEADER_MARK)
    rows = _rows(rest if has_header else text, where, 1 + has_header)
    try:
        given = {"created": datetime.now(UTC).isoformat()}
        if has_header:
            given |= json.loads(marked.removeprefix(_HEADER_MARK))
        return header_of_json(given | facts | {"rows": len(rows), "signer": ""}), rows
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ChangeError(
            "the header of the delta is not complete",
            where=f"{where}, line 1",
            got=str(error),
            expected="dataset, sequence and previous",
            fix="Write them in the first line, or give them as options.",
        ) from error


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    text = str(value)
    return '"{}"'.format(text.replace('"', '""')) if _NEEDS_QUOTES.search(text) else text


def _rows(text: str, where: str, line: int) -> pa.RecordBatch:
    """The rows of CSV whose first line, the names of the columns, is line `line` of the file."""
    table = _texts(text, where, line)
    if table.column_names != CHANGES.names:
        raise MissingColumnError(
            "the columns are not those of a delta",
            where=f"{where}, line {line}",
            expected=",".join(CHANGES.names),
            got=",".join(table.column_names),
        )
    if len(table) > ROWS_MAX:
        raise ChangeError("too many rows", where=where, expected=f"at most {ROWS_MAX}", got=str(len(table)))
    rows = pa.record_batch([_converted(column, where, line) for column in _columns(table)], schema=CHANGES)
    found = change_rules.first_fault(rows, in_delta=True)
    if found:
        index, reason = found
        raise ChangeError("a row makes no sense", where=f"{where}, line {line + 1 + index}", got=reason)
    return rows


def _columns(table: pa.Table) -> Iterator[tuple[pa.Field, pa.Array]]:
    """The columns as text, and the field each is to become."""
    for field, column in zip(CHANGES, table.columns, strict=True):
        yield field, pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def _converted(column: tuple[pa.Field, pa.Array], where: str, line: int) -> pa.Array:
    field, texts = column
    if field.name == "operation":
        indices = pc.index_in(texts, value_set=_LABELS)
        values, bad = pc.add(indices, pa.scalar(1, pa.int32())).cast(field.type), indices.is_null().to_numpy(False)
    elif field.name == "effective":
        values, bad = convert.times(texts, ColumnMap(), where)
    else:
        values, bad = convert.cast(texts, field.type)
    if bad.any():
        index = int(bad.argmax())
        raise ChangeError(
            f"not what `{field.name}` can be", where=f"{where}, line {line + 1 + index}", got=str(texts[index])
        )
    return values


def _texts(text: str, where: str, line: int) -> pa.Table:
    misfits: list[pv.InvalidRow] = []

    def set_aside(row: pv.InvalidRow) -> str:
        misfits.append(row)
        return "skip"

    try:
        table = pv.read_csv(
            io.BytesIO(text.encode()),
            pv.ReadOptions(use_threads=False),
            pv.ParseOptions(invalid_row_handler=set_aside),
            pv.ConvertOptions(
                column_types=dict.fromkeys(CHANGES.names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        raise ChangeError("the rows cannot be read", where=where, got=str(error)) from error
    if misfits:
        first = misfits[0]
        raise ChangeError(
            "a row has too many or too few columns",
            where=f"{where}, line {line + first.number - 1}",
            expected=str(first.expected_columns),
            got=str(first.actual_columns),
        )
    return table
