"""Who may sign a dataset: key pairs, and the list of keys a chain is trusted to be signed with.

A key is an Ed25519 key (RFC 8032); its id is the first 16 hex digits of the SHA-256 of the public key. A dataset
without any key is unsigned: its deltas carry no signature. Once a key is trusted every further delta needs one.

Keys come to be trusted in two ways: on a node, by hand (`Trust.with_key`), for the first key of a dataset that it
follows; and in the chain, by a `trust-key` row of a delta that itself was signed by a trusted key. `revoke-key`
ends a key: deltas after that one are no longer taken from it, those before stay good. A key may also expire; a
delta says when it was made, and no delta may claim to be older than the one before it, so an old key cannot be
used again with an old date.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pyarrow.compute as pc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from portdip import files
from portdip.errors import KeyFileError, UntrustedDeltaError
from portdip.exchange.chain import Chain
from portdip.exchange.changes import Operation
from portdip.exchange.delta import Delta, Sealed

_ID_DIGITS = 16
_PATIENCE_S = 5


def key_id(public: str) -> str:
    """The id of the public key given as 64 hex digits. Raises KeyFileError for anything else."""
    try:
        raw = bytes.fromhex(public)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise KeyFileError("not a public key", expected="64 hex digits", got=public[:80])
    return hashlib.sha256(raw).hexdigest()[:_ID_DIGITS]


class SigningKey:
    """A private key. Safe to share between threads."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        self.id = key_id(self.public)

    @classmethod
    def new(cls) -> Self:
        """A new key pair."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, path: Path) -> Self:
        """The key in the PEM file (PKCS #8, RFC 5958) at `path`; KeyFileError if it cannot be read."""
        try:
            private = load_pem_private_key(files.read_bytes(path), None)
        except (OSError, ValueError, TypeError) as error:
            raise KeyFileError("the private key cannot be read", where=str(path), got=str(error)) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyFileError("the private key is of another kind", where=str(path), expected="Ed25519")
        return cls(private)

    def write(self, path: Path) -> None:
        """Write the private key to a new file that its owner alone may read."""
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files.write_new(path, pem, mode=0o600)

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, 64 bytes."""
        return self._private.sign(message)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that may sign, `public` as 64 hex digits.

    It may sign deltas after sequence `since`, up to and with sequence `until` (None: not revoked), made before
    `expires` (UTC; None: never). `owner` is for people.
    """

    public: str
    owner: str = ""
    since: int = 0
    until: int | None = None
    expires: datetime | None = None

    @property
    def id(self) -> str:
        """The id of the key."""
        return key_id(self.public)

    def why_not(self, sequence: int, created: datetime) -> str:
        """Why the key may not sign the delta `sequence`, made at `created`; '' if it may."""
        if self.until is not None and sequence > self.until:
            return f"was revoked after sequence {self.until}"
        if sequence <= self.since:
            return f"is trusted only after sequence {self.since}"
        if self.expires is not None and created >= self.expires:
            return f"expired at {self.expires.isoformat()}"
        return ""

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature of `message` is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public)).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Trust:
    """The keys that may sign a dataset, by id. Immutable."""

    keys: dict[str, TrustedKey] = dataclasses.field(default_factory=dict)

    @property
    def signed(self) -> bool:
        """Whether deltas to come must be signed: a key is known, be it revoked."""
        return bool(self.keys)

    def signed_at(self, sequence: int) -> bool:
        """Whether the delta of this sequence must be signed; one from before the first key need not be."""
        return any(key.since < sequence for key in self.keys.values())

    def with_key(self, key: TrustedKey) -> Trust:
        """The same and one key more; a key that is there already stays as it is."""
        return self if key.id in self.keys else Trust(self.keys | {key.id: key})

    def with_new_key(self, key: TrustedKey) -> Trust:
        """The same and one key more; KeyFileError for one that is there already: it cannot be made good again."""
        if key.id in self.keys:
            raise KeyFileError("the key is in the list already", got=key.id, fix="See portdip keys list.")
        return self.with_key(key)

    def without_key(self, identifier: str, until: int) -> Trust:
        """The same, `identifier` no longer trusted after sequence `until`. Raises KeyFileError if it is not known."""
        if identifier not in self.keys:
            raise KeyFileError("no such key", got=identifier, expected=f"one of {', '.join(self.keys) or 'none'}")
        key = self.keys[identifier]
        ended = until if key.until is None else min(until, key.until)
        return Trust(self.keys | {identifier: dataclasses.replace(key, until=ended)})

    def may_sign(self, identifier: str, sequence: int, created: datetime) -> bool:
        """Whether this key may sign the delta `sequence`, made at `created`."""
        key = self.keys.get(identifier)
        return key is not None and not key.why_not(sequence, created)

    def check(self, delta: Sealed, where: str) -> None:
        """Raise UntrustedDeltaError unless a key that may do so has signed `delta`, or the dataset is unsigned."""
        header = delta.header
        if not header.signer:
            if not self.signed_at(header.sequence):
                return
            raise _untrusted("the delta is not signed", where, "", "Ask its publisher for the signed one.")
        key = self.keys.get(header.signer)
        if key is None:
            fix = "If the key is good, trust it with portdip keys trust."
            raise _untrusted("the delta is signed by an unknown key", where, header.signer, fix)
        if reason := key.why_not(header.sequence, header.created):
            fix = "Ask the publisher for a delta signed by a key in force."
            raise _untrusted(f"the delta is signed by a key that {reason}", where, header.signer, fix)
        if not key.has_signed(delta.signed_message, delta.signature):
            raise _untrusted("the signature is wrong", where, header.signer, "Fetch the file again.")

    def after(self, delta: Delta) -> Trust:
        """The keys after `delta`: those it trusts in, those it revokes out."""
        operations = delta.rows.column("operation")
        if not len(operations) or pc.max(operations).as_py() < Operation.TRUST_KEY:
            return self
        trust = self
        for row in delta.rows.to_pylist():
            if row["operation"] == Operation.TRUST_KEY:
                key = TrustedKey(row["text"], row["order"] or "", delta.sequence, None, row["effective"])
                trust = trust.with_key(key)
            elif row["operation"] == Operation.REVOKE_KEY and row["text"] in trust.keys:
                trust = trust.without_key(row["text"], delta.sequence)
        return trust

    def as_json(self) -> list[dict[str, Any]]:
        """What `of_json` reads."""
        return [
            dataclasses.asdict(key) | {"expires": key.expires.isoformat() if key.expires else None}
            for key in self.keys.values()
        ]

    @classmethod
    def of_json(cls, content: Any) -> Self:
        """The keys that `as_json` wrote; KeyFileError if it is something else."""
        if not isinstance(content, list):
            raise KeyFileError("not a list of keys", got=type(content).__name__)
        try:
            keys = [
                TrustedKey(**item | {"expires": datetime.fromisoformat(item["expires"]) if item["expires"] else None})
                for item in content
            ]
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise KeyFileError("not a list of keys", got=str(error)) from error
        return cls({key.id: key for key in keys})


