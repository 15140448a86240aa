"""How the tables of the porting database came to be, step by step, and how an older database gets to the newest.

A new database is made from the tables as they are now, and marked as being at the newest revision, `HEAD`. An older
one is upgraded by the revisions in `versions`, which are Alembic's; a test sees to it that both ways lead to the same
tables. All of it is one transaction, on SQLite too.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from portdip.errors import DatabaseError
from portdip.porting.tables import METADATA

#: The newest revision.
HEAD = "0012"

_TABLE = "alembic_version"


def prepare(connection: Connection) -> None:
    """Bring a database, new or old, to the newest revision, in the connection's transaction.

    Raises DatabaseError for a database that a newer portdip has upgraded.
    """
    found = revision(connection)
    if found == HEAD:
        return
    if found > HEAD:
        raise DatabaseError("the database is of a newer portdip", expected=f"revision {HEAD} at most", got=found)
    if not found and not inspect(connection).get_table_names():
        METADATA.create_all(connection)
        _run(connection, "stamp", HEAD)
    else:
        upgrade(connection)


def revision(connection: Connection) -> str:
    """The revision that a database is at, '' for one without any."""
    if not inspect(connection).has_table(_TABLE):
        return ""
    return str(connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar() or "")  # noqa: S608


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """Take the database forward to a revision, in the connection's transaction."""
    _run(connection, "upgrade", to)


def downgrade(connection: Connection, to: str) -> None:
    """Take the database back to an older revision, 'base' for none, in the connection's transaction."""
    _run(connection, "downgrade", to)


def _run(connection: Connection, command: str, to: str) -> None:
    from alembic import command as commands  # slow to import, and seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    getattr(commands, command)(config, to)
