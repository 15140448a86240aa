"""One node with known numbers (those of tests.lookup.stores), as `portdip serve` runs it, for the clients of others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portdip.exchange.following import Following
from portdip.table.store import Store
from tests.interop.programs import loopback_address
from tests.lookup.stores import UNALLOCATED, make_store
from tests.service.nodes import Node

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """A store that tests only read."""
    return make_store(tmp_path_factory.mktemp("stores") / "store")


@pytest.fixture(scope="module")
def node(store) -> Iterator[Node]:
    """A node with settings as they are without a file."""
    with Node(store) as node:
        yield node


@pytest.fixture
def stale_and_current(tmp_path) -> Iterator[tuple[Node, Node]]:
    """Two nodes: UNALLOCATED has come to CU since, which the first has not heard of for an hour, and knows it."""
    stale, current = make_store(tmp_path / "stale"), make_store(tmp_path / "current")
    now = datetime.now(UTC)
    Following("elsewhere", now, None, [], now - timedelta(hours=1), "").write(stale / "following.json")
    with Store.open(current).writer() as writer:
        writer.port(UNALLOCATED, "CU", "D002")
    with Node(stale) as first, Node(current) as second:
        yield first, second


@pytest.fixture(scope="module")
def name_server(store) -> Iterator[str]:
    """The address of a node that answers ENUM at port 53, by deploy/kamailio/portdip.toml."""
    address = loopback_address()
    settings = str(ROOT / "deploy" / "kamailio" / "portdip.toml")
    with Node(store, arguments=("--enum", f"{address}:53"), PORTDIP_SETTINGS=settings):
        yield address
