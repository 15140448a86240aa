import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from portdip.capacity.suite import running
from portdip.errors import CapacityError
from tests.capacity import results


@pytest.fixture
def measured(monkeypatch):
    """Instead of measuring: what was asked for, and a result made up."""
    asked = []

    def run(extent, seed, directory, report):
        asked.append((extent, seed, directory))
        report("something", 0.5)
        return results.result(spread=0.05)

    monkeypatch.setattr(running, "run", run)
    return asked


def test_a_run_is_shown_and_how_long_it_takes_is_told_before(portdip, measured):
    done = portdip("bench", "--quick")
    assert done.code == 0
    assert "at most" in done.err
    assert "CPU of an answer" in done.out
    assert "index[number]" in done.out.replace("\n", "")
    assert measured[0][0] == running.QUICK


def test_sizes_and_seed_are_those_asked_for(portdip, measured, tmp_path):
    portdip("bench", "--sizes", "2e6,1e6,2000000", "--seed", 5, "--directory", tmp_path)
    extent, seed, directory = measured[0]
    assert (extent.sizes, seed, directory) == ((1_000_000, 2_000_000), 5, tmp_path)


@pytest.mark.parametrize("sizes", ["", "many", "1e6,", "1e999", "nan"])
def test_sizes_that_are_no_numbers_are_refused(portdip, measured, sizes):
    done = portdip("bench", "--sizes", sizes)
    assert done.code == 2
    assert "--sizes" in done.err
    assert not measured


def test_the_result_is_kept_and_printed_for_programs(portdip, measured, tmp_path):
    done = portdip("bench", "--json", "--out", tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == done.out
    assert orjson.loads(done.out)["format"] == "portdip-bench"


def test_another_run_is_compared_with(portdip, measured, tmp_path):
    slower = results.result(spread=0.05, changed={("enum", "CPU of an answer"): 15.0})
    (tmp_path / "old.json").write_bytes(slower.as_json())
    done = portdip("bench", "--against", tmp_path / "old.json")
    assert done.code == 0
    assert "better" in done.out
    assert "1 better" in done.out
    assert "0 worse" in done.out


def test_a_result_that_cannot_be_read_is_refused_before_anything_is_measured(portdip, measured, tmp_path):
    (tmp_path / "old.json").write_text("{}")
    done = portdip("bench", "--against", tmp_path / "old.json")
    assert done.code == 2
    assert "not a bench result" in done.err
    assert not measured


def test_what_cannot_be_measured_here_is_one_line(portdip, monkeypatch):
    def run(*_):
        raise CapacityError("no room for a table of 5 numbers", expected="1 GB", got="0 GB")

    monkeypatch.setattr(running, "run", run)
    done = portdip("bench")
    assert done.code == 2
    assert done.err.count("\n") == 2  # how long it takes, and why not


def test_ended_by_sigterm_it_leaves_neither_files_nor_servers(tmp_path):
    command = [sys.executable, "-m", "portdip", "bench", "--quick", "--sizes", "1e5", "--directory", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not serving(tmp_path):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) != 0
    assert list(tmp_path.iterdir()) == []
    assert not serving(tmp_path)


def serving(folder) -> bool:
    """Whether a server runs on a store there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"serve" in words and any(word.startswith(bytes(folder)) for word in words):
                return True
    return False
