"""What a record of the audit chain is, byte by byte.

A record's digest is SHA-256 over the digest of the record before it (32 zero bytes before the first) and the record
as JSON: an array without white space, UTF-8, of

    [1, sequence, at, actor, role, carrier, act, subject, before, after, cause, rule, details digest]

where 1 is the format, `at` counts microseconds since 1970 and the details digest is 64 hex digits: SHA-256 over the
record's salt (16 random bytes) and its details (JSON object, keys sorted, or nothing). So details can be erased,
salt and all, and nobody can tell them from the digest that stays.

A chain shows that nothing inside it was changed, removed or put in. That its end is missing shows only against a
head that was signed and kept elsewhere.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from portdip.porting.actor import Actor
from portdip.porting.moment import microseconds

#: What the first record continues.
BEGINNING = bytes(32)

_FORMAT = 1
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded: everything of a record but its place in the chain. `details` is JSON, '' for none."""

    at: datetime
    actor: Actor
    act: str
    subject: str
    before: str
    after: str
    cause: str
    rule: str
    details: str

    def row(self, sequence: int, previous: bytes) -> dict[str, Any]:
        """The row of the table `audit` that continues the digest `previous`."""
        salt = os.urandom(_SALT_BYTES)
        row: dict[str, Any] = {
            "sequence": sequence,
            "at": self.at,
            "actor": self.actor.name,
            "role": self.actor.role.value,
            "carrier": self.actor.carrier,
            "act": self.act,
            "subject": self.subject,
            "before": self.before,
            "after": self.after,
            "cause": self.cause,
            "rule": self.rule,
            "details": self.details,
            "salt": salt,
            "details_digest": details_digest(salt, self.details),
        }
        row["digest"] = digest(previous, row)
        return row


def details_digest(salt: bytes, details: str) -> bytes:
    """The digest that stays of details."""
    return hashlib.sha256(salt + details.encode()).digest()


def digest(previous: bytes, row: dict[str, Any]) -> bytes:
    """The digest of a record, given as a row of the table `audit`, after the digest of the one before it."""
    record = [
        _FORMAT,
        row["sequence"],
        microseconds(row["at"]),
        row["actor"],
        row["role"],
        row["carrier"],
        row["act"],
        row["subject"],
        row["before"],
        row["after"],
        row["cause"],
        row["rule"],
        row["details_digest"].hex(),
    ]
    return hashlib.sha256(previous + orjson.dumps(record)).digest()
