"""`portdip keys api`: made, listed, revoked."""

import json

from portdip.access.api_keys import ApiKeyFile, LiveApiKeys


def test_new_list_revoke(portdip, fresh):
    assert "no API keys" in portdip("keys", "api", "list", fresh).out
    code, out, _ = portdip("keys", "api", "new", fresh, "--owner", "switch 1", "--scopes", "dip, admin")
    assert code == 0
    key = LiveApiKeys(ApiKeyFile(fresh)).find(out.strip().encode())
    assert key is not None
    assert (key.scopes, key.owner) == (("dip", "admin"), "switch 1")
    assert portdip("keys", "api", "list", fresh).out == f"{key.id}  in force  dip,admin  switch 1\n"
    assert json.loads(portdip("keys", "api", "list", fresh, "--json").out)[0]["id"] == key.id
    assert portdip("keys", "api", "revoke", fresh, key.id).out == f"revoked {key.id}\n"
    assert LiveApiKeys(ApiKeyFile(fresh)).find(out.strip().encode()) is None


def test_an_expired_key_is_listed_as_such(portdip, fresh):
    portdip("keys", "api", "new", fresh, "--expires", "2020-01-01")
    assert "expired, until 2020-01-01T00:00:00+00:00  dip,bulk" in portdip("keys", "api", "list", fresh).out


def test_a_scope_or_a_key_that_is_not_there(portdip, fresh):
    assert portdip("keys", "api", "new", fresh, "--scopes", "all")[0] == 2
    assert portdip("keys", "api", "revoke", fresh, "12345678")[0] == 2
