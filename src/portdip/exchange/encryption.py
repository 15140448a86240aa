"""Encrypted files, for a backup in a place that others can read: AES-256-GCM in pieces, so that any size streams.

    head     48 bytes: magic "PDCRYPT1", id of the key (8), salt (32)
    pieces   of 1 MiB of the file each, the last one shorter or empty; each encrypted, with a tag of 16 bytes

    file key = HKDF-SHA256 (RFC 5869) of the key, with the salt, for "portdip file"
    piece    = AES-256-GCM (NIST SP 800-38D) under the file key
               nonce  the number of the piece from 0, 12 bytes, big endian
               bound  the name of the file, a line feed, and one byte: 1 for the last piece, 0 for the others

The salt is new for every file written, so no nonce is used twice. A piece opens only as what it was: this piece of this
file, last or not. So pieces exchanged, files renamed and ends cut off are found. The id of the key, the first 8 bytes
of the SHA-256 of "portdip key" and the key, tells another key from damage.

Names of encrypted files end in `.aes`; what is bound is the name without it, relative to the place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portdip import files
from portdip.errors import BackupKeyError, DamagedBackupError
from portdip.exchange.location import Location

#: What the name of an encrypted file ends in.
SUFFIX = ".aes"

_MAGIC = b"PDCRYPT1"
_KEY_BYTES, _ID_BYTES, _SALT_BYTES, _TAG_BYTES, _NONCE_BYTES = 32, 8, 32, 16, 12
_HEAD_BYTES = len(_MAGIC) + _ID_BYTES + _SALT_BYTES
_PIECE_BYTES = 1 << 20


class FileKey:
    """The key of a backup, 32 bytes. Safe to share between threads."""

    def __init__(self, secret: bytes) -> None:
        assert len(secret) == _KEY_BYTES
        self._secret = secret
        self._id = hashlib.sha256(b"portdip key" + secret).digest()[:_ID_BYTES]

    @property
    def id(self) -> str:
        """What the key is called, 16 hex digits."""
        return self._id.hex()

    @classmethod
    def new(cls) -> Self:
        """A key of the system's random numbers."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The key in the file at `path`, as `write` leaves it; BackupKeyError if it cannot be read."""
        try:
            return cls(_secret(files.read_bytes(path)))
        except (OSError, ValueError) as error:
            raise BackupKeyError(
                "the key of the backup cannot be read",
                where=str(path),
                expected="64 hex digits",
                got=str(error),
                fix="Make one with: portdip backup new-key FILE",
            ) from error

    def write(self, path: Path) -> None:
        """Write the key to a new file that its owner alone may read."""
        files.write_new(path, f"{self._secret.hex()}\n".encode(), mode=0o600)

    def encrypted(self, name: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """What is to be written for a file of this name."""
        salt = os.urandom(_SALT_BYTES)
        cipher = self._cipher(salt)
        yield _MAGIC + self._id + salt
        for number, (piece, is_last) in enumerate(_with_last(blocks, _PIECE_BYTES)):
            yield cipher.encrypt(_nonce(number), piece, _bound(name, is_last))

    def decrypted(self, name: str, blocks: Iterable[bytes], where: str) -> Iterator[bytes]:
        """The file again, in pieces of 1 MiB, each passed on when it is known to be genuine.

        Raises BackupKeyError for another key, and DamagedBackupError, naming `where` and the offset.
        """
        head, rest = _split(blocks, _HEAD_BYTES)
        if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC):
            raise DamagedBackupError("not an encrypted file", where=where)
        found = head[len(_MAGIC) : len(_MAGIC) + _ID_BYTES]
        if found != self._id:
            raise BackupKeyError(
                "the file is encrypted with another key",
                where=where,
                expected=f"key {found.hex()}",
                got=f"key {self.id}",
            )
        cipher = self._cipher(head[-_SALT_BYTES:])
        for number, (piece, is_last) in enumerate(_with_last(rest, _PIECE_BYTES + _TAG_BYTES)):
            try:
                yield cipher.decrypt(_nonce(number), piece, _bound(name, is_last))
            except InvalidTag:
                offset = _HEAD_BYTES + number * (_PIECE_BYTES + _TAG_BYTES)
                raise DamagedBackupError(
                    "an encrypted file is damaged", where=f"{where}, offset {offset}", expected="the piece as written"
                ) from None

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt, b"portdip file").derive(self._secret))


class EncryptedLocation:
    """The files of a place, encrypted on their way there and decrypted on their way back.

    Reading raises BackupKeyError and DamagedBackupError too.
    """

    def __init__(self, inner: Location, key: FileKey) -> None:
        self._inner = inner
        self._key = key

    @property
    def name(self) -> str:
        """What people call the place."""
        return self._inner.name

    def sizes(self, directory: str) -> dict[str, int]:
        """As `Location`: the sizes of what is there, which is more than what is in it."""
        found = self._inner.sizes(directory)
        return {name.removesuffix(SUFFIX): size for name, size in found.items() if name.endswith(SUFFIX)}

    def directories(self, directory: str) -> list[str]:
        """As `Location`."""
        return self._inner.directories(directory)

    def size_of(self, count: int) -> int:
        """As `Location`."""
        pieces = max(-(-count // _PIECE_BYTES), 1)
        return self._inner.size_of(_HEAD_BYTES + count + pieces * _TAG_BYTES)

    def blocks(self, name: str) -> Iterator[bytes]:
        """As `Location`."""
        stored = name + SUFFIX
        return self._key.decrypted(name, self._inner.blocks(stored), f"{self.name}/{stored}")

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """As `Location`."""
        self._inner.put(name + SUFFIX, self._key.encrypted(name, blocks))


def _secret(text: bytes) -> bytes:
    secret = bytes.fromhex(text.decode("ascii").strip())
    if len(secret) != _KEY_BYTES:
        raise ValueError(f"{len(secret)} bytes")
    return secret


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")


def _bound(name: str, is_last: bool) -> bytes:
    return name.encode() + b"\n" + bytes([is_last])


def _split(blocks: Iterable[bytes], count: int) -> tuple[bytes, Iterator[bytes]]:
    """The first `count` bytes, fewer if there are no more, and what comes after."""
    remaining = iter(blocks)
    head = b""
    for block in remaining:
        head += block
        if len(head) >= count:
            break

    def rest() -> Iterator[bytes]:
        yield head[count:]
        yield from remaining

    return head[:count], rest()


def _with_last(blocks: Iterable[bytes], count: int) -> Iterator[tuple[bytes, bool]]:
    """The bytes in pieces of `count`, and whether each is the last: that may be shorter, and is there even if empty."""
    kept = bytearray()
    for block in blocks:
        kept += block
        while len(kept) > count:
            yield bytes(kept[:count]), False
            del kept[:count]
    yield bytes(kept), True
