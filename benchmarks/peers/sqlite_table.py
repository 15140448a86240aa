"""SQLite: a mapped file with one table WITHOUT ROWID, asked by its primary key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from .peer import Ability, Codes, Numbers, Peer, Ported, in_order

_MAP_BYTES = 1 << 36


class SqliteTable(Peer):
    name = "SQLite"
    lacks = (Ability.RANGES,)

    def __init__(self, ported: Ported) -> None:
        self._path = ported.folder / "ported.sqlite"
        # As the thread of who closes it may be another one; and nothing here must outlive a power cut.
        self._connection = sqlite3.connect(self._path, check_same_thread=False)
        execute = self._connection.execute
        execute("PRAGMA journal_mode = off")
        execute("PRAGMA synchronous = off")
        execute(f"PRAGMA mmap_size = {_MAP_BYTES}")
        execute("CREATE TABLE ported (number INTEGER PRIMARY KEY, code INTEGER NOT NULL) WITHOUT ROWID")
        rows = zip(ported.numbers.tolist(), ported.codes.tolist(), strict=True)
        self._connection.executemany("INSERT INTO ported VALUES (?, ?)", rows)
        self._connection.commit()

    def ask_one(self, keys: Sequence[int]) -> list[int]:
        execute = self._connection.execute
        rows = [execute("SELECT code FROM ported WHERE number = ?", (key,)).fetchone() for key in keys]
        return [row[0] if row else 0 for row in rows]

    def ask_many(self, asked: Numbers) -> Codes:
        return in_order(asked, self._ask)

    def _ask(self, asked: Numbers) -> Codes:
        """A join with the numbers, which come as JSON: faster than a table of them."""
        rows = self._connection.execute(
            "SELECT code FROM json_each(?) AS asked LEFT JOIN ported ON ported.number = asked.value",
            (json.dumps(asked.tolist()),),
        )
        return np.fromiter((code or 0 for (code,) in rows), np.uint16, len(asked))

    @property
    def file_bytes(self) -> int:
        return self._path.stat().st_size
