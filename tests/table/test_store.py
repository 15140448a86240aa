"""A store through imports; `tests/faults` has the failures and crashes."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from portdip.errors import DamagedSnapshotError, StoreError, StoreLockedError
from portdip.table.store import Store

TOMORROW = datetime.now(UTC) + timedelta(days=1)


def test_a_new_store_is_empty_and_at_sequence_0(store):
    assert store.dataset == "test"
    assert store.current().manifest.sequence == 0
    assert store.current().manifest.head == store.chain.head == store.chain.base
    assert Store.open(store.path).dataset == "test"


@pytest.mark.parametrize("make", [lambda path: path.write_text("x"), lambda path: (path / "x").mkdir(parents=True)])
def test_a_store_is_not_made_over_something_else(tmp_path, write_image, make):
    make(tmp_path / "here")
    with pytest.raises(StoreError, match="something at this path"):
        Store.init(tmp_path / "here", "test", write_image)


def test_a_store_may_be_made_in_an_empty_directory(tmp_path, write_image):
    (tmp_path / "here").mkdir()
    assert Store.init(tmp_path / "here", "test", write_image).current()


def test_an_init_that_fails_leaves_nothing(tmp_path):
    def fail(draft):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Store.init(tmp_path / "here", "test", fail)
    assert not list(tmp_path.iterdir())


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"not a store.*portdip init"):
        Store.open(tmp_path)


def test_each_import_is_chained_to_the_one_before(store, bring, ported):
    digests = [store.current().manifest.chain]
    for number in (861, 862, 863):
        bring(ported((number, "A")))
        manifest = store.current().manifest
        assert store.chain.read(manifest.sequence).header.previous == digests[-1]
        digests.append(manifest.chain)
    assert manifest.sequence == 3
    assert len(set(digests)) == 4


def test_the_two_snapshots_before_are_kept_and_older_ones_go(store, bring):
    for _ in range(4):
        bring()
    assert store.snapshots() == [2, 3, 4]
    assert not (store.path / "scratch").exists()


def test_a_snapshot_that_is_open_goes_on_reading(store, bring, ported):
    bring(ported((861, "A")))
    snapshot = store.current()
    assert snapshot.record(861)
    for _ in range(3):
        bring()
    assert not snapshot.path.exists()
    assert snapshot.record(861).route.carrier.id == "A"


def test_one_writer_at_a_time(store, write_image):
    with store.draft(None) as draft:
        with pytest.raises(StoreLockedError, match=f"held by pid {os.getpid()}"), store.draft(None):
            pass
        write_image(draft)
    assert store.current().manifest.sequence == 1


@pytest.mark.parametrize("content", ["", "latest", "../../etc", "1", "\udcff" * 20, f"{7:020d}"])
def test_a_damaged_current_is_an_error(store, content):
    (store.path / "CURRENT").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DamagedSnapshotError):
        store.current()


def test_a_snapshot_under_another_s_name_is_an_error(store):
    (store.path / "snapshots" / f"{0:020d}").rename(store.path / "snapshots" / f"{7:020d}")
    (store.path / "CURRENT").write_text(f"{7:020d}\n")
    with pytest.raises(DamagedSnapshotError, match="wrong place"):
        store.current()
