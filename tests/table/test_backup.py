"""Backing up: what is copied when, that it goes on where it was cut off, and where it refuses to."""

from __future__ import annotations

import contextlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import fs

from portdip.errors import BackupError, BackupKeyError, DamagedBackupError, DamagedDeltaError, DamagedSnapshotError
from portdip.exchange.chain import file_name
from portdip.exchange.encryption import EncryptedLocation, FileKey
from portdip.exchange.keys import Trust
from portdip.exchange.location import LocalLocation, Location, RemoteLocation
from portdip.lookup.load import write_image
from portdip.table.backup import Backup
from portdip.table.backup_check import content_digest
from portdip.table.bootstrap import found
from portdip.table.depot import open_backup
from portdip.table.prune import prune
from portdip.table.restore import restore
from portdip.table.store import Store
from tests.table.grown import Gardener, Grown, grown

__all__ = ["grown"]

HOUR = timedelta(hours=1)


def opened(store: Path | Grown, location: Location, every: timedelta = timedelta(0)) -> Backup:
    return Backup(Store.open(store.path if isinstance(store, Grown) else store), location, every, False)


def copied(backup: Backup) -> list[int | str]:
    return [*backup.copy_deltas(), *backup.copy_others()]


def snapshots(place: Path) -> list[int]:
    return sorted(int(path.name) for path in (place / "snapshots").iterdir())


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def gardener(tmp_path) -> Gardener:
    (tmp_path / "garden").mkdir()
    return Gardener(tmp_path / "garden")


def encrypted(place: Path) -> Location:
    return EncryptedLocation(LocalLocation(place), FileKey.new())


def below_another(place: Path) -> Location:
    place.mkdir()
    return RemoteLocation(fs.SubTreeFileSystem(str(place), fs.LocalFileSystem()), "bucket/prefix", "sub://")


def remote(place: Path) -> Location:
    return RemoteLocation(fs._MockFileSystem(datetime.now(UTC)), "bucket/prefix", "mock://bucket/prefix")


def encrypted_remote(place: Path) -> Location:
    return EncryptedLocation(remote(place), FileKey.new())


@pytest.mark.parametrize("kind", [LocalLocation, encrypted, below_another, remote, encrypted_remote])
def test_any_place_will_do(grown, place, tmp_path, kind):
    location = kind(place)
    names = copied(opened(grown, location))
    assert names[:13] == list(range(1, 14))
    assert "keys/trusted.json" in names
    assert copied(opened(grown, location)) == []
    store = restore(tmp_path / "store", location, write_image).store
    assert content_digest(store) == grown.contents[13]


def test_a_backup_can_be_followed_as_a_store_can(grown, place, tmp_path):
    copied(opened(grown, LocalLocation(place)))
    founded = found(tmp_path / "node", LocalLocation(place), grown.store.trust.read(), write_image)
    assert founded
    assert founded.sequence == 11


def test_each_delta_is_there_before_it_is_said_to_be(grown, place):
    for sequence in opened(grown, LocalLocation(place)).copy_deltas():
        assert (place / "deltas" / file_name(sequence)).read_bytes() == grown.store.chain.read(sequence).content


def test_any_beginning_of_a_backup_leads_to_what_has_been_copied(grown, place, tmp_path):
    """The snapshot of an import is copied before its delta."""
    last_store = grown.at(5)
    for sequence in opened(last_store, LocalLocation(place)).copy_deltas():
        if sequence in (1, 4, 5):
            store = restore(tmp_path / str(sequence), LocalLocation(place), write_image).store
            assert content_digest(store) == grown.contents[sequence]


def test_what_comes_later_is_copied_later(gardener, place):
    backup = opened(gardener.grown, LocalLocation(place))
    assert copied(backup) == ["snapshots/00000000000000000000"]
    gardener.port("A", "D1")
    gardener.port("A", "D2")
    assert copied(backup) == [1, 2]
    gardener.publish(lambda writer: writer.new_key())
    assert copied(backup) == [3, "keys/trusted.json"]
    gardener.bring("B")
    assert copied(backup) == [4, "history/00000000000000000001-00000000000000000004"]
    assert (backup.sequence, snapshots(place)) == (4, [0, 4])


