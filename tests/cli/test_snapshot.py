"""`portdip snapshot` and `portdip prune`: the states of a store, backwards, forwards, and forgotten."""

import json

from portdip.table.store import Store
from tests.cli.chains import changes, own  # noqa: F401 - fixtures
from tests.lookup import stores


def test_what_the_chain_brought_becomes_a_snapshot(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,,"))
    assert portdip("snapshot", "create", own).out == "snapshot 2\n"
    assert Store.open(own).current().manifest.sequence == 2
    assert portdip("dip", own, "--short", stores.NATIVE).out == "CT D100\n"
    assert portdip("snapshot", "create", own).out == "nothing to make a snapshot of\n"
    assert portdip("verify", own).code == 0


def test_the_live_one_is_marked(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,,"))
    portdip("snapshot", "create", own)
    lines = portdip("snapshot", "list", own).out.splitlines()
    assert [line[:14].split() for line in lines] == [["0"], ["1"], ["*", "2"]]


def test_back_and_forward_again(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,,"))
    portdip("snapshot", "create", own)
    assert portdip("snapshot", "rollback", own, 1).code == 0
    assert portdip("dip", own, "--short", stores.NATIVE).out == "CM\n"
    portdip("publish", own, changes(f"port,{stores.NATIVE},CU,D002,,,,,"))
    assert portdip("dip", own, "--short", stores.NATIVE).out == "CM\n"
    assert portdip("snapshot", "resume", own).out == "answers up to sequence 3 again\n"
    assert portdip("dip", own, "--short", stores.NATIVE).out == "CU D002\n"


def test_a_rollback_to_nowhere_is_refused(portdip, own):  # noqa: F811
    finished = portdip("snapshot", "rollback", own, 9)
    assert finished.code == 2
    assert "follows one of [0, 1]" in finished.err


def test_pruning_keeps_what_snapshots_need_and_notes_what_went(portdip, own, changes):  # noqa: F811
    for carrier in ("CT", "CU", "CM"):
        portdip("publish", own, changes(f"port,{stores.NATIVE},{carrier},,,,,,"))
        portdip("snapshot", "create", own)
    assert portdip("snapshot", "prune", own, "--keep", 0).out == "removed 2, 3\n"
    assert portdip("prune", own).out == "removed 0 deltas and 0 stretches of history\n"
    assert (
        portdip("prune", own, "--older-than", 0).out == "removed 4 deltas up to sequence 4 and 4 stretches of history\n"
    )
    noted = [json.loads(path.read_bytes()) for path in (own / "pruned").iterdir()]
    assert [(note["deltas"], note["last"]) for note in noted] == [(4, 4)]
    portdip("publish", own, changes(f"release,{stores.NATIVE},,,,,,,"))
    assert portdip("dip", own, "--short", stores.NATIVE).out == "CM\n"
    assert portdip("verify", own).code == 0
