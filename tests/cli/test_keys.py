"""`portdip keys`: who may sign, on one store and for everybody who follows."""

import json

import pytest

from portdip.exchange.keys import SigningKey
from portdip.table.store import Store


def listed(portdip, store):
    return json.loads(portdip("keys", "list", store, "--json").out)


def test_an_unsigned_dataset(portdip, fresh):
    assert portdip("keys", "list", fresh).out == "the dataset is unsigned\n"
    assert listed(portdip, fresh) == []
    code, _, err = portdip("keys", "rotate", fresh)
    assert code == 2
    assert "portdip keys new" in err


def test_new_rotate_list(portdip, fresh):
    code, out, _ = portdip("keys", "new", fresh, "--owner", "clearinghouse", "--expires", "2030-01-01")
    assert code == 0
    first = out.split()[1]
    assert (fresh / "keys" / f"{first}.pem").exists()
    assert f"public  {Store.open(fresh).trust.read().keys[first].public}" in out
    assert portdip("keys", "list", fresh).out == f"{first}  in force, private key here  clearinghouse\n"
    code, out, _ = portdip("keys", "rotate", fresh, "--owner", "clearinghouse")
    assert code == 0
    assert out.startswith(f"{first} ended, ")
    old, new = listed(portdip, fresh)
    assert (old["id"], old["since"], old["until"], old["expires"]) == (first, 1, 3, "2030-01-01T00:00:00+00:00")
    assert (new["since"], new["until"], new["private"]) == (2, None, True)
    assert "was revoked after sequence 3" in portdip("keys", "list", fresh).out
    assert [found.header.signer for found in Store.open(fresh).chain.after(Store.open(fresh).chain.base)] == [
        "",
        first,
        new["id"],
    ]


def test_trust_and_revoke_here(portdip, fresh):
    key = SigningKey.new()
    assert portdip("keys", "trust", fresh, key.public.upper(), "--owner", "publisher").out == f"trusted {key.id}\n"
    assert portdip("keys", "list", fresh).out == f"{key.id}  in force  publisher\n"
    assert portdip("keys", "trust", fresh, key.public).code == 2
    assert portdip("keys", "revoke", fresh, key.id).out == f"revoked {key.id}\n"
    assert listed(portdip, fresh)[0]["until"] == 0
    assert portdip("keys", "revoke", fresh, "ab" * 8).code == 2
    assert Store.open(fresh).chain.head.sequence == 0


def test_trust_and_revoke_for_everybody(portdip, fresh):
    key = SigningKey.new()
    portdip("keys", "new", fresh)
    assert portdip("keys", "trust", fresh, key.public, "--publish").code == 0
    assert portdip("keys", "revoke", fresh, key.id, "--publish").code == 0
    assert (listed(portdip, fresh)[1]["since"], listed(portdip, fresh)[1]["until"]) == (2, 3)
    assert Store.open(fresh).chain.head.sequence == 3


def test_trust_from_a_sequence_on(portdip, fresh):
    key = SigningKey.new()
    assert portdip("keys", "trust", fresh, key.public, "--since", "5").code == 0
    assert "is trusted only after sequence 5" in portdip("keys", "list", fresh).out
    assert portdip("keys", "trust", fresh, SigningKey.new().public, "--since", "5", "--publish").code == 2


def test_a_pair_for_somebody_else_to_trust(portdip, fresh):
    code, out, _ = portdip("keys", "new", fresh, "--local")
    assert code == 0
    assert Store.open(fresh).chain.head.sequence == 0
    assert f"{out.split()[1]}  not trusted, private key here" in portdip("keys", "list", fresh).out


@pytest.mark.parametrize("expires", ["tomorrow", "2026-13-01"])
def test_a_time_that_is_none(portdip, fresh, expires):
    assert portdip("keys", "new", fresh, "--expires", expires).code == 2
    assert Store.open(fresh).chain.head.sequence == 0
