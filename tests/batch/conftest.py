from datetime import timedelta
from pathlib import Path

import pytest

from portdip.lookup.engine import Engine, open_engine
from portdip.table.store import Store
from tests.lookup import stores
from tests.lookup.stores import make_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("stores") / "store")


@pytest.fixture(scope="session")
def engine(store: Path) -> Engine:
    return open_engine(store)


@pytest.fixture(scope="session")
def grown(tmp_path_factory) -> Path:
    """The same store, in which PORTED went on to ILEC a day after the import, and back to its range a day later."""
    path = make_store(tmp_path_factory.mktemp("stores") / "grown")
    imported = Store.open(path).chain.head.created
    with Store.open(path).writer() as writer:
        writer.port(stores.PORTED, "ILEC", "D9", effective=imported + timedelta(days=1))
        writer.publish()
        writer.release(stores.PORTED, effective=imported + timedelta(days=2))
    return path
