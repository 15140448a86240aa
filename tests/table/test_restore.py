"""A backup restored on an empty machine: to every sequence, every time, byte for byte; and what refuses to be."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portdip.errors import (
    BackupError,
    BackupKeyError,
    DamagedBackupError,
    DamagedDeltaError,
    ForeignDeltaError,
    StoreError,
    UntrustedDeltaError,
)
from portdip.exchange.chain import Chain, file_name
from portdip.exchange.encryption import EncryptedLocation, FileKey
from portdip.exchange.location import LocalLocation
from portdip.lookup.load import fold, write_image
from portdip.lookup.verify import verify
from portdip.table.backup import Backup
from portdip.table.backup_check import content_digest
from portdip.table.restore import Restored, restore
from portdip.table.store import Store
from tests.table.grown import Gardener, grown

__all__ = ["grown"]

DAY = timedelta(days=1)


def back_up(store: Path, place: Path | EncryptedLocation, private_keys: bool = False) -> None:
    location = LocalLocation(place) if isinstance(place, Path) else place
    backup = Backup(Store.open(store), location, timedelta(0), private_keys)
    assert [*backup.copy_deltas(), *backup.copy_others()]


@pytest.fixture(scope="session")
def kept(grown, tmp_path_factory) -> Path:
    """A backup that was called after every change, so it has every import though the store keeps three snapshots."""
    place = tmp_path_factory.mktemp("kept") / "backup"
    for copy in grown.copies:
        back_up(copy, place)
    return place


@pytest.fixture
def place(kept, tmp_path) -> Path:
    """A copy of the backup, to be changed."""
    return Path(shutil.copytree(kept, tmp_path / "backup"))


def restored(place: Path, path: Path, **target: object) -> Restored:
    return restore(path, LocalLocation(place), write_image, **target)  # type: ignore[arg-type]


def files_of(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store.path / "deltas").glob("*.delta")}


@pytest.mark.parametrize("sequence", range(14))
def test_every_sequence_comes_back_as_it_was(grown, kept, tmp_path, sequence):
    found = restored(kept, tmp_path / "store", to_sequence=sequence)
    store = Store.open(tmp_path / "store")
    assert (found.head, found.passed_over) == (store.chain.head, [])
    assert store.chain.head.sequence == sequence
    assert files_of(store) == grown.deltas(sequence)
    assert content_digest(store) == grown.contents[sequence]
    assert store.trust.read() == grown.trusts[sequence]
    assert list(verify(store.path))


def test_the_newest_comes_back_byte_for_byte(grown, kept, tmp_path):
    """F24: the same chain, the same live snapshot, and the same next one made of both."""
    store = restored(kept, tmp_path / "store").store
    ours = grown.copy(tmp_path / "ours").store
    assert (store.path / "deltas" / "BASE").read_bytes() == (ours.path / "deltas" / "BASE").read_bytes()
    assert files_of(store) == files_of(ours)
    assert store.current().manifest == ours.current().manifest
    for name in ours.current().manifest.files:
        assert (store.current().path / name).read_bytes() == (ours.current().path / name).read_bytes()
    for one in (store, ours):
        assert fold(one.path, lambda count, share: None) == 13
    assert store.current().manifest.digest == ours.current().manifest.digest


@pytest.mark.parametrize("sequence", range(14))
def test_a_time_is_the_last_delta_made_by_then(grown, kept, tmp_path, sequence):
    created = grown.store.chain.read(sequence).header.created if sequence else datetime(1970, 1, 1, tzinfo=UTC)
    found = restored(kept, tmp_path / "exact", at=created)
    assert found.head.sequence == sequence
    if sequence:
        found = restored(kept, tmp_path / "before", at=created - timedelta(microseconds=1))
        assert found.head.sequence == sequence - 1


def test_a_time_after_the_end_is_the_end(kept, tmp_path):
    assert restored(kept, tmp_path / "store", at=datetime.now(UTC) + DAY).head.sequence == 13


def test_the_history_comes_back_up_to_then(grown, kept, tmp_path):
    whole = restored(kept, tmp_path / "whole").store
    assert [path.name for path in whole.past.stretches()] == [path.name for path in grown.store.past.stretches()]
    assert list(whole.past.verify())
    part = restored(kept, tmp_path / "part", to_sequence=4).store
    assert [path.name[-2:] for path in part.past.stretches()] == ["02", "04"]


def test_a_restored_publisher_goes_on_with_its_keys(grown, tmp_path):
    key = FileKey.new()
    location = EncryptedLocation(LocalLocation(tmp_path / "backup"), key)
    back_up(grown.path, location, private_keys=True)
    store = restore(tmp_path / "store", location, write_image).store
    with store.writer() as writer:
        writer.port(8613800000000, "H")
    assert store.chain.head.sequence == 14
    assert all(path.stat().st_mode & 0o077 == 0 for path in store.keys.glob("*.pem"))
    earlier = restore(tmp_path / "earlier", location, write_image, to_sequence=6).store
    with earlier.writer() as writer:  # signed by the key that was ended at 8
        writer.port(8613800000000, "H")
    assert earlier.trust.read() == grown.trusts[6]


def test_without_private_keys_there_are_none(kept):
    assert not list(kept.rglob("*.pem*"))


def test_nothing_is_restored_over_something(kept, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mine").touch()
    with pytest.raises(StoreError, match="something at this path"):
        restored(kept, tmp_path / "store")
    assert [path.name for path in tmp_path.rglob("*")] == ["store", "mine"]


@pytest.mark.parametrize("target", [{"to_sequence": 14}, {"at": datetime(1969, 1, 1, tzinfo=UTC)}])
def test_what_the_backup_does_not_lead_to_is_refused(kept, tmp_path, target):
    with pytest.raises(BackupError, match=r"does not lead to sequence 14|begins later"):
        restored(kept, tmp_path / "store", **target)
    assert not list(tmp_path.iterdir())


def test_a_place_without_a_backup_is_refused(tmp_path):
    with pytest.raises(BackupError, match="no backup is there"):
        restored(tmp_path / "nowhere", tmp_path / "store")


def test_what_is_missing_is_a_gap_and_not_a_wrong_answer(place, tmp_path):
    (place / "deltas" / file_name(7)).unlink()
    assert restored(place, tmp_path / "before", to_sequence=6).head.sequence == 6
    with pytest.raises(BackupError, match=r"does not lead to sequence 8; .*expected 0 to 6, 9 to 13"):
        restored(place, tmp_path / "8", to_sequence=8)
    after = restored(place, tmp_path / "after").store
    assert (after.chain.base.sequence, after.chain.head.sequence) == (8, 13)


def test_an_import_whose_snapshot_is_missing_is_no_wrong_answer(grown, place, tmp_path):
    shutil.rmtree(place / "snapshots" / f"{5:020d}")
    with pytest.raises(BackupError, match=r"does not lead to sequence 6; .*snapshot of sequence 5"):
        restored(place, tmp_path / "6", to_sequence=6)
    assert content_digest(restored(place, tmp_path / "4", to_sequence=4).store) == grown.contents[4]
    assert not (tmp_path / "6").exists()


def test_a_damaged_snapshot_is_passed_over_for_the_one_before(grown, place, tmp_path):
    image = place / "snapshots" / f"{9:020d}" / "index.image"
    image.write_bytes(image.read_bytes()[:-1])
    found = restored(place, tmp_path / "store", to_sequence=10)
    assert found.snapshot == 5
    assert "index.image" in str(found.passed_over[0])
    assert content_digest(found.store) == grown.contents[10]


@pytest.mark.parametrize("position", [0.1, 0.5, -100, -1])
def test_a_damaged_delta_is_named_and_nothing_is_restored(place, tmp_path, position):
    """At -1 it is a byte of the signature, which no digest covers."""
    path = place / "deltas" / file_name(12)
    content = bytearray(path.read_bytes())
    content[int(position * len(content)) if isinstance(position, float) else position] ^= 1
    path.write_bytes(content)
    with pytest.raises((DamagedDeltaError, UntrustedDeltaError), match=file_name(12)):
        restored(place, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_deltas_of_another_history_are_refused(place, tmp_path):
    other = Gardener(tmp_path / "other")
    for _ in range(12):
        other.port("X", "D9")
    shutil.copy(other.grown.store.chain.file(12), place / "deltas")
    with pytest.raises(ForeignDeltaError, match=file_name(12)):
        restored(place, tmp_path / "store")


def test_a_snapshot_of_another_history_is_refused(place, tmp_path):
    other = Gardener(tmp_path / "other")
    for _ in range(12):
        other.port("X", "D9")
    other.fold()
    shutil.copytree(other.grown.path / "snapshots" / f"{12:020d}", place / "snapshots" / f"{12:020d}")
    with pytest.raises(DamagedBackupError, match="contradict each other"):
        restored(place, tmp_path / "store")


def test_a_wrong_key_fails_before_anything_is_written(grown, tmp_path):
    back_up(grown.path, EncryptedLocation(LocalLocation(tmp_path / "backup"), FileKey.new()))
    wrong = EncryptedLocation(LocalLocation(tmp_path / "backup"), FileKey.new())
    with pytest.raises(BackupKeyError, match="another key"):
        restore(tmp_path / "in" / "store", wrong, write_image)
    assert not (tmp_path / "in").exists()


def test_the_restored_chain_can_be_followed_from_its_beginning(grown, kept, tmp_path):
    store = restored(kept, tmp_path / "store").store
    assert [found.sequence for found in Chain(store.path / "deltas").after(store.chain.base)] == list(range(1, 14))
