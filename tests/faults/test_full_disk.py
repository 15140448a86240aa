"""On a disk that is full, but for any number of pages, nothing is lost, and the next attempt with room succeeds."""

import pytest

from tests.faults.scenarios import SCENARIOS


@pytest.mark.mount
@pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_full_disk_does_no_harm(name, step, seed, program):
    code, printed = program("full_disk", name, "--seed", seed, "--step", step)
    assert code == 0, printed
