"""The revisions of the database: up, down, and the same tables as the code has."""

import contextlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from portdip.errors import DatabaseError
from portdip.porting import schema
from portdip.porting.database import Database
from portdip.porting.tables import METADATA


@pytest.fixture
def emptied(database_url):
    """A database that was taken back to before the first revision."""
    with Database.open(database_url) as database:
        with database.engine.begin() as connection:
            schema.downgrade(connection, "base")
        yield database


def tables(database) -> set[str]:
    return set(inspect(database.engine).get_table_names()) - {"alembic_version", "sqlite_sequence"}


def test_down_leaves_nothing_and_up_makes_the_tables_of_the_code(emptied):
    assert tables(emptied) == set()
    with emptied.engine.begin() as connection:
        schema.upgrade(connection)
    assert tables(emptied) == set(METADATA.tables)
    with emptied.engine.connect() as connection:
        assert schema.revision(connection) == schema.HEAD
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_database_made_by_revisions_is_the_one_made_at_once(emptied, tmp_path):
    """On SQLite the very statements are the same; PostgreSQL has been compared above."""
    if emptied.engine.dialect.name != "sqlite":
        return
    with emptied.engine.begin() as connection:
        schema.upgrade(connection)
    with Database.open(f"sqlite:///{tmp_path}/new.db") as new:
        assert statements(new) == statements(emptied)


def statements(database) -> set[str]:
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {" ".join(sorted(sql.replace("(", " ").replace(")", " ").replace(",", " ").split())) for _, sql in rows}


def test_every_single_revision_goes_up_and_down(emptied):
    revisions = [script.revision for script in ScriptDirectory(schema.__path__[0]).walk_revisions()][::-1]
    assert revisions[-1] == schema.HEAD
    for revision in revisions:
        with emptied.engine.begin() as connection:
            schema.upgrade(connection, revision)
            schema.downgrade(connection, "-1")
            schema.upgrade(connection, revision)
    assert tables(emptied) == set(METADATA.tables)


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(emptied):
    with contextlib.suppress(ZeroDivisionError), emptied.engine.begin() as connection:
        schema.upgrade(connection)
        raise ZeroDivisionError
    assert tables(emptied) == set()


def test_an_old_database_is_upgraded_when_it_is_opened(emptied, database_url):
    with emptied.engine.begin() as connection:
        schema.upgrade(connection, "0002")
    with Database.open(database_url) as database:
        assert tables(database) == set(METADATA.tables)


def test_a_database_of_a_newer_portdip_is_refused(database, database_url):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer portdip"):
        Database.open(database_url)
