import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from portdip.capacity import machine
from portdip.index import kernels


def test_a_fingerprint_says_what_decides(tmp_path):
    found = machine.fingerprint(tmp_path)
    assert found["processor"]
    assert found["cores"] >= 1
    assert found["memory"].endswith("kB")
    assert found["page_size"] >= 4096
    assert found["file_system"]
    assert found["instruction_set"] in kernels()
    assert found["packages"]["portdip"] != "absent"
    assert machine.differences(found, found) == []


def test_a_package_that_is_not_there_is_absent():
    assert machine.fingerprint(packages=("no-such-package",))["packages"] == {"no-such-package": "absent"}


@pytest.mark.parametrize("huge", [False, True])
def test_a_chase_goes_through_every_line_once_before_it_is_back(huge):
    area = machine.memory_area(1 << 16, huge, gathers=1000)
    lines = area.lines.size // 8
    assert machine.chase(area.lines, lines) == 0
    assert len({machine.chase(area.lines, steps) for steps in range(lines)}) == lines
    assert 0 <= area.huge_share <= 1


def test_a_gather_reads_the_lines_of_its_order():
    memory = np.arange(800, dtype=np.uint64)
    for count in (0, 1, 31, 32, 33, 200):
        order = np.random.default_rng(count).integers(0, 100, count, dtype=np.uint64)
        assert machine.gather(memory.view(np.uint8), order) == int(memory[order * 8].sum())


def test_small_pages_are_small_where_they_were_asked_for():
    assert machine.memory_area(8 << 20, huge=False, gathers=10).huge_share == 0


def test_limits_are_times():
    area = machine.memory_area(1 << 20, huge=True, gathers=10_000)
    assert 0 < area.latency_ns(10_000) < 1e6
    assert 0 < area.gather_ns() < 1e6
    assert machine.spin(1000) == machine.spin(1000) != machine.spin(1001)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the system does not say")
def test_work_of_this_process_is_busy_time_and_its_own_and_that_of_others_is_only_busy():
    busy, own = machine.busy_seconds(), machine.own_seconds()
    machine.spin(100_000_000)
    own_worked = machine.own_seconds() - own
    assert 0 < own_worked <= machine.busy_seconds() - busy + 0.1  # which is counted in hundredths
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    assert machine.own_seconds() - own > own_worked  # a child that has ended is its own too


def test_there_is_memory():
    assert machine.memory_available() > 1 << 20
