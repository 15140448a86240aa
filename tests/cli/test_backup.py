"""`portdip backup` and `portdip restore`, in this process, and as a process that is stopped and killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portdip.exchange.chain import file_name
from portdip.table.backup_check import content_digest
from portdip.table.store import Store
from tests.table.grown import Gardener, grown

__all__ = ["grown"]


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "backup"


def test_a_store_goes_out_and_comes_back(grown, portdip, place, tmp_path):
    done = portdip("backup", "create", grown.path, place)
    assert (done.code, done.out) == (0, f"backup of {grown.path} in {place} is complete up to sequence 13\n")
    done = portdip("backup", "verify", place)
    lines = done.out.splitlines()
    assert (done.code, lines[0], lines[-1]) == (0, "leads to  0 to 1, 5 to 13", "good")
    assert f"digest    {grown.store.chain.head.digest}" in lines
    assert f"content   {grown.contents[13]}" in lines
    done = portdip("restore", place, tmp_path / "store")
    assert (done.code, "sequence 13" in done.out) == (0, True)
    assert content_digest(Store.open(tmp_path / "store")) == grown.contents[13]


def test_an_earlier_state_by_sequence_or_time(grown, portdip, place, tmp_path):
    portdip("backup", "create", grown.path, place)
    assert portdip("restore", place, tmp_path / "8", "--to-sequence", 8).code == 0
    assert content_digest(Store.open(tmp_path / "8")) == grown.contents[8]
    created = grown.store.chain.read(9).header.created.isoformat()
    assert portdip("restore", place, tmp_path / "9", "--at", created).code == 0
    assert content_digest(Store.open(tmp_path / "9")) == grown.contents[9]
    assert portdip("restore", place, tmp_path / "x", "--at", created, "--to-sequence", 9).code == 2
    done = portdip("restore", place, tmp_path / "x", "--to-sequence", 99)
    assert (done.code, "does not lead to sequence 99" in done.err) == (2, True)


def test_encrypted_and_with_the_private_keys(grown, portdip, place, tmp_path):
    done = portdip("backup", "new-key", tmp_path / "key")
    assert (done.code, done.out.startswith("key ")) == (0, True)
    assert portdip("backup", "new-key", tmp_path / "key").code == 2
    key = ("--decrypt-key", tmp_path / "key")
    create = ("backup", "create", grown.path, place, "--encrypt-key", tmp_path / "key")
    assert portdip(*create, "--with-private-keys").code == 0
    assert portdip("backup", "verify", place, *key).code == 0
    assert portdip("restore", place, tmp_path / "store", *key).code == 0
    assert list((tmp_path / "store" / "keys").glob("*.pem"))
    portdip("backup", "new-key", tmp_path / "other")
    for verb in (["backup", "verify", place], ["restore", place, tmp_path / "no"]):
        done = portdip(*verb, "--decrypt-key", tmp_path / "other")
        assert (done.code, "another key" in done.err) == (2, True)
        done = portdip(*verb)
        assert (done.code, "the backup is encrypted" in done.err) == (2, True)
    assert not (tmp_path / "no").exists()


def test_private_keys_leave_encrypted_only(grown, portdip, place):
    done = portdip("backup", "create", grown.path, place, "--with-private-keys")
    assert done.code == 2
    assert not place.exists()


def test_damage_is_exit_code_1(grown, portdip, place, tmp_path):
    portdip("backup", "create", grown.path, place)
    path = place / "deltas" / file_name(12)
    path.write_bytes(path.read_bytes()[:-300])
    done = portdip("backup", "verify", place)
    assert (done.code, file_name(12) in done.err) == (1, True)
    assert done.out == "leads to  0 to 1, 5 to 11\n"
    done = portdip("restore", place, tmp_path / "store")
    assert (done.code, file_name(12) in done.err) == (2, True)
    assert portdip("restore", place, tmp_path / "store", "--to-sequence", 11).code == 0


def test_a_snapshot_passed_over_is_told_of(grown, portdip, place, tmp_path):
    portdip("backup", "create", grown.at(10), place)
    portdip("backup", "create", grown.path, place)
    (place / "snapshots" / f"{9:020d}" / "index.image").unlink()
    done = portdip("restore", place, tmp_path / "store", "--to-sequence", 10)
    assert done.code == 0
    assert "passed over" in done.err


def test_no_backup_is_exit_code_2(portdip, place, tmp_path):
    for verb in (["backup", "verify", place], ["restore", place, tmp_path / "store"]):
        done = portdip(*verb)
        assert (done.code, "no backup is there" in done.err) == (2, True)


def started(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "portdip", *map(str, arguments)], stdout=subprocess.PIPE)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_copies_what_comes(grown, place, tmp_path):
    (tmp_path / "garden").mkdir()
    gardener = Gardener(tmp_path / "garden")
    process = started("backup", "create", gardener.grown.path, place, "--follow")
    try:
        wait_for(place / "snapshots" / f"{0:020d}" / "manifest.json")
        gardener.port("A", "D1")
        wait_for(place / "deltas" / file_name(1))
        gardener.bring("B")
        wait_for(place / "deltas" / file_name(2))
        assert (place / "snapshots" / f"{2:020d}" / "manifest.json").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout
        assert "copied 2\n" in process.stdout.read().decode()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_backup_that_is_killed_goes_on_and_so_does_a_restore(grown, portdip, place, tmp_path, seed, encrypted):
    portdip("backup", "new-key", tmp_path / "key")
    with_key = ["--encrypt-key", tmp_path / "key"] if encrypted else []
    from_key = ["--decrypt-key", tmp_path / "key"] if encrypted else []
    for turn in range(6):
        process = started("backup", "create", grown.path, place, *with_key)
        time.sleep(0.4 + (seed + turn * 7919) % 300 / 1000)  # the interpreter alone takes 0.3 s
        process.kill()
        process.communicate()
    assert portdip("backup", "create", grown.path, place, *with_key).code == 0
    assert portdip("backup", "verify", place, *from_key).code == 0
    for turn in range(6):
        process = started("restore", place, tmp_path / "in" / "store", *from_key)
        time.sleep(0.4 + (seed + turn * 104729) % 200 / 1000)
        process.kill()
        process.communicate()
        if (tmp_path / "in" / "store").exists():
            assert content_digest(Store.open(tmp_path / "in" / "store")) == grown.contents[13]
            shutil.rmtree(tmp_path / "in" / "store")
    assert portdip("restore", place, tmp_path / "in" / "store", *from_key).code == 0
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["store"]
    assert content_digest(Store.open(tmp_path / "in" / "store")) == grown.contents[13]
