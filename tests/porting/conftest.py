"""The porting layer under test, on both databases, on a clock that is moved by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from portdip.porting.clock import VirtualClock
from portdip.porting.database import Database
from tests.porting import postgresql
from tests.porting.world import World

#: A Monday at nine in Shanghai, that is no holiday in any profile.
START = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with postgresql.server() as url:
        yield url


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system("pg_ctlcluster", "postgresql"))],
)
def database_url(request, tmp_path) -> str:
    """The URL of an empty database: every test that asks for it runs on SQLite and on PostgreSQL."""
    return f"sqlite:///{tmp_path}/porting.db" if request.param == "sqlite" else new_database(request)


def new_database(request) -> str:
    """The URL of an empty PostgreSQL database."""
    url = request.getfixturevalue("postgresql_server").replace("/NAME", "/postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        # One database for all tests: a new one each is a thousand files each.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = USER"
        )
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def database(database_url, clock) -> Iterator[Database]:
    with Database.open(database_url, clock) as opened:
        yield opened


@pytest.fixture
def world(database, clock) -> World:
    """A country with three carriers, its numbers assigned and subscribers known."""
    return World(database, clock)
