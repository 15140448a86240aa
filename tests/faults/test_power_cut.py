"""After a power cut at any moment, what was acknowledged is there, whatever else the disk has kept or lost."""

import pytest

from tests.faults import power_cut
from tests.faults.scenarios import SCENARIOS


@pytest.mark.parametrize("states", [60, pytest.param(3_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_power_cut_loses_or_tears_anything(name, states, seed):
    failures = power_cut.explore(name, seed, range(states))
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("in-place", "torn"),
        ("no-file-sync", "power cut after"),
        ("no-directory-sync", "lost"),
        ("too-soon", "lost"),
    ],
)
def test_a_wrong_way_to_write_is_found_and_can_be_repeated(name, found, seed):
    failures = power_cut.explore(name, seed, range(150))
    assert any(found in failure for failure in failures)
    number = int(failures[0].split("--state ")[1])
    assert power_cut.explore(name, seed, [number]) == failures[:1]


def test_a_right_way_is_not(seed):
    assert not power_cut.explore("right", seed, range(150))
