"""A new key for personal data: what is sealed with older ones is sealed anew.

Put the new key into the settings as `current`, leave the old ones there, and rotate. It goes in pieces of a few
hundred rows, each its own transaction, so it can be stopped at any moment and run again; readers are not disturbed,
for a piece of sealed data says which key opens it. Two things rest on an old key afterwards: keyed hashes, which
cannot be made anew (see `portdip.porting.privacy`), until retention erases them, and the answers that are kept for
repeated requests, for a day. An old key may go when `uses` does not count it any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Row, bindparam, select, update

from portdip.porting.actor import Actor
from portdip.porting.api.webhooks import secret_context
from portdip.porting.applying import applicant_context
from portdip.porting.database import Database
from portdip.porting.donor_systems import name_context
from portdip.porting.privacy import Vault
from portdip.porting.supervision.evidence import content_context
from portdip.porting.tables.access import REQUESTS, WEBHOOKS
from portdip.porting.tables.codes import CODES
from portdip.porting.tables.orders import APPLICANTS
from portdip.porting.tables.subscribers import SUBSCRIBERS
from portdip.porting.tables.supervision import EVIDENCE

_BATCH = 500


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A column of sealed data: `key` identifies a row, `context` is made from the columns `bound` of its row."""

    key: Column[Any]
    column: Column[Any]
    context: Callable[..., str]
    bound: tuple[Column[Any], ...]


_SEALED = (
    _Sealed(SUBSCRIBERS.c.number, SUBSCRIBERS.c.name, name_context, (SUBSCRIBERS.c.number,)),
    _Sealed(APPLICANTS.c.order_id, APPLICANTS.c.name, applicant_context, (APPLICANTS.c.order_id,)),
    _Sealed(EVIDENCE.c.id, EVIDENCE.c.content, content_context, (EVIDENCE.c.digest,)),
    _Sealed(WEBHOOKS.c.id, WEBHOOKS.c.secret, secret_context, (WEBHOOKS.c.carrier, WEBHOOKS.c.url)),
)
_HASHED = (SUBSCRIBERS.c.identity, APPLICANTS.c.identity, CODES.c.identity, CODES.c.digest)


def rotate(database: Database, vault: Vault, actor: Actor) -> int:
    """Seal everything with the current key that was sealed with another; how many rows there were."""
    done = sum(_rotate(database, vault, sealed) for sealed in _SEALED)
    with database.transaction() as tx:
        tx.audit(actor, "rotate-keys", "personal data", cause=f"{done} rows sealed anew", after=f"key {vault.current}")
    return done


def uses(database: Database, vault: Vault) -> Counter[str]:
    """How many hashes and sealed values rest on each key, by its id. It reads them all."""
    counted: Counter[str] = Counter()
    with database.reading() as connection:
        for column in _HASHED:
            for kept in connection.execute(select(column)).scalars():
                counted[kept.partition(":")[0]] += 1
        for column in (*(sealed.column for sealed in _SEALED), REQUESTS.c.answer):
            for kept in connection.execute(select(column).where(column.is_not(None))).scalars():
                counted[vault.key_of(kept)] += 1
    return counted


def _rotate(database: Database, vault: Vault, sealed: _Sealed) -> int:
    change = update(sealed.column.table).where(sealed.key == bindparam("of_key"))
    change = change.values({sealed.column: bindparam("anew")})
    done = 0
    for keys in _pieces(database, sealed):
        with database.transaction() as tx:
            # Read again under the transaction's lock: it may have been erased, or written anew, meanwhile.
            query = select(sealed.key, sealed.column, *sealed.bound).where(
                sealed.key.in_(keys), sealed.column.is_not(None)
            )
            rows = tx.connection.execute(query.with_for_update()).all()
            old = [row for row in rows if vault.key_of(row[1]) != vault.current]
            if old:
                tx.connection.execute(change, [{"of_key": row[0], "anew": _anew(vault, sealed, row)} for row in old])
            done += len(old)
    return done


def _anew(vault: Vault, sealed: _Sealed, row: Row[*tuple[Any, ...]]) -> bytes:
    context = sealed.context(*row[2:])
    return vault.seal(vault.unseal(row[1], context), context)


def _pieces(database: Database, sealed: _Sealed) -> Iterator[list[Any]]:
    """The keys of all rows that have something sealed, some hundred at a time, in order."""
    last: Any = None
    while True:
        query = select(sealed.key).where(sealed.column.is_not(None)).order_by(sealed.key).limit(_BATCH)
        with database.reading() as connection:
            keys = list(connection.execute(query if last is None else query.where(sealed.key > last)).scalars())
        if not keys:
            return
        yield keys
        last = keys[-1]
