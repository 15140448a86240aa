"""The front ends for Polars, DuckDB and pandas against each tool's own join with the same table; and their memory."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import portdip
import portdip.batch.duckdb
import portdip.batch.pandas
import portdip.batch.polars

from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .populations import CACHE, Columns, columns, questions, store

_ROUNDS_MAX = 5
#: So many times the questions are the shorter input of the memory figures: by then allocators have settled.
_SETTLED = 3
#: How much longer the longer one is.
_LONGER = 10


def figures(size: Size) -> list[Figure]:
    drawn = columns("cn", size.numbers, 0.16)
    path = store(drawn, size.numbers, 0.16)
    engine = portdip.batch.polars.use(portdip.open_engine(path, resident=True))
    asked = questions(drawn, size.questions)
    name = f"{size.numbers / 1e6:g} M"
    table, calls = _table(drawn), pa.table({"number": pa.array(asked).cast(pa.string())})
    found = [_polars(table, calls, size, name), *_duckdb(engine, table, calls, size, name)]
    found.append(_pandas(table, calls, size, name))
    return found + [_memory(tool, path, calls, name) for tool in _READING]


def _table(drawn: Columns) -> pa.Table:
    """The ported numbers as people have them in a table: number, carrier and routing number as text."""
    routes = drawn.plan.routes
    codes = pa.array(np.asarray(drawn.codes) - np.uint16(1))
    texts = {
        "carrier": [route.carrier.id for route in routes],
        "routing_number": [route.routing_number for route in routes],
    }
    columns = {
        name: pa.DictionaryArray.from_arrays(codes, pa.array(values)).cast(pa.string())
        for name, values in texts.items()
    }
    return pa.table({"number": pa.array(np.asarray(drawn.numbers)).cast(pa.string())} | columns)


def _polars(table: pa.Table, calls: pa.Table, size: Size, name: str) -> Figure:
    """Both in Polars' streaming engine, on all its threads."""
    ported, asked = pl.from_arrow(table).lazy(), pl.from_arrow(calls).lazy()
    dips = pl.col("number").portdip.dip().alias("dip")  # type: ignore[attr-defined]
    candidates: dict[str, Callable[[], object]] = {
        "portdip": lambda: asked.with_columns(dips).unnest("dip").collect(engine="streaming"),
        "portdip, in memory": lambda: asked.with_columns(dips).unnest("dip").collect(),
        "join": lambda: asked.join(ported, on="number", how="left").collect(engine="streaming"),
        "join, in memory": lambda: asked.join(ported, on="number", how="left").collect(),
    }
    times = interleaved(candidates, min(size.rounds, _ROUNDS_MAX))
    better = min(ratio(times, join, "portdip") for join in ("join", "join, in memory"))
    detail = {"nanoseconds": nanoseconds(times, len(calls))}
    return Figure(f"Polars' join over its expression, {name}", better, "x", 3.0, "at least", detail)


def _duckdb(engine: portdip.Engine, table: pa.Table, calls: pa.Table, size: Size, name: str) -> list[Figure]:
    """On all of DuckDB's threads: all into Arrow, and counted by carrier; and what of a function's time is DuckDB's."""
    connection = duckdb.connect()
    portdip.batch.duckdb.register(connection, engine)
    connection.register("arrow_ported", table)
    connection.register("arrow_calls", calls)
    connection.execute("CREATE TABLE ported AS FROM arrow_ported")
    connection.execute("CREATE TABLE calls AS FROM arrow_calls")
    options: Any = {"type": "arrow", "null_handling": "special"}
    connection.create_function("idle", lambda numbers: numbers, ["VARCHAR"], "VARCHAR", **options)
    annotated = portdip.batch.duckdb.annotate(connection, "FROM calls", "number", source=engine)
    counted = annotated.aggregate("carrier, count(*)")
    annotated = annotated.project("number, carrier, routing_number")  # as many as the join gives
    queries = {
        "functions": "SELECT number, portdip_carrier(number), portdip_routing_number(number) FROM calls",
        "one function": "SELECT number, portdip_carrier(number) FROM calls",
        "a function that does nothing": "SELECT number, idle(number) FROM calls",
        "join": "SELECT * FROM calls LEFT JOIN ported USING (number)",
        "join, counted": "SELECT carrier, count(*) FROM calls LEFT JOIN ported USING (number) GROUP BY carrier",
    }
    candidates: dict[str, Callable[[], object]] = {
        "annotate": lambda: _arrow(annotated),
        "annotate, counted": lambda: _arrow(counted),
        "annotated_batches": lambda: portdip.batch.duckdb.annotated_batches(
            connection, "FROM calls", "number", source=engine
        ).read_all(),
    }
    candidates |= {title: lambda query=query: _arrow(connection.sql(query)) for title, query in queries.items()}
    times = interleaved(candidates, min(size.rounds, _ROUNDS_MAX))
    detail = {"nanoseconds": nanoseconds(times, len(calls))}
    found = [
        Figure(
            f"DuckDB's join over annotate, counted by carrier, {name}",
            ratio(times, "join, counted", "annotate, counted"),
            "x",
            3.0,
            "at least",
            detail,
        ),
        Figure(
            f"DuckDB's join over annotated_batches, all into Arrow, {name}",
            ratio(times, "join", "annotated_batches"),
            "x",
            3.0,
            "at least",
            detail,
        ),
        Figure(
            f"DuckDB's join over annotate, all through DuckDB into Arrow, {name}",
            ratio(times, "join", "annotate"),
            "x",
            3.0,
            "at least",
            detail,
        ),
        Figure(
            f"DuckDB's join over one SQL function, {name}", ratio(times, "join", "one function"), "x", detail=detail
        ),
    ]
    connection.close()
    return found


