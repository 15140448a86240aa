"""Dips in DuckDB's SQL: functions, tables of the store, and whole queries annotated. Needs the extra `duckdb`.

    connection = duckdb.connect()
    portdip.batch.duckdb.register(connection, "path/of/store")
    connection.sql("SELECT portdip_carrier(called), count(*) FROM 'calls/*.parquet' GROUP BY 1")
    connection.sql("SELECT carrier, sum(numbers) FROM portdip_ranges GROUP BY carrier")
    annotate(connection, "SELECT * FROM 'calls/*.parquet'", "called").write_parquet("annotated.parquet")
    annotated_batches(connection, "FROM 'calls/*.parquet'", "called").read_all()  # on into Arrow, Polars, pandas

The functions take VARCHAR; other types want a cast, `called::VARCHAR`. Each also comes with `_at`, which takes a
TIMESTAMP WITH TIME ZONE besides and says who served the number then:

    portdip_carrier, portdip_routing_number, portdip_ported, portdip_status

DuckDB calls them for 2,048 rows at a time, holding Python's lock; `annotate` streams larger batches past the engine and
is faster. In neither case does memory grow with the rows.

DuckDB cannot know how many rows a stream has, and takes it for a short one: before a join of `portdip_numbers` by range
(BETWEEN, ASOF), copy it: CREATE TABLE numbers AS FROM portdip_numbers. Joins by equality need none.

>>> from tempfile import TemporaryDirectory
>>> import duckdb
>>> from portdip.lookup.load import init_store
>>> with TemporaryDirectory() as place:
...     with init_store(f"{place}/store", "example").writer() as writer:
...         writer.port("+8613800001234", "CUCC", "0B17")
...     connection = duckdb.connect()
...     engine = register(connection, f"{place}/store")
>>> connection.sql("SELECT portdip_carrier('8613800001234'), portdip_status('+1')").fetchall()
[('CUCC', 'unallocated')]
>>> connection.sql("SELECT number, routing_number FROM portdip_numbers").fetchall()
[(8613800001234, '0B17')]
>>> annotate(connection, "SELECT '8613800001234' AS called", "called").fetchall()
[('8613800001234', 'CUCC', '0B17', True, 'ported')]
>>> annotated_batches(connection, "SELECT '8613800001234' AS called", "called").read_all().column("carrier").to_pylist()
['CUCC']
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import pyarrow as pa

from portdip.batch.flow import in_order
from portdip.batch.front_ends import Source, ask, engine_of
from portdip.batch.record_batches import annotator
from portdip.errors import MissingPackageError
from portdip.lookup import reverse
from portdip.lookup.engine import Engine

try:
    import duckdb
except ModuleNotFoundError as error:
    raise MissingPackageError("DuckDB is not installed", fix="Run: pip install 'portdip[duckdb]'.") from error

_FUNCTIONS = {"carrier": "VARCHAR", "routing_number": "VARCHAR", "ported": "BOOLEAN", "status": "VARCHAR"}
_NUMBERS = ["number", "carrier", "routing_number", "range_holder"]
#: Rows that `annotate` takes from DuckDB at a time.
_BATCH_ROWS = 122_880
_registered: WeakKeyDictionary[duckdb.DuckDBPyConnection, Engine] = WeakKeyDictionary()


def register(connection: duckdb.DuckDBPyConnection, source: Source | None = None) -> Engine:
    """Give a connection the functions above, and the tables `portdip_numbers` and `portdip_ranges`.

    `source` is an engine, or the path of a store; if not given, what `front_ends.use` said last. `annotate` of this
    connection asks it too. `portdip_numbers` has the numbers that are ported (number, carrier, routing_number,
    range_holder), `portdip_ranges` the ranges as in `portdip.lookup.reverse.UTILIZATION`. They are read anew, as a
    stream, in each query that names them. Returns the engine; refresh it, or give a live one, to answer from newer
    states. Raises FrontEndError where there is no store.
    """
    engine = _registered[connection] = engine_of(source)
    for name, kind in _FUNCTIONS.items():
        _replace_function(connection, f"portdip_{name}", _now(engine, name), ["VARCHAR"], kind)
        types = ["VARCHAR", "TIMESTAMP WITH TIME ZONE"]
        _replace_function(connection, f"portdip_{name}_at", _then(engine, name), types, kind)
    connection.register("portdip_numbers", _Stream(lambda: _ported(engine)))
    connection.register("portdip_ranges", _Stream(lambda: _ranges(engine)))
    return engine


def annotate(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    column: str,
    *,
    at_column: str | None = None,
    time_zone: str | None = None,
    prefix: str = "",
    source: Source | None = None,
) -> duckdb.DuckDBPyRelation:
    """The rows of a query with carrier, routing_number, ported and status of `column` added, as a relation.

    Streams: the query runs, batch by batch, whenever the relation is read, on as many threads as DuckDB is set to. It
    runs on a cursor of its own, with the settings and variables that the connection has now: it sees files, and tables
    and views as they are committed, but nothing that only this connection has, such as temporary tables, DataFrames and
    what is registered. The rest as in `record_batches.annotator`; `source` is an engine or a store's path, where it is
    not that of `register`, or of `front_ends.use`.
    """
    add = annotator(_engine(connection, source), column, at_column, prefix, time_zone=time_zone)
    session = _session(connection)
    return connection.from_arrow(_Stream(lambda: _annotated(connection, session, query, add)))


def annotated_batches(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    column: str,
    *,
    at_column: str | None = None,
    time_zone: str | None = None,
    prefix: str = "",
    source: Source | None = None,
) -> pa.RecordBatchReader:
    """As `annotate`, for what takes Arrow and not SQL: the rows never go back into DuckDB, which takes half the time.

    Carrier, routing_number and status are dictionaries, as from `record_batches.annotator`. The query runs once, while
    the batches are read.
    """
    add = annotator(_engine(connection, source), column, at_column, prefix, time_zone=time_zone)
    return _annotated(connection, _session(connection), query, add)


def _engine(connection: duckdb.DuckDBPyConnection, source: Source | None) -> Engine:
    registered = _registered.get(connection) if source is None else None
    return registered or engine_of(source)


def _session(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What gives another connection the settings and variables of this one, as statements."""
    settings = connection.sql(
        "SELECT name, value FROM duckdb_settings() WHERE scope = 'LOCAL' AND name <> 'schema' AND value IS NOT NULL"
    )
    statements = [f"SET SESSION {name} = {_quoted(value)}" for name, value in settings.fetchall()]
    for name, value, kind in connection.sql("SELECT name, value, type FROM duckdb_variables()").fetchall():
        [(is_set,)] = connection.sql(f"SELECT getvariable({_quoted(name)}) IS NOT NULL").fetchall()
        if is_set:
            statements.append(f'SET VARIABLE "{name}" = {_quoted(value)}::{kind}')
    return statements


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _annotated(
    connection: duckdb.DuckDBPyConnection,
    session: list[str],
    query: str,
    add: Callable[[pa.RecordBatch], pa.RecordBatch],
) -> pa.RecordBatchReader:
    cursor = connection.cursor()
    for statement in session:
        cursor.execute(statement)
    [(threads,)] = cursor.sql("SELECT current_setting('threads')").fetchall()
    try:
        relation = cursor.sql(query)
    except duckdb.CatalogException as error:
        error.add_note("A query to annotate does not see what only this connection has: temporary tables, DataFrames.")
        raise
    # Before DuckDB 2 it has another name.
    read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    reader = read(_BATCH_ROWS)
    schema = add(pa.RecordBatch.from_pylist([], reader.schema)).schema

    def batches() -> Iterator[pa.RecordBatch]:
        with cursor:  # which nothing else keeps open while its rows are read
            # One more than work: it waits for what is being read.
            yield from in_order(reader, add, threads + 1)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _replace_function(
    connection: duckdb.DuckDBPyConnection, title: str, function: Callable[..., Any], types: Any, kind: str
) -> None:
    with contextlib.suppress(duckdb.Error):  # there is none yet
        connection.remove_function(title)
    options: Any = {"type": "arrow", "null_handling": "special"}
    connection.create_function(title, function, types, kind, **options)


