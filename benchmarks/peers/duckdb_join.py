"""DuckDB: a table with a primary key in memory, asked by a statement or by a join, on one thread."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from .peer import Ability, Codes, Numbers, Peer, Ported


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory, on one thread."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    return connection


class DuckdbJoin(Peer):
    name = "DuckDB join"
    lacks = (Ability.RANGES, Ability.SHARING)

    def __init__(self, ported: Ported) -> None:
        self._connection = connect()
        self._connection.execute("CREATE TABLE ported (number UBIGINT PRIMARY KEY, code USMALLINT)")
        self._connection.register("columns", pa.table({"number": ported.numbers, "code": ported.codes}))
        self._connection.execute("INSERT INTO ported SELECT number, code FROM columns")
        self._connection.unregister("columns")

    def ask_one(self, keys: Sequence[int]) -> list[int]:
        execute = self._connection.execute
        rows = [execute("SELECT code FROM ported WHERE number = ?", [key]).fetchall() for key in keys]
        return [row[0][0] if row else 0 for row in rows]

    def ask_many(self, asked: Numbers) -> Codes:
        self._connection.register("asked", pa.table({"place": np.arange(len(asked)), "number": asked}))
        rows = self._connection.execute("SELECT place, code FROM asked JOIN ported USING (number)").fetchnumpy()
        found = np.zeros(len(asked), np.uint16)
        found[rows["place"]] = rows["code"]
        return found
