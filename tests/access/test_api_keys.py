"""API keys: made, kept, found, ended; and what a process does while their file changes or cannot be read."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from portdip.access import api_keys
from portdip.access.api_keys import SCOPES, ApiKey, ApiKeyFile, LiveApiKeys
from portdip.errors import KeyFileError


@pytest.fixture
def file(tmp_path):
    return ApiKeyFile(tmp_path)


def made(file, *scopes, **fields):
    key, text = ApiKey.new(scopes or SCOPES, **fields)
    file.add(key)
    return key, text


def test_a_key_has_256_random_bits_and_only_its_digest_is_kept(file):
    key, text = made(file, "dip", owner="NPC")
    assert text.startswith(f"portdip_{key.id}_")
    assert len(text.split("_", 2)[2]) * 6 >= 256
    content = file.path.read_text()
    assert text not in content
    assert text.split("_", 2)[2] not in content
    assert json.loads(content)[0]["sha256"] == key.sha256
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.read() == {key.id: key}


def test_the_file_stays_private_when_it_is_replaced(file):
    for _ in range(3):
        made(file)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert len(file.read()) == 3


def test_scopes_are_kept_in_order_and_others_refused():
    assert ApiKey.new(["admin", "dip", "dip"])[0].scopes == ("dip", "admin")
    for scopes in ([], ["dip", "root"]):
        with pytest.raises(KeyFileError):
            ApiKey.new(scopes)


def test_a_key_is_found_by_its_text_and_by_no_other(file):
    key, text = made(file)
    other, _ = made(file)
    live = LiveApiKeys(file)
    assert live.find(text.encode()) == key
    for wrong in (
        text[:-1],
        text + "A",
        text[:-1] + ("A" if text[-1] != "A" else "B"),
        text.replace(key.id, other.id),
        "",
    ):
        assert live.find(wrong.encode()) is None


def test_a_key_ends_when_it_expires(file):
    now = datetime.now(UTC)
    _, past = made(file, expires=now - timedelta(seconds=1))
    coming, future = made(file, expires=now + timedelta(hours=1))
    live = LiveApiKeys(file)
    assert live.find(past.encode()) is None
    assert live.find(future.encode()) == coming


def test_a_process_sees_changes_within_a_second(file, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(api_keys.time, "monotonic", lambda: clock[0])
    live = LiveApiKeys(file)
    key, text = made(file)
    assert live.find(text.encode()) is None
    clock[0] += 1
    assert live.find(text.encode()) == key
    file.revoke(key.id)
    clock[0] += 1
    assert live.find(text.encode()) is None


def test_keys_hold_while_their_file_cannot_be_read(file, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(api_keys.time, "monotonic", lambda: clock[0])
    key, text = made(file)
    live = LiveApiKeys(file)
    good = file.path.read_bytes()
    file.path.write_bytes(b"damaged")
    clock[0] += 1
    assert live.find(text.encode()) == key
    assert "cannot be read" in str(live.trouble)
    file.path.write_bytes(good)
    clock[0] += 1
    assert live.find(text.encode()) == key
    assert live.trouble is None
    file.path.unlink()
    clock[0] += 1
    assert live.find(text.encode()) is None


def test_a_node_begins_with_no_keys_where_their_file_is_damaged(file):
    file.path.write_bytes(b"[1]")
    live = LiveApiKeys(file)
    assert live.trouble is not None
    assert live.find(ApiKey.new(["dip"])[1].encode()) is None


@pytest.mark.parametrize("content", ["", "{}", "[[]]", '[{"id": "x"}]', "[null]", "\xff"])
def test_a_damaged_file_is_an_error_that_names_it(file, content):
    if content == "{}":
        assert file.path.write_text(content)
        assert file.read() == {}
        return
    file.path.write_text(content, encoding="latin-1")
    with pytest.raises(KeyFileError, match=str(file.path)):
        file.read()


def test_ending_a_key_that_is_not_there(file):
    key, _ = made(file)
    with pytest.raises(KeyFileError, match=key.id):
        file.revoke("00000000")
