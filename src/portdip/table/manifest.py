"""The manifest of a snapshot: what it is, what came before it, and the checksums of every file in it.

manifest.json is one JSON object. Its last key `checksum` is the xxh3-64 of the object written without that
key, so a manifest is checked by writing it again and comparing bytes. Each file has its SHA-256, which the
digest covers, and the xxh3-64 of each 1 MiB block, which names the place of a fault. xxh3 finds accidents,
not forgers.

    digest = SHA-256(previous digest, dataset, sequence in decimal, and name and SHA-256 of each file)

files in the order of their names, each part written as text and ended by a line feed. The digest before that
of the first snapshot is the empty string.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import xxhash

from portdip.errors import DamagedSnapshotError, StoreError

FORMAT_VERSION = 1
BLOCK_BYTES = 1 << 20

_FIX = "Restore the store from a good copy, or import it again."


@dataclass(frozen=True)
class Seal:
    """What a file must be: its size, its SHA-256 and the xxh3-64 of each of its 1 MiB blocks, in hex."""

    bytes: int
    sha256: str
    blocks: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Self:
        """The seal of the file as it is now; reads all of it."""
        sha256 = hashlib.sha256()
        blocks = []
        for block in _blocks(path):
            sha256.update(block)
            blocks.append(xxhash.xxh3_64_hexdigest(block))
        return cls(path.stat().st_size, sha256.hexdigest(), tuple(blocks))

    def verify(self, path: Path) -> None:
        """Compare the file with the seal, all of it; DamagedSnapshotError names the first bad block."""
        try:
            found = Seal.of(path)
        except OSError as error:
            raise DamagedSnapshotError(
                "a file of the snapshot cannot be read", where=str(path), got=error.strerror or "", fix=_FIX
            ) from error
        if found.bytes != self.bytes:
            raise DamagedSnapshotError(
                "a file of the snapshot has another size",
                where=str(path),
                expected=f"{self.bytes} bytes",
                got=f"{found.bytes} bytes",
                fix=_FIX,
            )
        for block, (want, have) in enumerate(zip(self.blocks, found.blocks, strict=True)):
            if want != have:
                raise DamagedSnapshotError(
                    "a block of the snapshot is damaged",
                    where=f"{path}, block {block}, offset {block * BLOCK_BYTES}",
                    expected=f"xxh3 {want}",
                    got=have,
                    fix=_FIX,
                )
        if found.sha256 != self.sha256:
            raise DamagedSnapshotError(
                "a file of the snapshot is not the one that was sealed",
                where=str(path),
                expected=f"SHA-256 {self.sha256}",
                got=found.sha256,
                fix=_FIX,
            )


@dataclass(frozen=True)
class Manifest:
    """What a snapshot says of itself. Immutable.

    `created` is when it was made, `as_of` the moment its content is true for, both UTC; `digest` chains over
    `previous`. `counts` has numbers, ranges, routes and carriers; `files` a Seal by file name.
    """

    dataset: str
    sequence: int
    created: datetime
    as_of: datetime
    previous: str
    counts: dict[str, int]
    files: dict[str, Seal]
    format_version: int = FORMAT_VERSION

    @property
    def digest(self) -> str:
        """The chained digest, 64 hex digits."""
        parts = [self.previous, self.dataset, str(self.sequence)]
        for name in sorted(self.files):
            parts += [name, self.files[name].sha256]
        return hashlib.sha256("".join(f"{part}\n" for part in parts).encode()).hexdigest()

    def render(self) -> bytes:
        """The bytes of manifest.json."""
        content = dataclasses.asdict(self) | {
            "created": self.created.isoformat(),
            "as_of": self.as_of.isoformat(),
            "digest": self.digest,
        }
        return _dump(content | {"checksum": xxhash.xxh3_64_hexdigest(_dump(content))})

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest in the file `path`; DamagedSnapshotError if it is missing or fails its checksum.

        StoreError if a newer portdip wrote it.
        """
        try:
            raw = path.read_bytes()
            content: dict[str, Any] = json.loads(raw)
            if content["format_version"] > FORMAT_VERSION:
                raise StoreError(
                    "a newer portdip wrote this snapshot",
                    where=str(path),
                    expected=f"format version up to {FORMAT_VERSION}",
                    got=str(content["format_version"]),
                    fix="Update portdip, or import into a new store with this one.",
                )
            del content["checksum"], content["digest"]
            seals = {name: Seal(**seal | {"blocks": tuple(seal["blocks"])}) for name, seal in content["files"].items()}
            times = {name: datetime.fromisoformat(content[name]) for name in ("created", "as_of")}
            manifest = cls(**content | times | {"files": seals})
            intact = manifest.render() == raw
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedSnapshotError(
                "the manifest cannot be read", where=str(path), got=str(error), fix=_FIX
            ) from error
        if not intact:
            raise DamagedSnapshotError("the manifest fails its checksum", where=str(path), fix=_FIX)
        return manifest


def _dump(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()


def _blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block
