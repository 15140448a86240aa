from pathlib import Path

import pytest

from portdip.lookup.engine import Engine, open_engine
from tests.lookup.stores import make_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("stores") / "store")


@pytest.fixture(scope="session")
def engine(store: Path) -> Engine:
    return open_engine(store)
