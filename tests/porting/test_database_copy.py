"""A copy of the database is of one moment, while others write, and damage in one is found."""

import sqlite3
import threading

import pytest

from portdip.errors import DatabaseError
from portdip.porting import audit
from portdip.porting.actor import SYSTEM
from portdip.porting.database import Database
from portdip.porting.database_copy import check_copy, copy_database
from portdip.porting.tables.orders import EVENTS


def test_a_copy_is_of_one_moment_while_others_write(tmp_path):
    path = tmp_path / "porting.db"
    with Database.open(f"sqlite:///{path}") as database:
        stop = threading.Event()

        def write():
            while not stop.is_set():
                with database.transaction() as tx:
                    tx.audit(SYSTEM, "test", "one")
                    row = {"carrier": "A", "kind": "test", "reference": "one", "body": {}, "at": tx.now}
                    tx.append(EVENTS, row)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for place in range(5):
                copy_database(path, tmp_path / f"{place}.db")
        finally:
            stop.set()
            writer.join()
    seen = []
    for place in range(5):
        check_copy(tmp_path / f"{place}.db")
        with Database.open(f"sqlite:///{tmp_path}/{place}.db") as copied:
            records = audit.verify(copied).records
            with copied.reading() as connection:
                assert len(connection.execute(EVENTS.select()).all()) == records
            seen.append(records)
    assert seen == sorted(seen)


def test_what_is_no_database_is_neither_copied_nor_taken_for_whole(tmp_path):
    with pytest.raises(DatabaseError, match="cannot be copied"):
        copy_database(tmp_path / "none.db", tmp_path / "copy.db")
    (tmp_path / "text.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(DatabaseError, match="damaged"):
        check_copy(tmp_path / "text.db")


def test_a_damaged_page_is_found(tmp_path):
    path = tmp_path / "porting.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 100)
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 3 + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match="damaged"):
        check_copy(path)
