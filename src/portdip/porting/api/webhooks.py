"""Events posted to carriers' systems: each in order, signed, tried again where it does not arrive.

A post is one event as JSON. The header `Portdip-Signature: t=SECONDS,v1=HEX` has HMAC-SHA256, under the webhook's
secret, over the seconds since 1970, a full stop and the body; `Portdip-Event` is the event's id, which grows. An
answer of 2xx is an arrival. An event that does not arrive is tried again after 1, 2, 4 … seconds, at most an hour,
and given up after so many attempts as the settings say; then the next one has its turn. A post whose answer was lost
is made again: receivers go by the event's id.

Only the centre sets webhooks up: this process can reach what carriers cannot.

A process that is about to post puts off the webhook's next try, so that of several only one posts.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from portdip.errors import WebhookError
from portdip.porting.actor import SYSTEM, Actor
from portdip.porting.api import events
from portdip.porting.database import Database, Transaction
from portdip.porting.privacy import Vault
from portdip.porting.tables.access import WEBHOOKS
from portdip.porting.tables.orders import EVENTS
from portdip.settings.porting import Porting

_PAUSE_MAX = timedelta(hours=1)
#: How many webhooks one step looks at.
_TOGETHER = 50

_log = structlog.get_logger("portdip.porting.api")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a carrier's events go. `position` is the last that is settled, `attempts` those made for the next."""

    id: int
    carrier: str
    url: str
    position: int
    attempts: int
    given_up: int


def add(tx: Transaction, vault: Vault, actor: Actor, carrier: str, url: str) -> tuple[Webhook, str]:
    """A new webhook, for the events from now on, and the secret that signs its posts. Raises WebhookError."""
    if not _can_be_posted_to(url):
        raise WebhookError("not a URL to post to", expected="https://HOST/PATH")
    secret = secrets.token_urlsafe(32)
    position = tx.connection.execute(select(func.max(EVENTS.c.id))).scalar() or 0
    row: dict[str, Any] = {"carrier": carrier, "url": url, "secret": vault.seal(secret, secret_context(carrier, url))}
    row |= {"position": position, "attempts": 0, "given_up": 0, "due": tx.now, "made": tx.now}
    try:
        made = tx.connection.execute(insert(WEBHOOKS).values(row).returning(*_COLUMNS)).one()
    except IntegrityError as error:
        raise WebhookError("there is a webhook of this URL already") from error
    tx.audit(actor, "webhook add", f"webhook {made.id}", "", "added", details={"carrier": carrier, "url": url})
    return _webhook(made), secret


def _can_be_posted_to(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # half of an IPv6 address
        return False
    is_web = parts.scheme in ("https", "http") and bool(parts.hostname)
    return is_web and not parts.username and len(url) <= 2000


def remove(tx: Transaction, actor: Actor, identifier: int) -> None:
    """End a webhook. Raises WebhookError if there is none of this id."""
    if tx.connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.id == identifier)).rowcount == 0:
        raise WebhookError("no such webhook", got=str(identifier))
    tx.audit(actor, "webhook remove", f"webhook {identifier}", "added", "")


def of_carrier(connection: Connection, carrier: str) -> list[Webhook]:
    """A carrier's webhooks, the oldest first."""
    query = select(*_COLUMNS).where(WEBHOOKS.c.carrier == carrier).order_by(WEBHOOKS.c.id)
    return [_webhook(row) for row in connection.execute(query)]


class Deliveries:
    """Posts what is due. For one thread; close it in the end. Any number of processes may have one."""

    def __init__(
        self, database: Database, vault: Vault, settings: Porting, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._database = database
        self._vault = vault
        self._attempts = settings.webhook_attempts
        self._timeout = settings.webhook_timeout_seconds
        self._client = httpx.Client(timeout=self._timeout, transport=transport, follow_redirects=False)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def step(self) -> int:
        """Post the next event of each webhook that is due; how many posts were made."""
        posts = 0
        for row in self._due():
            event = self._claim(row)
            if event is not None:
                self._settle(row, event.id, self._post(row, event))
                posts += 1
        return posts

    def _due(self) -> list[Row[Any]]:
        """Webhooks whose time has come and for which there is an event."""
        now = self._database.now()
        waiting = select(EVENTS.c.id).where(EVENTS.c.carrier == WEBHOOKS.c.carrier, EVENTS.c.id > WEBHOOKS.c.position)
        query = select(WEBHOOKS).where(WEBHOOKS.c.due <= now, waiting.exists()).order_by(WEBHOOKS.c.due)
        with self._database.reading() as connection:
            return list(connection.execute(query.limit(_TOGETHER)).all())

    def _claim(self, row: Row[Any]) -> events.Event | None:
        """The event to post next, if no other process is about to."""
        with self._database.transaction() as tx:
            claim = (
                update(WEBHOOKS)
                .where(WEBHOOKS.c.id == row.id, WEBHOOKS.c.due == row.due, WEBHOOKS.c.position == row.position)
                .values(due=tx.now + timedelta(seconds=2 * self._timeout + 1))
            )
            if tx.connection.execute(claim).rowcount == 0:
                return None
            found = events.after(tx.connection, row.position, 1, row.carrier)
            return found[0] if found else None

    def _post(self, row: Row[Any], event: events.Event) -> bool:
        """Whether the event has arrived."""
        try:
            secret = self._vault.unseal(row.secret, secret_context(row.carrier, row.url))
            body = event.as_json()
            headers = {
                "Content-Type": "application/json",
                "Portdip-Event": str(event.id),
                "Portdip-Signature": signature(secret, int(time.time()), body),
            }
            with self._client.stream("POST", row.url, content=body, headers=headers) as response:
                return 200 <= response.status_code < 300
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return False

    def _settle(self, row: Row[Any], event: int, arrived: bool) -> None:
        """Note what came of a post."""
        attempts = row.attempts + 1
        with self._database.transaction() as tx:
            values: dict[str, Any] = {"position": event, "attempts": 0, "due": tx.now}
            if not arrived and attempts >= self._attempts:
                values["given_up"] = row.given_up + 1
                tx.audit(SYSTEM, "webhook give up", f"webhook {row.id}", details={"event": event, "attempts": attempts})
                _log.warning("event given up", webhook=row.id, event_id=event, attempts=attempts)
            elif not arrived:
                pause = min(timedelta(seconds=2.0 ** min(attempts - 1, 12)), _PAUSE_MAX)
                values = {"attempts": attempts, "due": tx.now + pause}
            tx.connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.id == row.id).values(values))


def signature(secret: str, moment: int, body: bytes) -> str:
    """The value of the header `Portdip-Signature` for a body posted at `moment` (seconds since 1970).

    >>> signature("secret", 1_700_000_000, b"{}")[:24]
    't=1700000000,v1=b8569b78'
    """
    mac = hmac.digest(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={mac.hex()}"


_COLUMNS = [WEBHOOKS.c[name] for name in ("id", "carrier", "url", "position", "attempts", "given_up")]


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(**row._mapping)


def secret_context(carrier: str, url: str) -> str:
    """What a webhook's secret is sealed with, so that no row's secret opens in another's."""
    return f"webhook {carrier} {url}"
