"""The porting layer's database goes along with the backup of a store: restored elsewhere, its orders go on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from portdip.porting.layer import KEYS_FILE
from tests.cli.test_port import AGREED, NUMBER, country, empty, scheduled, settings

__all__ = ["country", "empty", "scheduled", "settings"]


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def key(portdip, tmp_path) -> Path:
    assert portdip("backup", "new-key", tmp_path / "key").code == 0
    return tmp_path / "key"


def state(portdip, store, reference) -> str:
    return json.loads(portdip("port", "show", store, reference, "--json").out)["state"]


def test_an_order_goes_on_in_the_restored_store(portdip, country, scheduled, place, key, tmp_path):
    done = portdip("backup", "create", country, place, "--encrypt-key", key)
    assert (done.code, "NOT" in done.out) == (0, False)
    verified = portdip("backup", "verify", place, "--decrypt-key", key)
    assert (verified.code, "porting   porting-keys.json, porting.db, as of " in verified.out) == (0, True)
    restored = tmp_path / "elsewhere"
    said = portdip("restore", place, restored, "--decrypt-key", key)
    assert "porting  porting-keys.json, porting.db, as of " in said.out
    assert os.stat(restored / KEYS_FILE).st_mode & 0o077 == 0
    assert state(portdip, restored, scheduled) == "scheduled"
    assert portdip("audit", "verify", restored).code == 0
    assert portdip("port", "run", restored, "--once").out.startswith("1 begun, ")
    assert state(portdip, restored, scheduled) == "active"
    assert "0B17" in portdip("dip", restored, NUMBER).out
    assert state(portdip, country, scheduled) == "scheduled"  # the two know nothing of each other


def test_what_was_published_after_the_copy_is_not_published_again(portdip, country, scheduled, place, key, tmp_path):
    """The chain in the backup may be longer than the database tells of."""
    create = ("backup", "create", country, place, "--encrypt-key", key)
    assert portdip(*create).code == 0
    copies = sorted((place / "companions").iterdir())
    assert portdip("port", "run", country, "--once").code == 0
    assert portdip(*create).code == 0
    for later in set((place / "companions").iterdir()) - set(copies):
        for file in later.iterdir():
            file.unlink()
        later.rmdir()
    restored = tmp_path / "elsewhere"
    assert portdip("restore", place, restored, "--decrypt-key", key).code == 0
    assert state(portdip, restored, scheduled) == "scheduled"
    assert portdip("port", "run", restored, "--once").code == 0
    assert state(portdip, restored, scheduled) == "active"
    assert "0B17" in portdip("dip", restored, NUMBER).out
    assert portdip("verify", restored).code == 0


def test_an_earlier_state_has_the_database_of_then(portdip, country, scheduled, place, key, tmp_path):
    create = ("backup", "create", country, place, "--encrypt-key", key)
    assert portdip(*create).code == 0
    assert portdip(*create).code == 0
    assert len(list((place / "companions").iterdir())) == 1  # nothing was done since
    assert portdip("port", "run", country, "--once").code == 0
    assert portdip(*create).code == 0
    assert len(list((place / "companions").iterdir())) == 2
    with_key = ("--decrypt-key", key)
    before = int(sorted((place / "companions").iterdir())[0].name.split("-")[0])
    assert portdip("restore", place, tmp_path / "then", "--to-sequence", before, *with_key).code == 0
    assert state(portdip, tmp_path / "then", scheduled) == "scheduled"
    assert portdip("restore", place, tmp_path / "now", *with_key).code == 0
    assert state(portdip, tmp_path / "now", scheduled) == "active"
    said = portdip("restore", place, tmp_path / "first", "--to-sequence", before - 1, *with_key)
    assert "porting  no database in this backup, as of then" in said.out


def test_the_keys_for_personal_data_leave_encrypted_only(portdip, country, scheduled, place, tmp_path):
    said = portdip("backup", "create", country, place)
    assert f"NOT in this backup: {KEYS_FILE}, for it is secret" in said.out
    assert not [path for path in place.rglob("*") if path.name == KEYS_FILE]
    secret = json.loads((country / KEYS_FILE).read_bytes())["keys"]["1"]
    assert not [path for path in place.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    restored = tmp_path / "elsewhere"
    assert f"{KEYS_FILE} is not in this backup: put it into" in portdip("restore", place, restored).out
    (restored / KEYS_FILE).write_bytes((country / KEYS_FILE).read_bytes())
    assert portdip("port", "run", restored, "--once").out.startswith("1 begun, ")


def test_a_postgresql_database_is_said_to_be_left_out(portdip, country, place, monkeypatch):
    monkeypatch.setenv("PORTDIP_PORTING__DATABASE_URL", "postgresql://user:word@db.example/porting")
    said = portdip("backup", "create", country, place)
    assert "NOT in this backup: the porting database, which is in PostgreSQL" in said.out
    assert ("pg_dump" in said.out, "word" in said.out, (place / "companions").exists()) == (True, False, False)


def test_damage_in_a_copy_is_found(portdip, country, scheduled, place):
    assert portdip("backup", "create", country, place).code == 0
    (copied,) = (place / "companions").glob("*/porting.db")
    content = bytearray(copied.read_bytes())
    content[len(content) // 2] ^= 1
    copied.write_bytes(content)
    said = portdip("backup", "verify", place)
    assert (said.code, "porting.db" in said.err) == (1, True)
    assert portdip("restore", place, place.parent / "elsewhere").code != 0
    assert not (place.parent / "elsewhere").exists()


def test_a_refused_submission_of_the_restored_store_names_the_open_order(portdip, country, scheduled, place, tmp_path):
    assert portdip("backup", "create", country, place).code == 0
    restored = tmp_path / "elsewhere"
    assert portdip("restore", place, restored).code == 0
    (restored / KEYS_FILE).write_bytes((country / KEYS_FILE).read_bytes())
    said = portdip("port", "submit", restored, NUMBER, "--to", "CUCC", "--code", "1", *AGREED)
    assert (said.code, "open order" in said.err) == (2, True)