class TrustFile:
    """The list of trusted keys of a store, in the file `path`, replaced as a whole by every change."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Trust:
        """The keys in the file; none if there is no file. KeyFileError if it cannot be read."""
        try:
            return Trust.of_json(json.loads(files.read_bytes(self.path)))
        except FileNotFoundError:
            return Trust()
        except (OSError, ValueError, KeyFileError) as error:
            raise KeyFileError(
                "the list of trusted keys cannot be read", where=str(self.path), got=str(error)
            ) from error

    def write(self, trust: Trust) -> None:
        """Put `trust` in its place, atomically."""
        files.make_directory(self.path.parent)
        files.write(self.path, json.dumps(trust.as_json(), indent=1).encode())

    def change(self, lock: Path, change: Callable[[Trust], Trust]) -> Trust:
        """Replace the list by what `change` makes of it, holding the store's lock file `lock`; the new list."""
        with files.locked(lock, patience=_PATIENCE_S):
            trust = change(self.read())
            self.write(trust)
            return trust

    def catch_up(self, chain: Chain, since: int) -> Trust:
        """The keys after all deltas of `chain`, in the file when this returns; all up to `since` are in it already.

        Whoever appends a delta writes the list next, and a crash may come between. Taking the keys of a delta twice
        changes nothing. Raises KeyFileError where the list does not know who signed: it was lost, and without it
        unsigned deltas would be taken.
        """
        known = trust = self.read()
        while chain.has(since + 1):
            since += 1
            found = chain.read(since)
            if found.header.signer and found.header.signer not in trust.keys:
                raise KeyFileError(
                    "the list of trusted keys does not know who signed the chain",
                    where=str(self.path),
                    expected=f"key {found.header.signer}",
                    fix="Restore the list, or trust the key again with portdip keys trust.",
                )
            trust = trust.after(found)
        if trust != known:
            self.write(trust)
        return trust


def _untrusted(what: str, where: str, signer: str, fix: str) -> UntrustedDeltaError:
    return UntrustedDeltaError(what, where=where, got=f"key {signer}" if signer else "", fix=fix)
