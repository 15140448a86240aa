"""Transactions of the porting database, on both kinds."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from portdip.errors import DatabaseError
from portdip.porting import audit
from portdip.porting.actor import SYSTEM
from portdip.porting.database import Database
from portdip.porting.moment import from_microseconds, microseconds
from portdip.porting.tables.orders import EVENTS


def event(number: int) -> dict[str, object]:
    return {"carrier": "ALPHA", "kind": "test", "reference": str(number), "body": {}, "at": datetime.now(UTC)}


def references(database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(EVENTS.c.reference).order_by(EVENTS.c.id)).scalars())


def test_ids_of_appended_rows_grow_in_the_order_of_the_commits(database):
    """A reader that goes on from the last id it has seen misses nothing, however transactions overlap."""
    seen: list[int] = []
    stop = threading.Event()

    def follow():
        last, finished = 0, False
        while not finished:
            finished = stop.is_set()
            with database.reading() as connection:
                ids = connection.execute(select(EVENTS.c.id).where(EVENTS.c.id > last).order_by(EVENTS.c.id)).scalars()
                seen.extend(ids)
            last = seen[-1] if seen else 0

    def append(writer: int):
        for one in range(20):
            with database.transaction() as tx:
                tx.append(EVENTS, event(writer * 100 + one))
                tx.audit(SYSTEM, "append", f"event {one}")

    reader = threading.Thread(target=follow)
    writers = [threading.Thread(target=append, args=(writer,)) for writer in range(3)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    with database.reading() as connection:
        assert seen == list(connection.execute(select(EVENTS.c.id).order_by(EVENTS.c.id)).scalars())
    assert audit.verify(database).records == 60


def test_nothing_of_a_transaction_that_fails_is_kept(database):
    def fail():
        with database.transaction() as tx:
            tx.append(EVENTS, event(1))
            tx.write_appended()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert references(database) == []


def test_a_reader_sees_one_moment_and_does_not_wait(database):
    with database.reading() as connection:
        assert connection.execute(select(EVENTS.c.id)).all() == []
        with database.transaction() as tx:
            tx.append(EVENTS, event(1))
        assert connection.execute(select(EVENTS.c.id)).all() == []
    assert references(database) == ["1"]


def test_a_clock_given_stands_in_for_the_databases_own(database, clock, database_url):
    with database.transaction() as tx:
        assert tx.now == clock.now() == database.now()
        clock.advance(timedelta(days=1))
        assert tx.now == clock.now() - timedelta(days=1)  # read once
    with Database.open(database_url) as other:
        assert abs(other.now() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("moment", [datetime(1969, 12, 31, tzinfo=UTC), datetime(9998, 1, 1, 1, 2, 3, 4, tzinfo=UTC)])
def test_moments_are_kept_to_the_microsecond(moment):
    assert from_microseconds(microseconds(moment)) == moment


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        microseconds(datetime(2026, 1, 1))


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://localhost/x", "oracle://x"])
def test_a_url_that_cannot_be_used_is_refused(url):
    with pytest.raises(DatabaseError):
        Database.open(url)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path):
    with pytest.raises(DatabaseError) as error:
        Database.open(f"postgresql://user:secret@/x?host={tmp_path}&connect_timeout=2")
    assert "secret" not in str(error.value)
    with pytest.raises(DatabaseError, match="cannot be reached"):
        Database.open(f"sqlite:///{tmp_path}/no/such/directory/x.db")


def test_what_a_database_refuses_is_said_without_the_values(database):
    with pytest.raises(DatabaseError) as error, database.transaction() as tx:
        tx.connection.execute(text("INSERT INTO events (id, carrier) VALUES (1, :name)"), {"name": "王小明"})
    assert "王小明" not in str(error.value)


def test_sqlite_syncs_every_commit(tmp_path):
    with Database.open(f"sqlite:///{tmp_path}/x.db") as database, database.reading() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


def test_a_full_database_refuses_and_goes_on_when_there_is_room(tmp_path):
    with Database.open(f"sqlite:///{tmp_path}/x.db") as database:
        with database.engine.connect() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            connection.execute(text(f"PRAGMA max_page_count={pages}"))
            connection.rollback()

            def fill():
                with database.transaction() as tx:
                    tx.connection.execute(text(f"PRAGMA max_page_count={pages}"))
                    for number in range(2000):
                        tx.append(EVENTS, event(number))

            with pytest.raises(DatabaseError, match="full"):
                fill()
        assert references(database) == []
        with database.transaction() as tx:
            tx.connection.execute(text("PRAGMA max_page_count=1000000"))
            tx.append(EVENTS, event(1))
        assert references(database) == ["1"]


def test_two_that_open_a_new_database_at_once_both_succeed(database_url):
    opened: list[Database] = []
    failed: list[BaseException] = []

    def run():
        try:
            opened.append(Database.open(database_url))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for database in opened:
        assert audit.verify(database).records == 0
        database.close()
