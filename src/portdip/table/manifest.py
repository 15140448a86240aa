"""The manifest of a snapshot: what it is, where in the chain it stands, and the checksums of every file in it.

manifest.json is one JSON object. Its last key `checksum` is the xxh3-64 of the object written without that
key, so a manifest is checked by writing it again and comparing bytes. Each file has its SHA-256, which the
digest covers, and the xxh3-64 of each 1 MiB block, which names the place of a fault. xxh3 finds accidents,
not forgers.

    digest    = SHA-256(dataset, sequence in decimal, and name and SHA-256 of each file)
    signature = Ed25519 over SHA-256(digest, chain, the three times, keys as JSON), after "portdip snapshot" and a line
                feed

files in the order of their names, each part written as text and ended by a line feed. `chain` is the digest of the
last delta the snapshot holds, `keys` the keys that may sign what follows. A snapshot that a node made for itself is
not signed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import xxhash

from portdip import files
from portdip.errors import DamagedSnapshotError, StoreError, UntrustedSnapshotError
from portdip.exchange.chain import Head
from portdip.exchange.keys import SigningKey, Trust

FORMAT_VERSION = 2
BLOCK_BYTES = 1 << 20
_TIMES = ("created", "as_of", "chain_created")

_FIX = "Restore the store from a good copy, or import it again."

Block = bytes


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
        size, blocks = 0, []
        for block in files.read_blocks(path, BLOCK_BYTES):
            size += len(block)
            sha256.update(block)
            blocks.append(xxhash.xxh3_64_hexdigest(block))
        return cls(size, sha256.hexdigest(), tuple(blocks))

    def verify(self, path: Path) -> None:
        """Compare the file with the seal, all of it; DamagedSnapshotError names the first bad block."""
        try:
            for _ in self.checked(files.read_blocks(path, BLOCK_BYTES), str(path)):
                pass
        except OSError as error:
            if not files.is_loss(error):
                raise
            raise DamagedSnapshotError(
                "a file of the snapshot cannot be read", where=str(path), got=error.strerror or "", fix=_FIX
            ) from error

    def checked(self, blocks: Iterable[Block], where: str) -> Iterator[Block]:
        """The 1 MiB blocks of a file, each passed on when it is found as it was sealed; `where` names the file.

        Raises DamagedSnapshotError for the first bad block, or at the end for a file that is not whole.
        """
        sha256 = hashlib.sha256()
        size = 0
        for place, block in enumerate(blocks):
            size += len(block)
            if size > self.bytes or (len(block) < BLOCK_BYTES and size < self.bytes):
                break
            have = xxhash.xxh3_64_hexdigest(block)
            want = self.blocks[place] if place < len(self.blocks) else "none"
            if have != want:
                raise DamagedSnapshotError(
                    "a block of the snapshot is damaged",
                    where=f"{where}, block {place}, offset {place * BLOCK_BYTES}",
                    expected=f"xxh3 {want}",
                    got=have,
                    fix=_FIX,
                )
            sha256.update(block)
            yield block
        if size != self.bytes:
            raise DamagedSnapshotError(
                "a file of the snapshot has another size",
                where=where,
                expected=f"{self.bytes} bytes",
                got=f"{size} bytes" if size < self.bytes else "more",
                fix=_FIX,
            )
        if sha256.hexdigest() != self.sha256:
            raise DamagedSnapshotError(
                "a file of the snapshot is not the one that was sealed",
                where=where,
                expected=f"SHA-256 {self.sha256}",
                got=sha256.hexdigest(),
                fix=_FIX,
            )


@dataclass(frozen=True)
class Manifest:
    """What a snapshot says of itself. Immutable.

    `created` is when it was made, `as_of` the moment its content is true for, both UTC. `chain` and
    `chain_created` are digest and time of the last delta in it, `keys` what `Trust.as_json` gives. `counts` has
    numbers, ranges, routes, carriers and pending changes; `files` a Seal by file name.
    """

    dataset: str
    sequence: int
    created: datetime
    as_of: datetime
    chain: str
    chain_created: datetime
    keys: list[dict[str, Any]]
    counts: dict[str, int]
    files: dict[str, Seal]
    signer: str = ""
    signature: str = ""
    format_version: int = FORMAT_VERSION

    @property
    def digest(self) -> str:
        """What the content comes to, 64 hex digits."""
        return content_digest(self.dataset, self.sequence, self.files)

    @property
    def head(self) -> Head:
        """The last delta in it, which the next one continues."""
        return Head(self.dataset, self.sequence, self.chain, self.chain_created)

    @property
    def signed_message(self) -> bytes:
        """What the signature is over."""
        times = [getattr(self, name).isoformat() for name in _TIMES]
        parts = [self.digest, self.chain, *times, json.dumps(self.keys)]
        return b"portdip snapshot\n" + hashlib.sha256("".join(f"{part}\n" for part in parts).encode()).digest()

    def signed(self, key: SigningKey) -> Self:
        """The same, signed."""
        return dataclasses.replace(self, signer=key.id, signature=key.sign(self.signed_message).hex())

    def check_signer(self, trust: Trust, where: str) -> None:
        """Raise UntrustedSnapshotError unless a key that may do so has signed it, or the dataset is unsigned here."""
        if not self.signer:
            if not trust.signed_at(self.sequence):
                return
            raise UntrustedSnapshotError("the snapshot is not signed", where=where, fix="Take a publisher's own.")
        key = trust.keys.get(self.signer)
        if key is None:
            if not trust.signed:
                return
            raise UntrustedSnapshotError(
                "the snapshot is signed by an unknown key",
                where=where,
                expected=f"one of {', '.join(trust.keys)}",
                got=f"key {self.signer}",
                fix="If the key is good, name it with --key.",
            )
        reason = key.why_not(self.sequence, self.created)
        if not reason and not key.has_signed(self.signed_message, _unhexed(self.signature)):
            raise UntrustedSnapshotError("the signature is wrong", where=where, got=f"key {self.signer}")
        if reason:
            raise UntrustedSnapshotError(f"the snapshot is signed by a key that {reason}", where=where, got=self.signer)

    def render(self) -> bytes:
        """The bytes of manifest.json."""
        content = dataclasses.asdict(self) | {name: getattr(self, name).isoformat() for name in _TIMES}
        content["digest"] = self.digest
        return _dump(content | {"checksum": xxhash.xxh3_64_hexdigest(_dump(content))})

    @classmethod
    def read(cls, path: Path) -> Self:
        """The manifest in the file `path`; DamagedSnapshotError if it is missing or fails its checksum.

        StoreError if another version of portdip wrote it.
        """
        try:
            return cls.parse(files.read_bytes(path), str(path))
        except OSError as error:
            if not files.is_loss(error):
                raise
            raise _unreadable(str(path), error) from error

    @classmethod
    def parse(cls, raw: bytes, where: str) -> Self:
        """The manifest in `raw`; raises as `read`, naming `where`."""
        try:
            content: dict[str, Any] = json.loads(raw)
            if content["format_version"] != FORMAT_VERSION:
                raise StoreError(
                    "another version of portdip wrote this snapshot",
                    where=where,
                    expected=f"format version {FORMAT_VERSION}",
                    got=str(content["format_version"]),
                    fix="Use that version, or import into a new store with this one.",
                )
            del content["checksum"], content["digest"]
            seals = {name: Seal(**seal | {"blocks": tuple(seal["blocks"])}) for name, seal in content["files"].items()}
            times = {name: datetime.fromisoformat(content[name]) for name in _TIMES}
            manifest = cls(**content | times | {"files": seals})
            intact = manifest.render() == raw
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise _unreadable(where, error) from error
        if not intact:
            raise DamagedSnapshotError("the manifest fails its checksum", where=where, fix=_FIX)
        return manifest


def content_digest(dataset: str, sequence: int, seals: dict[str, Seal]) -> str:
    """The digest of a snapshot's content, 64 hex digits."""
    parts = [dataset, str(sequence)]
    for name in sorted(seals):
        parts += [name, seals[name].sha256]
    return hashlib.sha256("".join(f"{part}\n" for part in parts).encode()).hexdigest()


def _unhexed(signature: str) -> bytes:
    """The bytes of a signature; none of what is no hex, which no key has signed."""
    try:
        return bytes.fromhex(signature)
    except ValueError:
        return b""


def _unreadable(where: str, error: Exception) -> DamagedSnapshotError:
    return DamagedSnapshotError("the manifest cannot be read", where=where, got=str(error), fix=_FIX)


def _dump(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()
