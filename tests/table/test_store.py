"""A store through imports, failures and crashes."""

import contextlib
import itertools
import os

import pytest

from portdip import files
from portdip.errors import DamagedSnapshotError, StoreError, StoreLockedError
from portdip.table.store import Store


def state(store):
    """What readers see: sequence, digest and numbers, verified."""
    snapshot = store.current()
    snapshot.verify()
    return snapshot.manifest.sequence, snapshot.manifest.digest, snapshot.numbers.to_pylist()


def test_a_new_store_is_empty_and_at_sequence_0(store):
    assert store.dataset == "test"
    assert store.current().manifest.sequence == 0
    assert store.current().manifest.previous == ""
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
    digests = [store.current().manifest.digest]
    for number in (861, 862, 863):
        bring(ported((number, "A")))
        manifest = store.current().manifest
        assert manifest.previous == digests[-1]
        digests.append(manifest.digest)
    assert manifest.sequence == 3
    assert len(set(digests)) == 4


def test_the_snapshot_before_is_kept_and_older_ones_go(store, bring):
    for _ in range(3):
        bring()
    assert sorted(path.name for path in (store.path / "snapshots").iterdir()) == [f"{2:020d}", f"{3:020d}"]
    assert sorted(path.name for path in store.path.iterdir()) == ["CURRENT", "lock", "snapshots"]


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


class Crash(BaseException):
    """The machine is gone: from here on nothing reaches the disk."""


DISK = [
    (files, "create"),
    (files, "sync_file"),
    (files, "sync_directory"),
    (files, "remove_directory"),
    (os, "rename"),
    (os, "replace"),
    (os, "fsync"),
]


@contextlib.contextmanager
def failing(step, error):
    """Call number `step` to the disk raises `error`; after a Crash so does every later one."""
    calls = 0

    def guarded(call):
        def guard(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == step or (calls > step and error is Crash):
                raise error(f"disk call {step}")
            return call(*arguments, **options)

        return guard

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in DISK:
            patch.setattr(owner, name, guarded(getattr(owner, name)))
        yield


@pytest.mark.parametrize("error", [Crash, OSError])
def test_an_import_that_fails_at_any_step_changes_nothing(store, bring, ported, error):
    """Until CURRENT is replaced the store is as it was, from then on as it should be; the next import cleans up."""
    bring(ported((861, "A"), (862, "A")))
    for step in itertools.count(1):
        before = state(store)
        try:
            with failing(step, error):
                bring(ported((862, "B"), (863 + step, "B")))
        except error:
            after = state(store)
            assert after == before or (after[0] == before[0] + 1 and len(after[2]) == len(before[2]) + 1)
        else:
            break
    assert step > 15
    sequence = store.current().manifest.sequence
    assert sorted(path.name for path in (store.path / "snapshots").iterdir()) == [
        f"{sequence - 1:020d}",
        f"{sequence:020d}",
    ]
    assert not (store.path / "scratch").exists()
