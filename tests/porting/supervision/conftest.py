import pytest

from tests.porting.supervision.office import START, Office


@pytest.fixture
def office(database, clock):
    clock.set(START)
    return Office(database, clock)
