"""On a disk that is full, but for any number of pages, nothing is lost, and the next attempt with room succeeds."""

import pytest

from tests.faults.scenarios import SCENARIOS


@pytest.mark.mount
@pytest.mark.parametrize("name", ["import", "apply"])
def test_a_full_disk_does_no_harm(name, seed, program):
    code, printed = program("full_disk", name, "--seed", seed, "--step", 8)
    assert code == 0, printed


@pytest.mark.full
@pytest.mark.mount
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_disk_full_to_any_page_does_no_harm(name, seed, program):
    code, printed = program("full_disk", name, "--seed", seed)
    assert code == 0, printed
