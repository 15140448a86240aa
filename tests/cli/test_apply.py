"""`portdip apply`: the exit code says whether a delta is in the table, waits, or was refused."""

import pytest

from portdip.table.store import Store
from tests.cli.chains import changes, delta, node, own  # noqa: F401 - fixtures
from tests.lookup import stores


@pytest.fixture
def published(portdip, own, node, changes):  # noqa: F811
    """Three deltas after the snapshot: 2, 3 and 4."""
    for row in (
        f"port,{stores.NATIVE},CT,D100,,,CM,,O-1",
        f"release,{stores.PORTED},,,,,,,",
        f"port,{stores.NATIVE},CU,D002,,,CT,,",
    ):
        assert portdip("publish", own, changes(row)).code == 0
    return own


def test_deltas_in_order_are_applied(portdip, published, node):  # noqa: F811
    finished = portdip("apply", node, delta(published, 2), delta(published, 3))
    assert (finished.code, finished.out.count("applied")) == (0, 2)
    assert portdip("dip", node, "--short", stores.NATIVE, stores.PORTED).out == "CT D100\nCM\n"


def test_a_delta_that_was_there_already_is_no_failure(portdip, published, node):  # noqa: F811
    portdip("apply", node, delta(published, 2))
    finished = portdip("apply", node, delta(published, 2))
    assert finished.code == 0
    assert "was there already" in finished.out


def test_a_delta_too_early_waits_and_goes_in_when_the_gap_has_closed(portdip, published, node):  # noqa: F811
    finished = portdip("apply", node, delta(published, 4))
    assert finished.code == 3
    assert "sequence 4 waits for 2 to 3" in finished.out
    assert "missing        2 to 3" in portdip("status", node).out
    assert portdip("apply", node, delta(published, 3), delta(published, 2)).code == 0
    assert portdip("dip", node, "--short", stores.NATIVE).out == "CU D002\n"


def test_given_in_any_order_they_all_go_in(portdip, published, node):  # noqa: F811
    assert portdip("apply", node, *(delta(published, sequence) for sequence in (4, 2, 3))).code == 0
    assert Store.open(node).chain.head.sequence == 4


@pytest.mark.parametrize("cut", [100, -1, -300])
def test_a_damaged_or_torn_delta_is_refused_and_dips_go_on(portdip, published, node, tmp_path, cut):  # noqa: F811
    bad = tmp_path / "bad.delta"
    bad.write_bytes(delta(published, 2).read_bytes()[:cut])
    finished = portdip("apply", node, bad)
    assert finished.code == 4
    assert "refused" in finished.out
    assert "offset" in finished.out
    assert portdip("dip", node, "--short", stores.PORTED).out == "CU D002\n"
    assert "quarantined    1" in portdip("status", node).out
    assert portdip("apply", node, delta(published, 2)).code == 0


def test_a_dry_run_says_what_would_change_and_changes_nothing(portdip, published, node):  # noqa: F811
    finished = portdip("apply", node, "--dry-run", delta(published, 3), delta(published, 2))
    assert finished.code == 0
    assert "added                1\n  CT                 1" in finished.out
    assert "released             1\n  CU                 1" in finished.out
    assert Store.open(node).chain.head.sequence == 1


def test_a_dry_run_counts_what_a_mass_change_moves_and_lists_intervals(portdip, own, node, changes):  # noqa: F811
    portdip("publish", own, changes("mass-change,,CU,D999,,,CU,,", "withdraw,,,,8613800000000,8613800009999,,,"))
    finished = portdip("apply", node, "--dry-run", delta(own, 2))
    assert "rerouted             2\n  CU                 2" in finished.out
    assert "withdraw 8613800000000-8613800009999 (10,000): CM to nobody" in finished.out


def test_a_dry_run_of_a_delta_with_a_gap_is_refused(portdip, published, node):  # noqa: F811
    finished = portdip("apply", node, "--dry-run", delta(published, 3))
    assert finished.code == 2
    assert "expected sequence 2" in finished.err


def test_an_import_waits_for_its_snapshot(portdip, own, node, tmp_path):  # noqa: F811
    (tmp_path / "more.csv").write_text("number,carrier,routing_number\n8613800000009,CU,D009\n")
    assert portdip("import", own, tmp_path / "more.csv").code == 0
    done = portdip("apply", node, delta(own, 2))
    assert (done.code, "waits for the snapshot of sequence 2" in done.out) == (3, True)
    assert portdip("follow", node, own, "--once").code == 0
    assert portdip("apply", node, delta(own, 2)).out.endswith("sequence 2 was there already\n")
