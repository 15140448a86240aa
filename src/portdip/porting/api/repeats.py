"""Requests that may come twice: with an idempotency key, the second gets the answer that the first got.

The first to come with a key notes it before anything is done, and its answer afterwards. Who comes meanwhile is told
to wait. A process that died between leaves a note without an answer: after a minute the request may be made again,
which is safe where it names the revision of what it changes, and for a submission: it names its reference, or a code
that is good once, and then finds the order of before.

Answers are kept sealed, for there may be an authorization code in one, and forgotten after a day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import delete, insert, select, update

from portdip.porting.api.problems import Problem
from portdip.porting.database import Database
from portdip.porting.privacy import Vault
from portdip.porting.tables.access import REQUESTS

_LOST_AFTER = timedelta(minutes=1)
_KEPT = timedelta(days=1)

_UNDER_WAY = Problem(409, "under-way", "The same request is being answered just now.", {"retry-after": "1"})
_ANOTHER = Problem(422, "key-reused", "This Idempotency-Key was used for another request.")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: status, headers that matter, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Repeats:
    """The requests of a database's API. Safe to share between threads."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def begin(self, api_key: str, idempotency_key: str, *parts: bytes) -> Answer | None:
        """What was answered before to the request that consists of `parts`; None: it is to be answered now.

        Raises Problem where it is being answered, or the key was used for another request.
        """
        digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
        mine = (REQUESTS.c.api_key == api_key) & (REQUESTS.c.idempotency_key == idempotency_key)
        with self._database.transaction() as tx:
            tx.lock(f"request {api_key} {idempotency_key}")
            tx.connection.execute(delete(REQUESTS).where(REQUESTS.c.begun < tx.now - _KEPT))
            row = tx.connection.execute(select(REQUESTS).where(mine)).first()
            if row is None:
                values: dict[str, Any] = {"api_key": api_key, "idempotency_key": idempotency_key}
                tx.connection.execute(insert(REQUESTS), values | {"digest": digest, "begun": tx.now})
                return None
            if row.digest != digest:
                raise _ANOTHER
            if row.answer is not None:
                return self._answer(row.answer, api_key, idempotency_key)
            if tx.now < row.begun + _LOST_AFTER:
                raise _UNDER_WAY
            tx.connection.execute(update(REQUESTS).where(mine).values(begun=tx.now))
            return None

    def finish(self, api_key: str, idempotency_key: str, answer: Answer | None) -> None:
        """Keep the answer; None: nothing was done, the request may be made again."""
        mine = (REQUESTS.c.api_key == api_key) & (REQUESTS.c.idempotency_key == idempotency_key)
        with self._database.transaction() as tx:
            if answer is None:
                tx.connection.execute(delete(REQUESTS).where(mine))
                return
            content = orjson.dumps([answer.status, answer.headers, answer.body.decode()]).decode()
            sealed = self._vault.seal(content, _context(api_key, idempotency_key))
            tx.connection.execute(update(REQUESTS).where(mine).values(status=answer.status, answer=sealed))

    def _answer(self, sealed: bytes, api_key: str, idempotency_key: str) -> Answer:
        status, headers, body = orjson.loads(self._vault.unseal(sealed, _context(api_key, idempotency_key)))
        return Answer(status, headers, body.encode())


def _context(api_key: str, idempotency_key: str) -> str:
    return f"request {api_key} {idempotency_key}"
