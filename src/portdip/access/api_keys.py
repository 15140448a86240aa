"""Who may ask over HTTP: keys of 256 random bits, of which a store keeps nothing but SHA-256.

A key is the text `portdip_<id>_<secret>`: the id, 8 hex digits, names it in lists and logs; the secret is 43 letters
of URL-safe base64. The file, STORE/api-keys.json (mode 0600), is a JSON list of keys with their fields; it is replaced
as a whole, so a process that looks sees all of a change or none of it.

A digest needs no salt and no slow hash: nobody guesses 256 bits, and an answer must not wait for one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from portdip import files
from portdip.errors import KeyFileError

#: What a key may be good for: single dips and what is known of numbers; lists; figures of the service.
SCOPES = ("dip", "bulk", "admin")

FILE = "api-keys.json"
_LOCK = "api-keys.lock"
_MODE = 0o600
_PREFIX = b"portdip_"
_ID_BYTES = 4
_SECRET_BYTES = 32
_ID_END = len(_PREFIX) + 2 * _ID_BYTES
_TEXT_BYTES = _ID_END + 1 + len(secrets.token_urlsafe(_SECRET_BYTES))
_PATIENCE_S = 5
#: For how long a changed file may go unseen.
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: `sha256` is the hex digest of its whole text. It is good for `scopes` until `expires`."""

    id: str
    sha256: str
    scopes: tuple[str, ...]
    owner: str
    created: datetime
    expires: datetime | None = None

    @classmethod
    def new(cls, scopes: Iterable[str], owner: str = "", expires: datetime | None = None) -> tuple[Self, str]:
        """A new key, and its text, which nobody can find out again. KeyFileError for scopes that are not there."""
        wanted = tuple(scope for scope in SCOPES if scope in (given := set(scopes)))
        if not given or given - set(SCOPES):
            raise KeyFileError("no such scope", got=", ".join(sorted(given)), expected=f"some of {', '.join(SCOPES)}")
        identifier = secrets.token_hex(_ID_BYTES)
        text = f"{_PREFIX.decode()}{identifier}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(identifier, digest, wanted, owner, datetime.now(UTC).replace(microsecond=0), expires), text

    def as_json(self) -> dict[str, Any]:
        """What `of_json` reads."""
        fields = dataclasses.asdict(self)
        return fields | {
            "created": self.created.isoformat(),
            "expires": self.expires.isoformat() if self.expires else None,
        }

    @classmethod
    def of_json(cls, fields: dict[str, Any]) -> Self:
        """The key that `as_json` wrote. Raises TypeError, KeyError or ValueError for something else."""
        expires = fields["expires"]
        times = {
            "created": datetime.fromisoformat(fields["created"]),
            "expires": datetime.fromisoformat(expires) if expires else None,
        }
        key = cls(**fields | times | {"scopes": tuple(fields["scopes"])})
        if len(bytes.fromhex(key.sha256)) != hashlib.sha256().digest_size:
            raise ValueError("a SHA-256 has 64 hex digits")
        return key


class ApiKeyFile:
    """The keys of a store. Any number of processes may read and change them."""

    def __init__(self, store: Path) -> None:
        self.path = store / FILE
        self._lock = store / _LOCK

    def read(self) -> dict[str, ApiKey]:
        """The keys by id, in the order they were made; none if there is no file. KeyFileError if it is no list."""
        try:
            keys = [ApiKey.of_json(fields) for fields in json.loads(files.read_bytes(self.path))]
        except FileNotFoundError:
            return {}
        except (OSError, TypeError, KeyError, ValueError) as error:
            raise KeyFileError("the API keys cannot be read", where=str(self.path), got=str(error)) from error
        return {key.id: key for key in keys}

    def add(self, key: ApiKey) -> None:
        """Let a key in."""
        self._change(lambda keys: keys | {key.id: key})

    def revoke(self, identifier: str) -> ApiKey:
        """Let a key in no more; KeyFileError if there is none of this id. Processes see it within a second or so."""
        found: list[ApiKey] = []

        def without(keys: dict[str, ApiKey]) -> dict[str, ApiKey]:
            if identifier not in keys:
                raise KeyFileError("no such key", got=identifier, expected=f"one of {', '.join(keys) or 'none'}")
            found.append(keys.pop(identifier))
            return keys

        self._change(without)
        return found[0]

    def _change(self, change: Callable[[dict[str, ApiKey]], dict[str, ApiKey]]) -> None:
        with files.locked(self._lock, patience=_PATIENCE_S):
            keys = change(self.read())
            content = json.dumps([key.as_json() for key in keys.values()], indent=1, ensure_ascii=False)
            files.write(self.path, content.encode(), _MODE)


class LiveApiKeys:
    """The keys of a store as a process needs them: held in memory, and read again once the file has changed.

    While the file cannot be read, those last read hold, and `trouble` says why. For one thread.
    """

    def __init__(self, file: ApiKeyFile) -> None:
        self._file = file
        self._keys: dict[bytes, tuple[bytes, ApiKey, float]] = {}
        self._seen: tuple[int, ...] = ()
        self._look_at = 0.0
        self.trouble: KeyFileError | None = None
        self._look()

    def find(self, text: bytes) -> ApiKey | None:
        """The key of this text, None if it is none or has ended.

        The id is found by its bytes; the digests are compared in a time that says nothing of how much is right.
        """
        if time.monotonic() >= self._look_at:
            self._look()
        if len(text) != _TEXT_BYTES:
            return None
        known = self._keys.get(text[len(_PREFIX) : _ID_END])
        if known is None:
            return None
        digest, key, ends = known
        if not hmac.compare_digest(hashlib.sha256(text).digest(), digest) or time.time() >= ends:
            return None
        return key

    def _look(self) -> None:
        self._look_at = time.monotonic() + _LOOK_SECONDS
        seen: tuple[int, ...] = ()
        try:
            found = os.stat(self._file.path)
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        except FileNotFoundError:
            pass
        except OSError as error:
            self.trouble = KeyFileError("the API keys cannot be read", where=str(self._file.path), got=str(error))
            return
        if seen == self._seen and self.trouble is None:
            return
        try:
            keys = self._file.read()
        except KeyFileError as error:
            self.trouble = error
            return
        self._keys = {
            key.id.encode(): (
                bytes.fromhex(key.sha256),
                key,
                key.expires.timestamp() if key.expires else float("inf"),
            )
            for key in keys.values()
        }
        self._seen, self.trouble = seen, None
