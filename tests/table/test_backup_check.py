"""A backup checked: what is good is said to be so, every kind of damage is named, and what is left of it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from portdip.errors import BackupError, BackupKeyError, StoreError
from portdip.exchange.chain import file_name
from portdip.exchange.encryption import EncryptedLocation, FileKey
from portdip.exchange.location import LocalLocation, Location
from portdip.lookup.load import fold, write_image
from portdip.table.backup import Backup
from portdip.table.backup_check import Findings, check, content_digest
from portdip.table.restore import reach
from tests.table.grown import Grown, grown

__all__ = ["grown"]

SNAPSHOT = f"snapshots/{11:020d}"


def back_up(grown: Grown, location: Location) -> None:
    backup = Backup(grown.store, location, timedelta(0), False)
    assert [*backup.copy_deltas(), *backup.copy_others()]


@pytest.fixture(scope="session")
def kept(grown, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("checked") / "backup"
    back_up(grown, LocalLocation(place))
    return place


@pytest.fixture
def place(kept, tmp_path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "backup"))


@pytest.fixture
def checked(tmp_path):
    def checked(location: Location | Path) -> Findings:
        (tmp_path / "scratch").mkdir()
        if isinstance(location, Path):
            location = LocalLocation(location)
        return check(location, tmp_path / "scratch", write_image)

    return checked


def test_a_good_backup_is_proven_by_a_restore(grown, kept, checked):
    found = checked(kept)
    assert found.damage == []
    assert found.head == grown.store.chain.head
    assert found.content == grown.contents[13]
    assert found.seconds > 0
    assert found.reach == [(0, 1), (5, 13)]  # the snapshot of the import of 2 was gone when the backup was made


def test_an_encrypted_one_too(grown, tmp_path, checked):
    location = EncryptedLocation(LocalLocation(tmp_path / "backup"), FileKey.new())
    back_up(grown, location)
    assert checked(location).damage == []


def test_a_wrong_key_is_no_damage(grown, tmp_path, checked):
    back_up(grown, EncryptedLocation(LocalLocation(tmp_path / "backup"), FileKey.new()))
    with pytest.raises(BackupKeyError):
        checked(EncryptedLocation(LocalLocation(tmp_path / "backup"), FileKey.new()))


def test_no_backup_is_no_damage(tmp_path, checked):
    with pytest.raises(BackupError, match="no backup is there"):
        checked(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        (f"deltas/{file_name(12)}", [(0, 1), (5, 11)]),
        (f"deltas/{file_name(3)}", [(0, 1), (5, 13)]),
        (f"deltas/{file_name(5)}", [(0, 1), (5, 13)]),
        (f"{SNAPSHOT}/index.image", [(0, 1), (5, 10)]),
        (f"{SNAPSHOT}/manifest.json", [(0, 1), (5, 10)]),
        (f"{SNAPSHOT}/numbers.arrow", [(0, 1), (5, 10)]),
        ("history/*/numbers.arrow", [(0, 1), (5, 13)]),
        ("history/*/manifest.json", [(0, 1), (5, 13)]),
        ("keys/trusted.json", [(0, 1), (5, 13)]),
        ("deltas/BASE", [(5, 13)]),
    ],
)
def test_damage_is_named_and_what_is_left(place, checked, name, reach):
    path = sorted(place.glob(name))[-1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    found = checked(place)
    assert path.name in " ".join(map(str, found.damage))
    assert found.reach == reach
    assert len({str(error) for error in found.damage}) == len(found.damage)


def test_a_signature_that_is_not_the_key_s_is_damage(place, checked):
    path = place / "deltas" / file_name(12)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    found = checked(place)
    assert [type(error).__name__ for error in found.damage] == ["UntrustedDeltaError"]
    assert found.head is None
    assert found.reach == [(0, 1), (5, 11)]


def test_what_is_still_being_copied_is_no_damage(place, checked):
    (place / SNAPSHOT / "manifest.json").unlink()
    found = checked(place)
    assert [type(error).__name__ for error in found.damage] == ["BackupError"]
    assert found.reach == [(0, 1), (5, 10)]


def test_the_content_is_the_same_however_it_is_divided(grown, tmp_path):
    ours = grown.copy(tmp_path / "ours").store
    assert fold(ours.path, lambda count, share: None) == 13
    assert content_digest(ours) == grown.contents[13]
    assert len(set(grown.contents.values())) == len(grown.contents) - 3  # those of 3, 7 and 8 are about keys alone


@pytest.mark.parametrize(
    ("snapshots", "deltas", "imports", "expected"),
    [
        ([], [1, 2], [], []),
        ([0], [1, 2, 4], [], [(0, 2)]),
        ([0, 4], [1, 2, 4, 5], [], [(0, 2), (4, 5)]),
        ([0, 2], [1, 2, 3], [2], [(0, 3)]),
        ([0, 5], [1, 2, 3, 4, 5], [2, 4], [(0, 1), (5, 5)]),
        ([3, 4], [4, 5], [], [(3, 5)]),
    ],
)
def test_reach_is_what_snapshots_and_deltas_lead_to(snapshots, deltas, imports, expected):
    assert reach(snapshots, deltas, None, imports) == expected


def test_a_table_that_cannot_be_read_is_no_proof(place, checked, monkeypatch):
    def fail(store):
        raise StoreError("cannot be read")

    monkeypatch.setattr("portdip.table.backup_check.content_digest", fail)
    assert [str(error) for error in checked(place).damage] == ["cannot be read"]