def test_snapshots_are_copied_as_often_as_asked_and_imports_always(gardener, place):
    backup = opened(gardener.grown, LocalLocation(place), every=HOUR)
    for step in range(3):
        gardener.port("A", f"D{step}")
        gardener.fold()
        copied(backup)
    gardener.bring("B")
    copied(backup)
    assert snapshots(place) == [0, 1, 4]
    gardener.port("A", "D9")
    gardener.fold()
    assert copied(opened(gardener.grown, LocalLocation(place)))[-1] == "snapshots/00000000000000000005"


def test_a_backup_that_was_cut_off_goes_on(grown, place):
    location = LocalLocation(place)
    backup = opened(grown, location)
    deltas = backup.copy_deltas()
    assert [next(deltas) for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert copied(opened(grown, location))[:7] == [7, 8, 9, 10, 11, 12, 13]


def test_a_snapshot_that_was_cut_off_goes_on(grown, place):
    location = LocalLocation(place)
    copied(opened(grown, location))
    snapshot = place / "snapshots" / f"{11:020d}"
    (snapshot / "manifest.json").unlink()
    (snapshot / "routes.arrow").unlink()
    image = snapshot / "index.image"
    image.write_bytes(bytes(image.stat().st_size))
    kept = (snapshot / "numbers.arrow").stat().st_mtime_ns
    assert copied(opened(grown, location)) == ["snapshots/00000000000000000011"]
    assert (snapshot / "numbers.arrow").stat().st_mtime_ns == kept
    for name in ("manifest.json", "routes.arrow", "index.image"):
        assert (snapshot / name).read_bytes() == (grown.store.snapshot_path(11) / name).read_bytes()


@pytest.mark.parametrize("size", [0, 100, None])
def test_deltas_that_are_torn_or_lost_there_are_copied_again(grown, place, size):
    location = LocalLocation(place)
    copied(opened(grown, location))
    for sequence in (4, 13):
        path = place / "deltas" / file_name(sequence)
        if size is None:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:size])
    assert copied(opened(grown, location)) == [4, 13]
    assert (place / "deltas" / file_name(4)).read_bytes() == grown.store.chain.read(4).content


def test_nothing_is_removed_that_the_store_has_forgotten(grown, place, tmp_path):
    ours = grown.copy(tmp_path / "ours")
    location = LocalLocation(place)
    backup = opened(ours, location)
    copied(backup)
    pruned = prune(ours.store, datetime.now(UTC) + HOUR)
    assert pruned.deltas
    assert copied(backup) == copied(opened(ours, location)) == []
    assert len(list((place / "deltas").glob("*.delta"))) == 13
    assert restore(tmp_path / "store", location, write_image).store.chain.base.sequence == 0


def test_a_store_that_forgot_before_it_was_backed_up_leaves_a_gap(grown, place, tmp_path):
    ours = grown.copy(tmp_path / "ours")
    location = LocalLocation(place)
    copied(opened(grown.at(4), location))
    last = prune(ours.store, datetime.now(UTC) + HOUR).last
    assert last
    assert copied(opened(ours, location))[: 13 - last] == list(range(last + 1, 14))
    assert content_digest(restore(tmp_path / "new", location, write_image).store) == grown.contents[13]
    assert content_digest(restore(tmp_path / "old", location, write_image, to_sequence=4).store) == grown.contents[4]


def test_a_store_set_back_may_follow_its_backup_but_not_leave_it(grown, place, tmp_path):
    location = LocalLocation(place)
    copied(opened(grown, location))
    earlier = Store.open(shutil.copytree(grown.at(12), tmp_path / "earlier"))
    backup = opened(earlier.path, location)
    list(copied(backup))
    assert (earlier.chain.head.sequence, backup.sequence) == (12, 12)
    with earlier.writer() as writer:
        writer.port(8613800000000, "X")
    with pytest.raises(BackupError, match=r"another history; .*expected dataset test, at sequence 13 digest"):
        copied(backup)


