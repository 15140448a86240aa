"""`portdip status`: where a store stands, for people and for programs."""

import json

from tests.cli.chains import changes, node, own  # noqa: F401 - fixtures
from tests.lookup import stores


def test_an_unsigned_store_says_so(portdip, own):  # noqa: F811
    finished = portdip("status", own)
    assert finished.code == 0
    assert "signed         no: unsigned" in finished.out
    assert "missing        none" in finished.out


def test_programs_get_one_object(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,2100-01-01T00:00:00Z,"))
    found = json.loads(portdip("status", own, "--json").out)
    assert (found["dataset"], found["sequence"], found["head"], found["to_come"]) == ("test", 2, 2, 1)
    assert (found["lag"], found["missing"], found["quarantined"], found["signed"]) == (0.0, [], [], False)
    assert len(found["digest"]) == 64


def test_a_held_store_says_how_far_it_is_behind(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,,"))
    portdip("snapshot", "rollback", own, 1)
    out = portdip("status", own).out
    assert "sequence       1, 1 behind the chain" in out
    assert "held at        1" in out
