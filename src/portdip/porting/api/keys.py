"""Keys for the API: 256 random bits, of which the database keeps SHA-256, each for one role and carrier.

A key is the text `porting_<id>_<secret>`: the id, 8 hex digits, names it in lists, logs and the audit; the secret is
43 letters of URL-safe base64. A digest needs no salt and no slow hash: nobody guesses 256 bits.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from portdip.errors import ApiKeyError
from portdip.porting.actor import CARRIER_ROLES, Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.tables.access import API_KEYS

_PREFIX = "porting_"
_ID_BYTES = 4
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept. `expires` and `revoked` are when it ended or ends (UTC); None: not."""

    id: str
    role: Role
    carrier: str
    owner: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    @property
    def actor(self) -> Actor:
        """Who acts when the key is used."""
        return Actor(f"key {self.id}", self.role, self.carrier)

    def is_in_force(self, now: datetime) -> bool:
        """Whether it is good for anything."""
        return self.revoked is None and (self.expires is None or now < self.expires)


def new(
    tx: Transaction,
    actor: Actor,
    role: Role,
    carrier: str = "",
    owner: str = "",
    expires: datetime | None = None,
) -> str:
    """A new key; its text, which nobody can find out again. Raises ApiKeyError where role and carrier do not fit."""
    if (role in CARRIER_ROLES) != bool(carrier) or role is Role.SYSTEM:
        raise ApiKeyError("role and carrier do not fit", got=f"{role} {carrier}".rstrip())
    identifier = secrets.token_hex(_ID_BYTES)
    text = f"{_PREFIX}{identifier}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    row = {
        "id": identifier,
        "digest": hashlib.sha256(text.encode()).digest(),
        "role": role.value,
        "carrier": carrier,
        "owner": owner,
        "created": tx.now,
        "expires": expires,
    }
    tx.connection.execute(insert(API_KEYS), row)
    tx.audit(actor, "key new", f"key {identifier}", "", "in force", owner, "", {"role": role, "carrier": carrier})
    return text


def revoke(tx: Transaction, actor: Actor, identifier: str, cause: str = "") -> None:
    """End a key, at once. Raises ApiKeyError if there is none of this id in force."""
    ended = update(API_KEYS).where(API_KEYS.c.id == identifier, API_KEYS.c.revoked.is_(None)).values(revoked=tx.now)
    if tx.connection.execute(ended).rowcount == 0:
        raise ApiKeyError("no such key in force", got=identifier)
    tx.audit(actor, "key revoke", f"key {identifier}", "in force", "revoked", cause)


def all_keys(connection: Connection) -> list[ApiKey]:
    """All keys that ever were, the oldest first."""
    return [_key(row) for row in connection.execute(select(API_KEYS).order_by(API_KEYS.c.created, API_KEYS.c.id))]


def find(connection: Connection, text: str, now: datetime) -> ApiKey | None:
    """The key of this text, None if it is none or has ended.

    The id is looked up; the digests are compared in a time that says nothing of how much is right.
    """
    if not text.startswith(_PREFIX) or len(text) > 100:
        return None
    identifier = text[len(_PREFIX) : len(_PREFIX) + 2 * _ID_BYTES]
    row = connection.execute(_BY_ID, {"of_id": identifier}).first()
    if row is None or not hmac.compare_digest(hashlib.sha256(text.encode()).digest(), row.digest):
        return None
    key = _key(row)
    return key if key.is_in_force(now) else None


_BY_ID = select(API_KEYS).where(API_KEYS.c.id == bindparam("of_id"))


def _key(row: Row[*tuple[object, ...]]) -> ApiKey:
    values = dict(row._mapping)
    del values["digest"]
    return ApiKey(**{**values, "role": Role(values["role"])})
