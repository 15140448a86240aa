import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from portdip import files
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


@pytest.mark.parametrize("sizes", ["10", "-1e6", "-1e6,1e6", "1e30", "0"])
def test_sizes_that_cannot_be_meant_are_refused_before_it_is_told_how_long_they_take(portdip, measured, sizes):
    done = portdip("bench", f"--sizes={sizes}")
    assert done.code == 2
    assert done.err.startswith("portdip: no such size; expected 100,000 to 1,000,000,000 numbers in a table; got ")
    assert not measured


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


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("missing/x.json", "no such directory; at --out {}/missing"),
        ("file/x.json", "no such directory; at --out {}/file"),
        ("folder", "no regular file; at --out {}/folder"),
    ],
)
def test_where_no_result_can_be_kept_is_told_before_anything_is_measured(portdip, measured, tmp_path, out, problem):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    done = portdip("bench", "--out", tmp_path / out)
    assert (done.code, done.err) == (2, f"portdip: {problem.format(tmp_path)}\n")
    assert not measured


def test_a_directory_that_may_not_be_written_is_told_before_anything_is_measured(
    portdip, measured, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    done = portdip("bench", "--out", tmp_path / "a.json")
    assert (done.code, done.err) == (2, f"portdip: no permission to write there; at --out {tmp_path}\n")
    assert not measured


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_result_that_can_no_longer_be_kept_is_printed(portdip, monkeypatch, tmp_path, options):
    def run(*_):
        (tmp_path / "there").rmdir()
        return results.result()

    (tmp_path / "there").mkdir()
    monkeypatch.setattr(running, "run", run)
    done = portdip("bench", "--out", tmp_path / "there" / "a.json", *options)
    assert done.code == 2
    assert orjson.loads(done.out)["format"] == "portdip-bench"
    assert str(tmp_path / "there") in done.err


def test_a_result_that_cannot_be_compared_is_printed(portdip, measured, tmp_path):
    strange = results.result().model_copy(update={"figures": (results.figure("a", "b", 1.0),)})
    (tmp_path / "old.json").write_bytes(strange.as_json())
    done = portdip("bench", "--against", tmp_path / "old.json")
    assert done.code == 2
    assert "no figure in common" in done.err
    assert orjson.loads(done.out)["format"] == "portdip-bench"


def test_what_was_not_compared_is_told(portdip, measured, tmp_path):
    few = results.result(spread=0.05)
    (tmp_path / "old.json").write_bytes(few.model_copy(update={"figures": few.figures[:3]}).as_json())
    done = portdip("bench", "--against", tmp_path / "old.json")
    assert "3 same" in done.out
    assert "figures not compared: only now, " in done.out


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


def test_two_benches_in_one_directory_are_refused(portdip, tmp_path):
    with files.scratch_directory(tmp_path / ".portdip-bench"):
        done = portdip("bench", "--quick", "--directory", tmp_path)
    assert done.code == 2
    assert f"another bench runs in this directory; at {tmp_path}. Wait for it" in done.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_ended_by_a_signal_it_leaves_neither_files_nor_servers(tmp_path, number, code):
    command = [sys.executable, "-m", "portdip", "bench", "--quick", "--sizes", "1e5", "--directory", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not serving(tmp_path):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(30) == code
    assert list(tmp_path.iterdir()) == []
    assert not serving(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_is_cleaned_up_at_a_signal_is_not_interrupted_by_the_next(portdip, monkeypatch, tmp_path, number):
    cleaned = []

    def run(*_):
        try:
            signal.raise_signal(number)
        finally:
            for another in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.raise_signal(another)
            cleaned.append(tmp_path)

    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    monkeypatch.setattr(running, "run", run)
    assert portdip("bench").code == 128 + number
    assert cleaned
    assert before == [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_a_signal_that_is_ignored_stays_so(portdip, monkeypatch):
    """As SIGHUP is under nohup."""

    def run(*_):
        signal.raise_signal(signal.SIGHUP)
        return results.result()

    monkeypatch.setattr(running, "run", run)
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert portdip("bench").code == 0
    finally:
        signal.signal(signal.SIGHUP, usual)


def serving(folder) -> bool:
    """Whether a server runs on a store there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"serve" in words and any(word.startswith(bytes(folder)) for word in words):
                return True
    return False
