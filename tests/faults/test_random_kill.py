"""Killed at any moment, again and again, a scenario has kept what it acknowledged, and goes on."""

import shutil
from pathlib import Path

import pytest

from tests.faults.scenarios import LONG_SCENARIOS


@pytest.mark.parametrize("kills", [25, pytest.param(2_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("name", LONG_SCENARIOS)
def test_no_kill_loses_or_tears_anything(name, kills, seed, program):
    code, printed = program("random_kill", name, "--seed", seed, "--kills", kills)
    assert code == 0, printed


def test_what_is_acknowledged_too_soon_is_found_lost(program):
    code, printed = program("random_kill", "too-soon")
    assert code == 1
    assert "lost" in printed
    shutil.rmtree(Path(printed.split()[-1]).parent)
