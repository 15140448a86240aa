"""What the tests of this folder have found, each once more by its name."""

import errno
import os
import random

import pytest

from portdip import files
from portdip.errors import DamagedSnapshotError, StoreLockedError
from portdip.exchange.intake import Kind
from portdip.lookup.load import init_store
from portdip.table.manifest import Seal
from portdip.table.store import Store
from tests.faults.disks import WatchedDisk, in_use
from tests.faults.scenario import Run
from tests.faults.scenarios import SCENARIOS


class Refusing(WatchedDisk):
    """Every call of one name, about paths that end as given, ends in an error."""

    def __init__(self, root, name, error, ending=""):
        super().__init__(root)
        self._name, self._error, self._ending = name, error, ending

    def watch(self, call, do, *arguments):
        if call.name == self._name and call.path.endswith(self._ending):
            raise OSError(self._error, os.strerror(self._error), call.path)
        return do(*arguments)


class Hesitating(WatchedDisk):
    """Every read gives one byte in three of what was asked for, as network file systems may."""

    def read(self, handle, target, offset):
        view = memoryview(target)
        return super().read(handle, view[: max(1, len(view) // 3)], offset)


@pytest.fixture
def store(tmp_path):
    return init_store(tmp_path / "store", "test")


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOMEM, errno.EACCES])
@pytest.mark.parametrize("ending", ["CURRENT", "manifest.json", "routes.arrow"])
def test_a_snapshot_that_cannot_be_opened_just_now_was_called_damaged(store, error, ending):
    with (
        in_use(Refusing(store.path, "open", error, ending)),
        pytest.raises(OSError, match=os.strerror(error)) as raised,
    ):
        assert store.current().routes
    assert raised.value.errno == error
    with in_use(Refusing(store.path, "open", errno.EIO, ending)), pytest.raises(DamagedSnapshotError):
        assert store.current().routes


def test_a_read_that_stopped_early_gave_a_file_another_seal(tmp_path):
    content = os.urandom(3_000_000)
    files.write(tmp_path / "file", content)
    seal = Seal.of(tmp_path / "file")
    with in_use(Hesitating(tmp_path)):
        assert Seal.of(tmp_path / "file") == seal
        assert files.read_bytes(tmp_path / "file") == content
        assert files.read_head(tmp_path / "file", 512) == (content[:512], len(content))
        assert bytes(files.read_into_huge_pages(tmp_path / "file")) == content


def test_a_lock_that_does_not_work_was_said_to_be_held(tmp_path):
    with (
        in_use(Refusing(tmp_path, "lock", errno.ENOLCK)),
        pytest.raises(OSError, match=os.strerror(errno.ENOLCK)) as raised,
        files.locked(tmp_path / "lock"),
    ):
        pass
    assert not isinstance(raised.value, StoreLockedError)


def test_what_could_not_be_cleared_away_failed_what_had_succeeded(tmp_path):
    with in_use(Refusing(tmp_path, "unlink", errno.EIO)), files.scratch_directory(tmp_path / "scratch") as scratch:
        (scratch / "file").write_bytes(b"")
    with files.scratch_directory(tmp_path / "scratch") as scratch:
        assert os.listdir(scratch) == []
    assert os.listdir(tmp_path) == []


def test_an_error_while_cleaning_up_hid_the_one_before_it(tmp_path):
    with (
        in_use(Refusing(tmp_path, "unlink", errno.EIO)),
        pytest.raises(KeyboardInterrupt),
        files.replacing(tmp_path / "file"),
    ):
        raise KeyboardInterrupt


def _prepared(name, path):
    """A run of the scenario that is to begin at `path`."""
    scenario = SCENARIOS[name]
    return Run(scenario, path, scenario.prepare(path, random.Random()))


def test_what_a_crash_left_in_the_history_stopped_every_later_import(tmp_path):
    run = _prepared("import", tmp_path)
    left = tmp_path / "store" / "history" / f"{2:020d}-{2:020d}"
    left.mkdir()
    (left / "numbers.arrow").write_bytes(b"")
    run.to_the_end()
    assert SCENARIOS["import"].check(tmp_path, run.acknowledged) == 2


def test_an_import_that_was_live_was_reported_as_failed(tmp_path):
    run = _prepared("import", tmp_path)
    with in_use(Refusing(tmp_path, "create", errno.ENOSPC, ".CURRENT.tmp")):
        run.to_the_end()
    assert SCENARIOS["import"].check(tmp_path, run.acknowledged) == 2


def test_a_good_delta_was_refused_because_our_own_snapshot_could_not_be_read(tmp_path):
    _prepared("apply", tmp_path)
    intake = Store.open(tmp_path / "store").intake()
    content = (tmp_path / "2.delta").read_bytes()
    with in_use(Refusing(tmp_path, "open", errno.EIO, "CURRENT")), pytest.raises(DamagedSnapshotError):
        intake.offer(content, "publisher")
    assert not intake.quarantined
    assert intake.offer(content, "publisher").kind is Kind.APPLIED
