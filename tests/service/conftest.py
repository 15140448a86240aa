from pathlib import Path

import pytest

from tests.cli.conftest import portdip  # noqa: F401
from tests.lookup.stores import make_store


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """A store that tests only read."""
    return make_store(tmp_path_factory.mktemp("stores") / "store")


@pytest.fixture
def own(tmp_path) -> Path:
    """A store that the test may change; sequence 1."""
    return make_store(tmp_path / "own")
