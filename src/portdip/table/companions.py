"""Companions: files that live in a store's directory and are no part of its table, such as a database beside it.

A backup has copies of them, each of one moment, laid out as snapshots are:

    companions/<sequence>-<time>/   the files, and a manifest with their seals; whole once that is there

`sequence` is that of the chain when the copy was done, so the files tell of no later delta. The table knows nothing of
them: whoever owns them makes the copies, and names the files that a restore may bring back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from portdip import files
from portdip.errors import DamagedSnapshotError
from portdip.exchange.location import read_whole
from portdip.table import schema
from portdip.table.depot import COMPANIONS, Depot, copy
from portdip.table.manifest import Seal

_NAME = re.compile(r"([0-9]{20})-([0-9]{8}T[0-9]{12}Z)")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: They may hold what is known of persons.
_MODE = 0o600


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """A copy in a backup: the chain's sequence when it was done, when that was (UTC), its directory."""

    sequence: int
    at: datetime
    name: str

    @classmethod
    def made(cls, sequence: int) -> Copy:
        """A copy that is being made now."""
        at = datetime.now(UTC)
        return cls(sequence, at, f"{COMPANIONS}/{sequence:020d}-{at:%Y%m%dT%H%M%S%f}Z")


def seal(directory: Path) -> bytes:
    """Write the manifest of the files in a directory, a scratch one; its bytes."""
    seals = {name: asdict(Seal.of(directory / name)) for name in sorted(files.names(directory))}
    raw = json.dumps(seals, indent=1).encode()
    files.write(directory / schema.MANIFEST_FILE, raw)
    return raw


def parse_seals(raw: bytes, where: str) -> dict[str, Seal]:
    """The seals in a manifest, by file; DamagedSnapshotError, naming `where`, for anything else."""
    try:
        found = {name: Seal(**seal | {"blocks": tuple(seal["blocks"])}) for name, seal in json.loads(raw).items()}
        if not all(_FILE.fullmatch(name) and name != schema.MANIFEST_FILE for name in found):
            raise ValueError(", ".join(found))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedSnapshotError("the manifest of companions cannot be read", where=where, got=str(error)) from error
    return found


def copies(depot: Depot) -> list[Copy]:
    """The copies that are whole, oldest first."""
    found = []
    for name in depot.location.directories(COMPANIONS):
        match = _NAME.fullmatch(name)
        if match and schema.MANIFEST_FILE in depot.location.sizes(f"{COMPANIONS}/{name}"):
            at = datetime.strptime(match[2], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
            found.append(Copy(int(match[1]), at, f"{COMPANIONS}/{name}"))
    return sorted(found)


def seals_of(depot: Depot, found: Copy) -> dict[str, Seal]:
    """The seals of a copy's files. Raises DamagedSnapshotError."""
    manifest = f"{found.name}/{schema.MANIFEST_FILE}"
    return parse_seals(read_whole(depot.location, manifest), depot.where(manifest))


def fetch(depot: Depot, found: Copy, wanted: Collection[str], into: Path) -> list[str]:
    """Copy the files of a copy that are `wanted` into a directory, each checked; their names.

    Raises DamagedSnapshotError.
    """
    seals = {name: seal for name, seal in seals_of(depot, found).items() if name in wanted}
    for name, blocks in depot.sealed(found.name, seals):
        copy(blocks, into / name, _MODE)
    return sorted(seals)
