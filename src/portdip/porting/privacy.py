"""What is known of persons, and how it is kept: identity numbers hashed, names sealed, both under keys of our own.

An identity number is kept as HMAC-SHA256 under a key, with its last four characters for people at a desk. A name, or
a telephone number to reach somebody at, is sealed with AES-256-GCM (RFC 5116), so it can be shown to who may see it.
An authorization code is kept like an identity number. All three keys come from one secret by HKDF (RFC 5869).

A secret has an id, which stands in what was made with it. New data uses the current one; older ones stay for what
they sealed until `portdip.porting.rotation` has sealed it anew. A hash cannot be made anew without the number that
it hides, so the secret of a hash stays until the retention rules have erased it.

    hash    KEY-ID:64 hex digits
    sealed  1, length of the key id, key id, 12 bytes nonce, ciphertext with its tag
"""

from __future__ import annotations

import hmac
import os
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portdip import files
from portdip.errors import PersonalDataError
from portdip.settings.porting import Privacy

_SEALED = 1
_NONCE_BYTES = 12
_SHOWN = 4
_TRIES, _PAUSE_S = 100, 0.02


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity number as it is kept: its keyed hash, and its last four characters."""

    hash: str
    last4: str


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys that come from one secret."""

    hashing: bytes
    sealing: AESGCM

    @classmethod
    def of(cls, secret: bytes) -> Self:
        return cls(_derived(secret, b"portdip identity"), AESGCM(_derived(secret, b"portdip sealing")))


class Vault:
    """The keys for personal data. Immutable, safe to share between threads."""

    def __init__(self, secrets: Mapping[str, bytes], current: str) -> None:
        assert current in secrets
        assert all(len(name.encode()) < 256 and ":" not in name for name in secrets)
        self.current = current
        self._keys = {name: _Keys.of(secret) for name, secret in secrets.items()}

    @classmethod
    def open(cls, settings: Privacy, path: Path) -> Self:
        """The keys of the settings; without any, those of the file `path`, which is made where it is missing.

        The file is JSON, `{"current": ID, "keys": {ID: 64 hex digits}}`; its owner alone may read it. Raises
        PersonalDataError for a file that says something else.
        """
        if settings.current:
            secrets = {name: bytes.fromhex(key.get_secret_value()) for name, key in settings.keys.items()}
            return cls(secrets, settings.current)
        if not path.exists():
            _make_key_file(path)
        try:
            known = orjson.loads(files.read_bytes(path))
            secrets = {str(name): bytes.fromhex(key) for name, key in known["keys"].items()}
            if known["current"] not in secrets or any(len(secret) != 32 for secret in secrets.values()):
                raise ValueError("no current key of 32 bytes")
            return cls(secrets, known["current"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PersonalDataError(
                "the keys for personal data cannot be read",
                where=str(path),
                got=type(error).__name__,
                fix="Restore the file: without it no name can be opened and no identity compared.",
            ) from error

    def identity(self, number: str) -> Identity:
        """An identity number as it is to be kept."""
        written = _plain(number)
        return Identity(self.digest("identity", written), written[-_SHOWN:])

    def is_identity(self, number: str, kept: str) -> bool:
        """Whether the kept hash is that of this identity number. Takes equally long for every wrong number."""
        return self.is_digest("identity", _plain(number), kept)

    def digest(self, purpose: str, value: str) -> str:
        """The keyed hash of a value, under the current key; equal values of two purposes have different ones."""
        return self._digest(self.current, purpose, value)

    def is_digest(self, purpose: str, value: str, kept: str) -> bool:
        """Whether the kept hash is that of this value and purpose."""
        return hmac.compare_digest(self._digest(kept.partition(":")[0], purpose, value), kept)

    def seal(self, value: str, context: str) -> bytes:
        """The value, sealed; it opens only with the same `context`, which says what it is and of whom."""
        nonce = os.urandom(_NONCE_BYTES)
        name = self.current.encode()
        sealed = self._keys[self.current].sealing.encrypt(nonce, value.encode(), context.encode())
        return bytes([_SEALED, len(name)]) + name + nonce + sealed

    def unseal(self, sealed: bytes, context: str) -> str:
        """What was sealed. Raises PersonalDataError where its key is not here or it is not what `context` says."""
        name = self.key_of(sealed)
        begin = 2 + len(name.encode())
        nonce, rest = sealed[begin : begin + _NONCE_BYTES], sealed[begin + _NONCE_BYTES :]
        try:
            return self._of(name).sealing.decrypt(nonce, rest, context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise PersonalDataError("sealed data does not open", got=f"key {name}") from error

    def key_of(self, sealed: bytes) -> str:
        """The id of the key that something was sealed with."""
        if len(sealed) < 2 or sealed[0] != _SEALED:
            raise PersonalDataError("not sealed by portdip", got=sealed[:2].hex())
        return sealed[2 : 2 + sealed[1]].decode("utf-8", "replace")

    def _digest(self, key: str, purpose: str, value: str) -> str:
        message = purpose.encode() + b"\0" + value.encode()
        return f"{key}:{hmac.digest(self._of(key).hashing, message, 'sha256').hex()}"

    def _of(self, name: str) -> _Keys:
        if name not in self._keys:
            raise PersonalDataError(
                "a key for personal data is missing", got=name, fix="Put it back among the keys of the settings."
            )
        return self._keys[name]


def _make_key_file(path: Path) -> None:
    """Make the file unless another process does, and be done when it is there."""
    made = orjson.dumps({"current": "1", "keys": {"1": os.urandom(32).hex()}})
    for _ in range(_TRIES):
        try:
            files.write_new(path, made, mode=0o600)
        except FileExistsError:
            return
        except BlockingIOError:  # another one is writing it
            time.sleep(_PAUSE_S)
        except OSError as error:
            raise PersonalDataError("no keys can be made", where=str(path), got=str(error)) from error
        else:
            return
    raise PersonalDataError("another process keeps making the keys", where=str(path), fix="Try again.")


def same_name(one: str, other: str) -> bool:
    """Whether two writings are of one name: in width, case and spaces they may differ.

    >>> same_name("Li  Lei", "ＬＩ LEI")
    True
    """
    return _name(one) == _name(other)


def masked_name(name: str) -> str:
    """A name for lists and logs: its first character.

    >>> masked_name("王小明")
    '王**'
    """
    return name[:1] + "*" * (len(name) - 1)


def _name(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _plain(number: str) -> str:
    """An identity number without what people put between its characters; the X of a Chinese one may be small."""
    return "".join(character for character in unicodedata.normalize("NFKC", number).upper() if character.isalnum())


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, purpose).derive(secret)