def _arrow(relation: Any) -> pa.Table:
    read = getattr(relation, "to_arrow_table", None) or relation.fetch_arrow_table
    return read()


def _pandas(table: pa.Table, calls: pa.Table, size: Size, name: str) -> Figure:
    ported, asked = table.to_pandas(), calls.to_pandas()
    candidates: dict[str, Callable[[], object]] = {
        "portdip": lambda: asked.join(asked["number"].portdip.dip()),
        "merge": lambda: asked.merge(ported, on="number", how="left"),
    }
    times = interleaved(candidates, min(size.rounds, 2))
    detail = {"nanoseconds": nanoseconds(times, len(calls))}
    better = ratio(times, "merge", "portdip")
    return Figure(f"pandas' merge over its accessor, {name}", better, "x", 3.0, "at least", detail)


#: What a process of its own does with a file of numbers, `path`, given the path of a store, `place`.
_READING = {
    "Polars": """
        import polars as pl, portdip.batch.polars
        portdip.batch.polars.use(place)
        calls = pl.scan_parquet(path).select(carrier=pl.col("number").portdip.carrier())
        calls.group_by("carrier").len().collect(engine="streaming")
        """,
    "Polars alone": """
        import polars as pl
        calls = pl.scan_parquet(path).select(beginning=pl.col("number").str.slice(0, 7))
        calls.group_by("beginning").len().collect(engine="streaming")
        """,
    "DuckDB": """
        import duckdb, portdip.batch.duckdb
        connection = duckdb.connect()
        portdip.batch.duckdb.register(connection, place)
        calls = portdip.batch.duckdb.annotate(connection, f"FROM '{path}'", "number", source=place)
        calls.aggregate("carrier, count(*)").fetchall()
        connection.sql(f"SELECT portdip_carrier(number), count(*) FROM '{path}' GROUP BY 1").fetchall()
        """,
}
_WATCHED = """
import json, re, sys, threading, time
path, place = sys.argv[1:]
peak, stop = 0, threading.Event()
def watch():
    global peak
    while not stop.wait(0.005):
        peak = max(peak, int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]))
watching = threading.Thread(target=watch)
watching.start()
{}
stop.set(); watching.join()
print(json.dumps(peak * 1024))
"""


def _memory(tool: str, place: Path, calls: pa.Table, name: str) -> Figure:
    """Peak memory of a stream through a front end, of a longer file over a shorter one."""
    peaks = {}
    for times in (_SETTLED, _SETTLED * _LONGER):
        path = CACHE / f"frames-{times}.parquet"
        with pq.ParquetWriter(path, calls.schema) as writer:
            for _ in range(times):
                writer.write_table(calls, row_group_size=131_072)
        code = _WATCHED.format(textwrap.dedent(_READING[tool]))
        done = subprocess.run([sys.executable, "-c", code, path, place], capture_output=True, text=True, check=True)
        peaks[times] = json.loads(done.stdout.splitlines()[-1])
        path.unlink()
    detail = {"bytes": {f"{times * len(calls):,} rows": peak for times, peak in peaks.items()}}
    return Figure(
        f"{tool}, memory of {_LONGER} x the rows, {name}",
        peaks[_SETTLED * _LONGER] / peaks[_SETTLED],
        "x",
        None if tool.endswith("alone") else 1.1,
        detail=detail,
    )
