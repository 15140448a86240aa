"""The engine on whole columns against the tools people use today: pandas, cykhash, Polars, DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

import portdip
from portdip import Engine

from .figure import Figure, Size, interleaved, nanoseconds, ratio
from .peers import duckdb_join
from .peers.cykhash_map import CykhashMap
from .peers.pandas_index import PandasIndex
from .peers.peer import Peer, Ported
from .populations import Columns, columns, questions, store

_ROUNDS_MAX = 5


def figures(size: Size) -> list[Figure]:
    drawn = columns("cn", size.numbers, 0.16)
    engine = portdip.open_engine(store(drawn, size.numbers, 0.16), resident=True)
    asked = questions(drawn, size.questions)
    name = f"{size.numbers / 1e6:g} M"
    return [*_codes(engine, drawn, asked, size, name), *_strings(engine, drawn, asked, size, name)]


def _codes(engine: Engine, drawn: Columns, asked: Any, size: Size, name: str) -> list[Figure]:
    """Numbers to codes: `route_codes` against a pandas index and a compiled hash map."""
    ported = Ported(drawn.numbers, drawn.codes, drawn.ranges, drawn.image.parent)
    peers: list[Peer] = [PandasIndex(ported), CykhashMap(ported)]
    candidates: dict[str, Callable[[], object]] = {
        "route_codes": lambda: engine.route_codes(asked),
        **{peer.name: (lambda peer=peer: peer.ask_many(asked)) for peer in peers},
    }
    times = interleaved(candidates, min(size.rounds, _ROUNDS_MAX))
    better = min(ratio(times, peer.name, "route_codes") for peer in peers)
    detail = {"nanoseconds": nanoseconds(times, len(asked))}
    return [Figure(f"pandas or cykhash over route_codes, {name}", better, "x", 4.0, "at least", detail)]


def _strings(engine: Engine, drawn: Columns, asked: Any, size: Size, name: str) -> list[Figure]:
    """Strings to carrier and routing number, end to end: `annotate` against find_many and against joins."""
    texts = pa.array(asked).cast(pa.string())
    routes = drawn.plan.routes
    codes = pa.array(np.asarray(drawn.codes) - np.uint16(1))
    table = pa.table(
        {
            "number": pa.array(np.asarray(drawn.numbers)).cast(pa.string()),
            "carrier": pa.DictionaryArray.from_arrays(codes, pa.array([route.carrier.id for route in routes])).cast(
                pa.string()
            ),
            "routing_number": pa.DictionaryArray.from_arrays(
                codes, pa.array([route.routing_number for route in routes])
            ).cast(pa.string()),
        }
    )
    calls = pa.table({"number": texts})
    polars_table, polars_calls = pl.from_arrow(table), pl.from_arrow(calls)
    connection = duckdb_join.connect()
    connection.register("ported", table)
    connection.register("calls", calls)
    candidates: dict[str, Callable[[], object]] = {
        "find_many": lambda: engine.index.find_many(asked),
        "annotate": lambda: engine.annotate(texts),
        "Polars join": lambda: polars_calls.join(polars_table, on="number", how="left"),
        "DuckDB join": lambda: connection.sql("SELECT * FROM calls LEFT JOIN ported USING (number)").to_arrow_table(),
    }
    times = interleaved(candidates, min(size.rounds, _ROUNDS_MAX))
    better = min(ratio(times, peer, "annotate") for peer in ("Polars join", "DuckDB join"))
    detail = {"nanoseconds": nanoseconds(times, len(asked))}
    return [
        Figure(f"annotate over find_many, {name}", ratio(times, "annotate", "find_many"), "x", 3.0, detail=detail),
        Figure(f"Polars or DuckDB join over annotate, {name}", better, "x", 4.0, "at least", detail),
    ]
