"""A depot: a place with a chain of deltas and snapshots in it, laid out as a store is.

    DEPOT/deltas/                the chain (`portdip.exchange.chain`)
    DEPOT/snapshots/<sequence>/  snapshots; each is there once its manifest is
    DEPOT/history/<first>-<last>/  what was folded into snapshots (`portdip.table.past`), likewise
    DEPOT/companions/<sequence>-<time>/  copies of files beside the table (`portdip.table.companions`), likewise
    DEPOT/keys/trusted.json      who may sign

A store is one, and so is a backup; either can be followed, and a new store founded from it. A directory with nothing
but deltas in it will do, too. A depot vouches for nothing: what is read here is checked against its own seals, and
whoever reads decides whom to believe.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from portdip import files
from portdip.errors import (
    BackupError,
    BackupKeyError,
    DamagedBackupError,
    DamagedSnapshotError,
    DeltaError,
    ForeignDeltaError,
    KeyFileError,
)
from portdip.exchange.chain import BASE_FILE, Head, file_name, sequence_named
from portdip.exchange.delta import Sealed, open_sealed
from portdip.exchange.encryption import SUFFIX, EncryptedLocation, FileKey
from portdip.exchange.keys import Trust
from portdip.exchange.location import Location, location_at, read_whole
from portdip.table import schema
from portdip.table.manifest import Manifest, Seal

DELTAS, SNAPSHOTS, HISTORY, KEYS = "deltas", "snapshots", "history", "keys"
COMPANIONS = "companions"
TRUST_FILE = f"{KEYS}/trusted.json"

_NAME_DIGITS = 20


def snapshot_name(sequence: int) -> str:
    """Where the snapshot of this sequence is.

    >>> snapshot_name(12)
    'snapshots/00000000000000000012'
    """
    return f"{SNAPSHOTS}/{sequence:0{_NAME_DIGITS}d}"


def delta_name(sequence: int) -> str:
    """Where the delta of this sequence is.

    >>> delta_name(12)
    'deltas/00000000000000000012.delta'
    """
    return f"{DELTAS}/{file_name(sequence)}"


class Depot:
    """What is at `location`. All methods raise OSError and LocationError where it cannot be reached.

    FileNotFoundError says that something is not there. For one thread.
    """

    def __init__(self, location: Location) -> None:
        self.location = location
        self._has_directory = False

    def where(self, name: str) -> str:
        """What a file is called in errors."""
        return f"{self.location.name}/{name}"

    def base(self) -> Head | None:
        """What the chain's first delta continues; None where nothing says so. Raises DeltaError."""
        name = self._chain_name(BASE_FILE)
        try:
            return Head.parse(read_whole(self.location, name), self.where(name))
        except FileNotFoundError:
            pass
        try:
            return Head.beginning(self.delta(1).header.dataset)
        except FileNotFoundError:
            return None

    def whole_base(self) -> Head | None:
        """The same, and None where what says so is damaged: snapshots and deltas say enough."""
        try:
            return self.base()
        except (DeltaError, DamagedBackupError):
            return None

    def deltas(self) -> dict[int, int]:
        """The sizes of the deltas by sequence, in order."""
        sizes = self.location.sizes(self._chain_name(""))
        named = ((sequence_named(name), size) for name, size in sizes.items())
        return dict(sorted((sequence, size) for sequence, size in named if sequence is not None))

    def delta(self, sequence: int) -> Sealed:
        """The delta of this sequence, its seal checked. Raises DeltaError."""
        name = self._chain_name(file_name(sequence))
        found = open_sealed(read_whole(self.location, name), self.where(name))
        if found.sequence != sequence:
            raise ForeignDeltaError(
                "a delta is in the wrong place", where=self.where(name), got=f"sequence {found.sequence}"
            )
        return found

    def snapshots(self) -> list[int]:
        """The sequences of the snapshots, in order; one whose manifest is not there yet may be among them."""
        names = self.location.directories(SNAPSHOTS)
        return sorted(int(name) for name in names if name.isdigit() and len(name) == _NAME_DIGITS)

    def manifest(self, sequence: int) -> Manifest:
        """What the snapshot of this sequence says of itself.

        No name in it leads out of the snapshot's directory, and its times have a zone. Raises DamagedSnapshotError, and
        StoreError for one of another format version.
        """
        name = f"{snapshot_name(sequence)}/{schema.MANIFEST_FILE}"
        manifest = Manifest.parse(read_whole(self.location, name), self.where(name))
        if manifest.sequence != sequence or set(manifest.files) != schema.FILES:
            raise DamagedSnapshotError(
                "the manifest is of another snapshot",
                where=self.where(name),
                got=f"sequence {manifest.sequence}, files {', '.join(manifest.files)}"[:200],
            )
        moments = (manifest.created, manifest.as_of, manifest.chain_created)
        if any(moment.utcoffset() != timedelta(0) for moment in moments):
            raise DamagedSnapshotError("the times of the manifest are not in UTC", where=self.where(name))
        return manifest

    def trust(self) -> Trust:
        """The keys that may sign, as the depot has it; none where it does not say. Raises KeyFileError."""
        try:
            return Trust.of_json(json.loads(read_whole(self.location, TRUST_FILE)))
        except FileNotFoundError:
            return Trust()
        except (ValueError, KeyFileError) as error:
            raise KeyFileError(
                "the list of trusted keys cannot be read", where=self.where(TRUST_FILE), got=str(error)
            ) from error

    def _chain_name(self, name: str) -> str:
        """Where a file of the chain is, or the chain itself for ''."""
        self._has_directory = self._has_directory or DELTAS in self.location.directories("")
        return f"{DELTAS}/{name}".rstrip("/") if self._has_directory else name

    def sealed(self, directory: str, seals: dict[str, Seal]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The files of a directory with seals: name, and bytes that raise DamagedSnapshotError if they are not so."""
        for name, seal in seals.items():
            path = f"{directory}/{name}"
            yield name, seal.checked(self.location.blocks(path), self.where(path))

    def fetch_snapshot(self, manifest: Manifest, into: Path) -> None:
        """Copy a snapshot into the directory `into`, which is empty, every byte checked against the manifest.

        The directory is not synced: `files.move_directory` does that. Raises DamagedSnapshotError.
        """
        for name, blocks in self.sealed(snapshot_name(manifest.sequence), manifest.files):
            copy(blocks, into / name)
        copy([manifest.render()], into / schema.MANIFEST_FILE)


def open_backup(text: str, key: FileKey | None) -> Location:
    """The place of a backup, decrypted with `key` if there is one; nothing need be there yet.

    Raises BackupKeyError where it is encrypted and there is no key, BackupError where it is not and there is one;
    LocationError and OSError where the place cannot be reached.
    """
    location = location_at(text)
    beginning = f"{DELTAS}/{BASE_FILE}"
    is_plain, is_encrypted = _is_there(location, beginning), _is_there(location, beginning + SUFFIX)
    if key is None and is_encrypted and not is_plain:
        raise BackupKeyError("the backup is encrypted", where=location.name, fix="Name the file of its key.")
    if key is not None and is_plain:
        raise BackupError("the backup is not encrypted", where=location.name, fix="Leave out the key.")
    return location if key is None else EncryptedLocation(location, key)


def _is_there(location: Location, name: str) -> bool:
    try:
        next(iter(location.blocks(name)), b"")
    except FileNotFoundError:
        return False
    return True


def copy(blocks: Iterable[bytes], path: Path, mode: int = 0o666) -> None:
    """Write a new file below a scratch directory."""
    with files.create(path, mode) as file:
        for block in blocks:
            file.write(block)
