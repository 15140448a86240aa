"""The porting database and its transactions: SQLite in a file, or PostgreSQL.

SQLite runs in WAL mode with `synchronous=FULL`; a transaction that may write takes the write lock at its beginning,
so it never fails for having read first. PostgreSQL runs READ COMMITTED; rows that are going to be changed are locked
when they are read, orders in the order of their ids.

What is append-only (audit, events, the outbox) is put into the transaction by `Transaction.append` and
`Transaction.audit` and written at its end, under the lock of the audit chain's head. So their ids grow in the order
of the commits: a reader that goes on from the last id it has seen misses nothing, in both databases.

A `Database` may be shared between threads, a `Transaction` belongs to one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import orjson
import sqlalchemy
from sqlalchemy import Connection, Engine, Table, bindparam, event, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from portdip.errors import DatabaseError
from portdip.porting import schema
from portdip.porting.actor import Actor
from portdip.porting.audit_record import BEGINNING, Entry
from portdip.porting.clock import Clock, SystemClock
from portdip.porting.moment import Moment
from portdip.porting.prepared import Asked, Prepared, insert_of, run_together
from portdip.porting.tables.audit import AUDIT, AUDIT_HEAD
from portdip.porting.turns import Turns

_BUSY_MS = 30_000

#: How SQLite begins a transaction that may write, and one that only reads. PostgreSQL's driver begins by itself.
_BEGIN, _BEGIN_READING = (Prepared(text(begin)) for begin in ("BEGIN IMMEDIATE", "BEGIN"))
_COMMIT = Prepared(text("COMMIT"))

#: PostgreSQL's own clock, as microseconds since 1970.
_CLOCK = Prepared(
    text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now").columns(now=Moment)
)

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_HEAD = Prepared(select(AUDIT_HEAD.c.sequence, AUDIT_HEAD.c.digest).with_for_update())
_NEW_HEAD = Prepared(
    update(AUDIT_HEAD)
    .where(AUDIT_HEAD.c.sequence == bindparam("old_sequence"), AUDIT_HEAD.c.digest == bindparam("old_digest"))
    .values(sequence=bindparam("sequence"), digest=bindparam("digest"))
)


class Transaction:
    """One transaction that may write; made by `Database.transaction`."""

    def __init__(self, connection: Connection, clock: Clock | None, seen: _Seen) -> None:
        self.connection = connection
        self._clock = clock
        self._seen = seen
        self._entries: list[Entry] = []
        self._appended: dict[Table, list[Mapping[str, Any]]] = {}

    @cached_property
    def now(self) -> datetime:
        """The moment of this transaction, in UTC, by the clock of the database: what expires, expires by it.

        SQLite runs in this process, so its clock is this machine's.
        """
        if self._clock is not None:
            return self._clock.now()
        moment: datetime = _CLOCK.first(self.connection).now
        return moment

    def audit(
        self,
        actor: Actor,
        act: str,
        subject: str,
        before: str = "",
        after: str = "",
        cause: str = "",
        rule: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an act in the audit chain. What may have to be erased one day goes into `details`, nowhere else."""
        written = orjson.dumps(details, option=orjson.OPT_SORT_KEYS).decode() if details else ""
        self._entries.append(Entry(self.now, actor, act, subject, before, after, cause, rule, written))

    def append(self, table: Table, row: Mapping[str, Any]) -> None:
        """Put a row into an append-only table at the end of the transaction; rows of one table have the same keys."""
        self._appended.setdefault(table, []).append(row)

    def lock(self, name: str) -> None:
        """Be the only transaction that holds the lock of this name, until the end. On SQLite every one is alone."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(_LOCK, {"name": name})

    def write_appended(self) -> None:
        """Write what was recorded and appended so far. Until the commit no other transaction can do so.

        For where the ids of appended rows are wanted before the end of the transaction.
        """
        self._write()

    def commit(self) -> None:
        """Write the rest, and commit."""
        self._write((_COMMIT, [{}]))

    def _write(self, *then: Asked) -> None:
        if not self._entries and not self._appended:
            return
        inserts: list[Asked] = [(insert_of(table, frozenset(rows[0])), rows) for table, rows in self._appended.items()]
        if self._entries:
            records = self._records()
            inserts.append((insert_of(AUDIT, frozenset(records[0])), records))
        else:
            _HEAD.first(self.connection)
        run_together(self.connection, [*inserts, *then])
        self._entries, self._appended = [], {}

    def _records(self) -> list[dict[str, Any]]:
        """The rows of what was recorded; the head is moved to the last of them, and ours until the commit.

        Nearly always it still is where this process saw it last. Where it has moved on, it is locked and read.
        """
        head = self._seen.head
        while True:
            rows, digest = [], head[1]
            for number, entry in enumerate(self._entries, start=head[0] + 1):
                rows.append(entry.row(number, digest))
                digest = rows[-1]["digest"]
            self._seen.head = (rows[-1]["sequence"], digest)
            moved = {"sequence": rows[-1]["sequence"], "digest": digest, "old_sequence": head[0], "old_digest": head[1]}
            if _NEW_HEAD.run(self.connection, [moved]):
                return rows
            head = _HEAD.first(self.connection)


class _Seen:
    """The head of the audit chain, sequence and digest, as this process saw it last."""

    head: tuple[int, bytes] = (0, BEGINNING)


class Database:
    """A porting database that is open; close it in the end, or use it as a context."""

    def __init__(self, engine: Engine, clock: Clock | None) -> None:
        self.engine = engine
        self._clock = clock
        self._turns: Turns | None = None
        self._seen = _Seen()

    @classmethod
    def open(cls, url: str, clock: Clock | None = None) -> Self:
        """Open the database at an SQLAlchemy URL, and bring its tables to the newest form.

        `clock` stands in for the database's own, for tests and the simulator. Raises DatabaseError where the
        database cannot be reached, or was written by a newer portdip.
        """
        engine = _engine(url)
        database = cls(engine, clock or (SystemClock() if engine.dialect.name == "sqlite" else None))
        try:
            with _failing(engine), engine.begin() as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(_LOCK, {"name": "portdip schema"})
                schema.prepare(connection)
                if connection.execute(select(AUDIT_HEAD)).first() is None:
                    connection.execute(AUDIT_HEAD.insert().values(id=1, sequence=0, digest=BEGINNING))
            file = engine.url.database if engine.dialect.name == "sqlite" else ""
            if file and file != ":memory:":
                database._turns = Turns(Path(file), _BUSY_MS / 1000)
        except BaseException:
            engine.dispose()
            raise
        return database

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that may write, for one thread: committed when the block ends, undone by an exception.

        Raises DatabaseError where the database fails; then nothing of the block holds.
        """
        turn = self._turns.next() if self._turns is not None else contextlib.nullcontext()
        with turn, _failing(self.engine), self.engine.begin() as connection:
            transaction = Transaction(connection, self._clock, self._seen)
            yield transaction
            transaction.commit()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads, all of it from one moment; it neither waits for writers nor delays them."""
        with _failing(self.engine), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            else:
                connection = connection.execution_options(portdip_begin=_BEGIN_READING)
            with connection.begin():
                yield connection

    def now(self) -> datetime:
        """The moment by the database's clock, in UTC."""
        if self._clock is not None:
            return self._clock.now()
        with self.reading() as connection:
            return Transaction(connection, None, self._seen).now


