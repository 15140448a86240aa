"""Statements that are compiled once and then go to the database's driver as they are.

SQLAlchemy makes text and values out of a statement each time that it is executed. For the small statements of which
every step of a port consists this takes longer than the database does. So those that are always the same are kept
here in the form that the driver takes: SQLAlchemy compiles them and its column types convert their values, once for
each kind of database. What is put together as it is asked for is executed by `Connection.execute`.

A `Prepared` may be shared between threads.
"""

from __future__ import annotations

import contextlib
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect, Table, bindparam, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows
from sqlalchemy.types import TypeEngine

_Convert = Callable[[Any], Any]


class Prepared:
    """`statement`, an SQLAlchemy statement whose values are named bind parameters.

    Every method raises what `Connection.execute` would: a DBAPIError for what the database refuses.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement
        self._forms: dict[str, _Form] = {}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Execute it with the values of each of these rows; how many rows of the table were changed in all."""
        with _asking(connection) as driver:
            cursor = self._form(connection.dialect).executed(driver, rows)
        return int(cursor.rowcount)

    def all(self, connection: Connection, **values: Any) -> list[Any]:
        """The rows that it gives with these values: named tuples, named as the columns are."""
        form = self._form(connection.dialect)
        with _asking(connection) as driver:
            found = form.executed(driver, [values]).fetchall()
        return [form.row(values) for values in found]

    def first(self, connection: Connection, **values: Any) -> Any:
        """The first of those rows; None where there is none."""
        form = self._form(connection.dialect)
        with _asking(connection) as driver:
            found = form.executed(driver, [values]).fetchone()
        return None if found is None else form.row(found)

    def _form(self, dialect: Dialect) -> _Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _Form(self.statement, dialect)
        return form


#: A statement and the rows of values that it is to be executed with.
Asked = tuple[Prepared, Sequence[Mapping[str, Any]]]


def run_together(connection: Connection, statements: Sequence[Asked]) -> None:
    """Execute statements one after the other; PostgreSQL is sent all of them before it answers."""
    with _asking(connection, together=True) as driver:
        for statement, rows in statements:
            statement._form(connection.dialect).executed(driver, rows)


@lru_cache
def insert_of(table: Table, names: frozenset[str]) -> Prepared:
    """An insert of rows into these columns of a table."""
    return Prepared(insert(table).values({name: bindparam(name) for name in sorted(names)}).inline())


class _Form:
    """A statement as the driver of one kind of database takes it; its values are told by their places."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        assert compiled.positiontup is not None
        self.text = compiled.string
        self._values = [(name, _to_driver(compiled.binds[name].type, dialect)) for name in compiled.positiontup]
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        columns = statement.exported_columns if isinstance(statement, ReturnsRows) else ()
        self._row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]
        converts = [_from_driver(column.type, dialect) for column in columns]
        self._converted = [(place, convert) for place, convert in enumerate(converts) if convert is not None]

    def executed(self, driver: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
        """The cursor of the driver's connection that has executed it with these rows of values."""
        if self._constants:
            rows = [{**self._constants, **row} for row in rows]
        values = [
            [row[name] if convert is None else convert(row[name]) for name, convert in self._values] for row in rows
        ]
        cursor = driver.cursor()
        if len(values) == 1:
            cursor.execute(self.text, values[0])
        else:
            cursor.executemany(self.text, values)
        return cursor

    def row(self, found: Sequence[Any]) -> Any:
        """A row as the driver gives it, as ours."""
        values = list(found)
        for place, convert in self._converted:
            values[place] = convert(values[place])
        return self._row._make(values)


@contextlib.contextmanager
def _asking(connection: Connection, *, together: bool = False) -> Iterator[Any]:
    """The driver's connection, with its errors as SQLAlchemy has them.

    `together`: PostgreSQL is sent all that is asked in the block before it answers.
    """
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    failure: Any = dialect.loaded_dbapi.Error
    try:
        with driver.pipeline() if together and dialect.name == "postgresql" else contextlib.nullcontext():
            yield driver
    except failure as error:
        raise DBAPIError.instance("", None, error, failure, hide_parameters=True, dialect=dialect) from error


def _to_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