class _Stream:
    """What DuckDB reads as a table, from its beginning each time."""

    def __init__(self, read: Callable[[], pa.RecordBatchReader]) -> None:
        self._read = read

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._read().__arrow_c_stream__(requested_schema)


def _now(engine: Engine, name: str) -> Callable[[Any], Any]:
    # Text always: nothing to check or to convert, and with so few rows a call that would cost as much as the answers.
    return lambda numbers: engine.annotate(numbers).column(name)


def _then(engine: Engine, name: str) -> Callable[[Any, Any], Any]:
    return lambda numbers, moments: ask(engine, numbers.combine_chunks(), moments.combine_chunks(), None).column(name)


def _ported(engine: Engine) -> pa.RecordBatchReader:
    generation = engine.generation
    served = reverse.served(generation, reverse.chosen(generation), ported_only=True)
    fields = [served.schema.field(name) for name in _NUMBERS[1:]]
    schema = pa.schema([pa.field("number", pa.uint64()), *fields])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in served:
            yield pa.record_batch([batch.column("first"), *(batch.column(name) for name in _NUMBERS[1:])], schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _ranges(engine: Engine) -> pa.RecordBatchReader:
    generation = engine.generation

    def batches() -> Iterator[pa.RecordBatch]:
        yield from reverse.utilization(generation, reverse.chosen(generation)).to_batches()

    return pa.RecordBatchReader.from_batches(reverse.UTILIZATION, batches())
