"""A copy of the SQLite database while others write it, and whether a copy is whole."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from portdip.errors import DatabaseError


def copy_database(path: Path, target: Path) -> None:
    """Make `target`, a new file, a copy of the database at `path` as it is at one moment. Writers go on meanwhile.

    SQLite's online backup, in one step: its pages come from one read transaction. Raises DatabaseError.
    """
    try:
        with contextlib.closing(_connected(path, "rw")) as source, contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        raise DatabaseError("the porting database cannot be copied", where=str(path), got=str(error)) from error


def check_copy(path: Path) -> None:
    """Raise DatabaseError unless the database at `path` is whole: SQLite's own check of every page and index."""
    try:
        with contextlib.closing(_connected(path, "rw")) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
    except sqlite3.Error as error:
        found = [str(error)]
    if found != ["ok"]:
        raise DatabaseError("the copy of the porting database is damaged", where=str(path), got="; ".join(found)[:300])


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30.0)
