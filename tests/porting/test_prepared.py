"""Statements that are compiled once: they do what SQLAlchemy's own execution does, on both databases."""

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from portdip.errors import DatabaseError
from portdip.porting import audit
from portdip.porting.actor import SYSTEM
from portdip.porting.database import Database
from portdip.porting.prepared import Prepared, insert_of, run_together
from portdip.porting.tables.nodes import NODES
from portdip.porting.tables.orders import EVENTS

ALL = select(EVENTS).order_by(EVENTS.c.id)
BY_REFERENCE = Prepared(select(EVENTS).where(EVENTS.c.reference == bindparam("reference")).limit(1))


def event(tx, reference, **values):
    row = {"carrier": "ALPHA", "kind": "test", "reference": reference, "body": {"of": [1, None, "號"]}, "at": tx.now}
    return row | values


def insert(tx, *rows):
    return insert_of(EVENTS, frozenset(rows[0])).run(tx.connection, rows)


def test_rows_are_those_that_sqlalchemy_gives(database):
    with database.transaction() as tx:
        assert insert(tx, event(tx, "a"), event(tx, "b")) == 2
        ours, theirs = Prepared(ALL).all(tx.connection), tx.connection.execute(ALL).all()
        assert [row._asdict() for row in ours] == [dict(row._mapping) for row in theirs]
        assert ours[0].at == tx.now
        assert BY_REFERENCE.first(tx.connection, reference="b") == ours[1]
        assert BY_REFERENCE.first(tx.connection, reference="c") is None


def test_a_change_tells_how_many_rows_it_was(database):
    change = Prepared(update(EVENTS).where(EVENTS.c.kind == bindparam("old")).values(kind=bindparam("new")))
    with database.transaction() as tx:
        insert(tx, event(tx, "a"), event(tx, "b"), event(tx, "c", kind="other"))
        assert change.run(tx.connection, [{"old": "test", "new": "x"}, {"old": "other", "new": "y"}]) == 3
        assert change.run(tx.connection, [{"old": "none", "new": "z"}]) == 0


def node(tx, name):
    return {"name": name, "carrier": "ALPHA", "sequence": 0, "registered": tx.now}


def test_what_the_database_refuses_is_sqlalchemys_error(database):
    with database.transaction() as tx:
        into = insert_of(NODES, frozenset(node(tx, "")))
        into.run(tx.connection, [node(tx, "north")])

    def again(run):
        with database.transaction() as tx:
            run(tx.connection, node(tx, "north"))

    for run in (
        lambda connection, row: into.run(connection, [row]),
        lambda connection, row: run_together(connection, [(into, [{**row, "name": "south"}]), (into, [row])]),
    ):
        with pytest.raises(DatabaseError, match="refused a statement") as error:
            again(run)
        assert isinstance(error.value.__cause__, IntegrityError)
    with database.reading() as connection:
        assert [row.name for row in connection.execute(select(NODES))] == ["north"]


def test_the_chain_goes_on_from_where_another_process_has_taken_it(database, database_url):
    """And from before a transaction that was undone, though its records were the last that were made here."""

    def undone(one):
        with one.transaction() as tx:
            tx.audit(SYSTEM, "undone", "subject")
            tx.write_appended()
            raise ZeroDivisionError

    with Database.open(database_url) as other:
        for one in (database, other, other, database, other):
            with one.transaction() as tx:
                tx.audit(SYSTEM, "act", "subject")
                tx.write_appended()
                tx.audit(SYSTEM, "act", "subject")
            with pytest.raises(ZeroDivisionError):
                undone(one)
    assert audit.verify(database).records == 10
