"""`portdip port rotate-keys`: personal data under a new key."""

import json

import pytest

from portdip.lookup.load import init_store

ROW = "8613800000001,personal,normal,,yes,11010519491231002X,王小明,0,0,no,,2020-01-01T00:00:00+08:00,"
HEAD = "number,kind,status,area,real_name,identity,name,arrears,unbilled,unbilled_agreed,contract_until,joined,bars"
OLD, NEW = "00" * 32, "11" * 32


@pytest.fixture
def under_the_old_key(portdip, tmp_path, monkeypatch):
    store = tmp_path / "store"
    init_store(store, "test")
    monkeypatch.setenv("PORTDIP_PORTING__PRIVACY__CURRENT", "old")
    monkeypatch.setenv("PORTDIP_PORTING__PRIVACY__KEYS", json.dumps({"old": OLD}))
    (tmp_path / "subscribers.csv").write_text(f"{HEAD}\n{ROW}\n")
    assert portdip("port", "subscribers", "import", store, tmp_path / "subscribers.csv", "--carrier", "CMCC").code == 0
    return store


def test_names_move_to_the_new_key_and_hashes_rest_on_the_old(portdip, under_the_old_key, monkeypatch):
    monkeypatch.setenv("PORTDIP_PORTING__PRIVACY__CURRENT", "new")
    monkeypatch.setenv("PORTDIP_PORTING__PRIVACY__KEYS", json.dumps({"old": OLD, "new": NEW}))
    said = portdip("port", "rotate-keys", under_the_old_key)
    assert said.out == "1 rows sealed anew with key new\nkey new: 1 uses\nkey old: 1 uses\n"
    assert portdip("port", "rotate-keys", under_the_old_key).out.startswith("0 rows")


def test_without_the_old_key_nothing_is_rotated(portdip, under_the_old_key, monkeypatch):
    monkeypatch.setenv("PORTDIP_PORTING__PRIVACY__CURRENT", "new")
    monkeypatch.setenv("PORTDIP_PORTING__PRIVACY__KEYS", json.dumps({"new": NEW}))
    said = portdip("port", "rotate-keys", under_the_old_key)
    assert said.code != 0
    assert "a key for personal data is missing" in said.err
