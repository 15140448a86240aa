"""`portdip follow`: in this process with --once, and as a process of its own that is stopped and killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portdip.lookup.engine import open_engine
from portdip.table.backup_check import content_digest
from portdip.table.store import Store
from tests.cli.chains import HEADER
from tests.table.grown import Grown, grown

__all__ = ["grown"]


@pytest.fixture
def source(grown, tmp_path) -> Grown:
    return grown.copy(tmp_path / "source")


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def head(store: Path) -> int:
    return Store.open(store).chain.head.sequence if (store / "CURRENT").exists() else -1


@pytest.fixture
def running(tmp_path):
    """Starts `portdip` as a process of its own; what it prints goes to a file."""
    started = []

    def running(*arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "portdip", *map(str, arguments)]
        with open(tmp_path / "out", "ab") as out:
            started.append(subprocess.Popen(command, stdout=out, stderr=out))
        return started[-1]

    yield running
    for process in started:
        process.kill()
        process.wait()


def test_once_founds_a_store_and_brings_it_to_the_head(source, portdip, tmp_path):
    done = portdip("follow", tmp_path / "node", source.path, "--once")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"founded {tmp_path / 'node'} from {source.path} at sequence 11"
    assert "on the word of" in lines[1]
    assert lines[2:] == ["sequences 12 to 13, 6 rows"]
    assert content_digest(Store.open(tmp_path / "node")) == source.contents[13]
    again = portdip("follow", tmp_path / "node", source.path, "--once")
    assert (again.code, again.out) == (0, "")


def test_a_key_to_go_by_is_all_that_is_trusted(source, portdip, tmp_path):
    key = list(source.trusts[13].keys.values())[-1].public
    done = portdip("follow", tmp_path / "node", source.path, "--once", "--key", key.upper())
    assert (done.code, "on the word of" in done.out) == (0, False)
    done = portdip("follow", tmp_path / "other", source.path, "--once", "--key", "ab" * 32)
    assert done.code == 2
    assert "signed by an unknown key" in done.err
    assert not (tmp_path / "other").exists()
    assert portdip("follow", tmp_path / "other", source.path, "--once", "--key", "x").code == 2


def test_what_is_missing_or_not_there_yet_is_exit_code_3(source, portdip, tmp_path):
    done = portdip("follow", tmp_path / "node", tmp_path / "nowhere", "--once")
    assert (done.code, "nothing is there yet" in done.out) == (3, True)
    node = shutil.copytree(source.at(11), tmp_path / "node")
    source.store.chain.file(12).unlink()
    done = portdip("follow", node, source.path, "--once")
    assert (done.code, done.out) == (3, "waits for 12\n")
    shutil.rmtree(source.path / "snapshots")
    (source.path / "snapshots").mkdir()
    node = shutil.copytree(source.at(4), tmp_path / "older")
    done = portdip("follow", node, source.path, "--once")
    assert (done.code, "waits for the snapshot of sequence 5" in done.out) == (3, True)


def test_what_is_refused_is_exit_code_4(source, portdip, tmp_path):
    node = shutil.copytree(source.at(11), tmp_path / "node")
    path = source.store.chain.file(13)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    done = portdip("follow", node, source.path, "--once")
    assert done.code == 4
    assert done.out.startswith("sequence 12, 5 rows\nrefused ")
    assert "the signature is wrong" in done.out


def test_trouble_is_exit_code_2(source, portdip, tmp_path):
    assert portdip("follow", tmp_path / "node").code == 2
    trusted = source.path / "keys" / "trusted.json"
    node = shutil.copytree(source.at(11), tmp_path / "node")
    (node / "keys" / "trusted.json").write_text("x")
    done = portdip("follow", node, source.path, "--once")
    assert (done.code, "trusted keys cannot be read" in done.err) == (2, True)
    assert trusted.exists()


def test_a_process_follows_what_is_published_by_another(source, running, tmp_path):
    node = tmp_path / "node"
    process = running("follow", node, source.path)
    until(lambda: head(node) == 13)
    (tmp_path / "changes.csv").write_text(f"{HEADER}port,8613800000000,Z,D77,,,,,\n")
    with open_engine(node, live=True) as engine:
        assert running("publish", source.path, tmp_path / "changes.csv").wait() == 0
        until(lambda: engine.dip(8613800000000).routing_number == "D77")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert "sequence 14, 1 rows" in (tmp_path / "out").read_text()


def test_a_process_waits_for_its_source_and_sees_what_is_put_there(source, running, tmp_path):
    node, place = tmp_path / "node", tmp_path / "place"
    process = running("follow", node, place)
    until(lambda: b"nothing is there yet" in (tmp_path / "out").read_bytes())
    source.path.rename(place)
    until(lambda: head(node) == 13)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_process_that_is_killed_goes_on_where_it_was(grown, running, tmp_path, seed):
    """Deltas, imports and snapshots come one by one while the process is killed again and again."""
    node, place = tmp_path / "node", tmp_path / "place"
    shutil.copytree(grown.at(0), place)
    for sequence in range(1, 14):
        process = running("follow", node, place)
        if sequence % 3:
            until(lambda: head(node) >= 0)
        copy = grown.at(sequence)
        for snapshot in sorted((copy / "snapshots").iterdir()):
            if not (place / "snapshots" / snapshot.name).exists():
                shutil.copytree(snapshot, place / "snapshots" / snapshot.name)
        shutil.copy(Store.open(copy).chain.file(sequence), place / "deltas" / "new")
        os.rename(place / "deltas" / "new", Store.open(place).chain.file(sequence))
        time.sleep((seed + sequence * 7919) % 100 / 1000)
        process.kill()
        process.wait()
    running("follow", node, place)
    until(lambda: head(node) == 13)
    assert content_digest(Store.open(node)) == grown.contents[13]
    assert not (node / "quarantine").exists()


def test_a_publisher_s_own_store_is_folded(source, running, tmp_path, monkeypatch):
    monkeypatch.setenv("PORTDIP_FOLD_CHANGES_MIN", "1")
    process = running("follow", source.path)
    until(lambda: source.store.current().manifest.sequence == 13)
    until(lambda: b"made snapshot 13" in (tmp_path / "out").read_bytes())
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert content_digest(source.store) == source.contents[13]
