import pytest

from tests.porting.migration.world import START, World


@pytest.fixture
def world(tmp_path, database, clock):
    clock.set(START)
    return World(tmp_path / "store", database, clock)