def test_a_place_with_another_history_or_dataset_is_refused(grown, gardener, place, tmp_path):
    copied(opened(grown, LocalLocation(place)))
    gardener.port("A", "D1")
    with pytest.raises(BackupError, match="another history"):
        opened(gardener.grown, LocalLocation(place))


def test_a_store_whose_own_delta_is_damaged_says_so(grown, place, tmp_path):
    ours = grown.copy(tmp_path / "ours")
    path = ours.store.chain.file(6)
    path.write_bytes(path.read_bytes()[:200] + b"?" + path.read_bytes()[201:])
    with pytest.raises(DamagedDeltaError, match=file_name(6)):
        copied(opened(ours, LocalLocation(place)))
    assert not (place / "deltas" / file_name(6)).exists()


def test_a_damaged_snapshot_of_the_store_is_told_and_deltas_are_copied_all_the_same(grown, place, tmp_path):
    ours = grown.copy(tmp_path / "ours")
    image = ours.store.snapshot_path(11) / "index.image"
    image.write_bytes(image.read_bytes()[:-1])
    backup = opened(ours, LocalLocation(place))
    assert list(backup.copy_deltas()) == list(range(1, 14))
    with pytest.raises(DamagedSnapshotError, match=r"index\.image"):
        list(backup.copy_others())


class Forgetful(LocalLocation):
    """A place that writes something else than it is given, so many times."""

    def __init__(self, path: Path, times: int) -> None:
        super().__init__(path)
        self._times = times

    def put(self, name, blocks):
        content = b"".join(blocks)
        if self._times and content:
            self._times -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        super().put(name, [content])


def test_what_does_not_come_back_as_it_was_is_written_again(grown, place, tmp_path):
    assert copied(opened(grown, Forgetful(place, 2)))
    assert restore(tmp_path / "store", LocalLocation(place), write_image).head.sequence == 13


def test_a_place_that_keeps_nothing_is_told_of_and_mended_later(grown, place, tmp_path):
    with pytest.raises(DamagedBackupError, match="does not come back"):
        copied(opened(grown, Forgetful(place, 3)))
    copied(opened(grown, LocalLocation(place)))
    assert restore(tmp_path / "store", LocalLocation(place), write_image).head.sequence == 13


def test_a_key_is_for_one_place_and_a_place_for_one_key(grown, place, tmp_path):
    key = FileKey.new()
    copied(opened(grown, open_backup(str(place), key)))
    with pytest.raises(BackupKeyError, match="the backup is encrypted"):
        open_backup(str(place), None)
    with pytest.raises(BackupKeyError, match=f"another key; .*expected key {key.id}"):
        opened(grown, open_backup(str(place), FileKey.new()))
    copied(opened(grown, open_backup(str(tmp_path / "plain"), None)))
    with pytest.raises(BackupError, match="not encrypted"):
        open_backup(str(tmp_path / "plain"), key)


def test_nothing_readable_is_in_an_encrypted_backup(grown, place):
    copied(opened(grown, open_backup(str(place), FileKey.new())))
    written = [path for path in place.rglob("*") if path.is_file()]
    assert len(written) > 30
    for path in written:
        assert path.suffix == ".aes"
        content = path.read_bytes()
        assert not any(word in content for word in (b"PDDELTA", b"ARROW1", b"dataset", b"since"))


def test_a_follower_backs_up_from_where_it_began(grown, place, tmp_path):
    with contextlib.suppress(FileExistsError):
        (tmp_path / "source").mkdir()
    shutil.copytree(grown.path, tmp_path / "source", dirs_exist_ok=True)
    founded = found(tmp_path / "node", LocalLocation(tmp_path / "source"), Trust(), write_image)
    assert founded
    names = copied(opened(founded.store.path, LocalLocation(place)))
    assert names == ["keys/trusted.json", "snapshots/00000000000000000011"]
    store = restore(tmp_path / "store", LocalLocation(place), write_image).store
    assert store.chain.head == founded.store.chain.head
    assert content_digest(store) == grown.contents[11]
