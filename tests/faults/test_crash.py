"""Killed at any call that changes the disk, a scenario has kept what it acknowledged, and can go on."""

import re

import pytest

from tests.faults.scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_crash_loses_or_tears_anything(name, seed, program):
    code, printed = program("crash", name, "--seed", seed, "--quick")
    assert code == 0, printed


@pytest.mark.full
@pytest.mark.parametrize("which", range(10))
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_crash_stops_what_comes_after_it(name, which, seed, program):
    code, printed = program("crash", name, "--seed", seed + which)
    assert code == 0, printed


def test_what_is_overwritten_in_place_is_found_torn_and_can_be_repeated(program):
    code, printed = program("crash", "in-place")
    assert code == 1
    assert "torn" in printed
    command = re.search(r"repeat with: python -m tests\.faults\.crash (.*)", printed)
    code, repeated = program("crash", *command[1].split())
    assert code == 1
    assert command[0] in repeated


def test_what_is_acknowledged_too_soon_is_found_lost(program):
    code, printed = program("crash", "too-soon")
    assert code == 1
    assert "point before create .counter.tmp, 1 acknowledged: lost 1" in printed