def _engine(url: str) -> Engine:
    try:
        parsed = sqlalchemy.make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise DatabaseError("no such kind of database", got=parsed.drivername, expected="sqlite or postgresql")
        engine = sqlalchemy.create_engine(
            parsed,
            json_serializer=_json,
            json_deserializer=orjson.loads,
            hide_parameters=True,
            paramstyle="qmark" if parsed.get_backend_name() == "sqlite" else "format",
        )
    except (SQLAlchemyError, ImportError) as error:
        raise DatabaseError(
            "the database URL cannot be used",
            got=type(error).__name__,
            expected="such as sqlite:///FILE or postgresql://USER@HOST/NAME",
            fix="For PostgreSQL: pip install portdip[pg].",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver would begin transactions of its own kind
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    # A page that many moves change is written back once in 32 MB of log, not once in 4.
    cursor.execute("PRAGMA wal_autocheckpoint=8000")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.get_execution_options().get("portdip_begin", _BEGIN).run(connection, [{}])


@contextlib.contextmanager
def _failing(engine: Engine) -> Iterator[None]:
    """Say what the database could not do, without the statement's values: they may be personal."""
    try:
        yield
    except DBAPIError as error:
        kind = "cannot be reached or written" if isinstance(error, OperationalError) else "refused a statement"
        raise DatabaseError(
            f"the porting database {kind}",
            where=engine.url.render_as_string(hide_password=True),
            got=str(error.orig).partition("\n")[0],
            fix="Nothing of the transaction was kept; try again when the cause is gone.",
        ) from error
