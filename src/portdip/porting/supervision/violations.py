"""Violations of the nine prohibitions: reported or found by a rule, confirmed or dismissed by the regulator.

The prohibitions are those of 《携号转网服务管理规定》 (工信部信管〔2019〕242号), art. 8; other countries' are near
enough to be counted by the same codes. A finding is a suspicion and nothing else until the regulator confirms it.

Rules look at what is in the database:

| rule | code | what it finds |
|---|---|---|
| silent-donor | V1 | the donor's answer was awaited and never came, and a timer decided the order |
| delayed-again | V1 | the donor delayed one order more than `DELAYS_MAX` times |
| number-kept | V8 | the subscriber's line is closed, and the number was not given back within `KEPT_DAYS` |

Each is found once for an order. For one transaction or connection, in one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, select, update

from portdip.errors import SupervisionError, UnknownRecordError
from portdip.porting.actor import CARRIER_ROLES, SYSTEM, Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.profile import Text
from portdip.porting.states import Act, State
from portdip.porting.tables.audit import AUDIT
from portdip.porting.tables.orders import ORDERS
from portdip.porting.tables.subscribers import SUBSCRIBERS
from portdip.porting.tables.supervision import VIOLATIONS

#: How often a donor may delay one order before it looks like more than need.
DELAYS_MAX = 2
#: How long a recipient may keep a number whose subscriber has left.
KEPT_DAYS = 90
_FOUND_AT_ONCE = 500


class Prohibition(StrEnum):
    """What a carrier must not do: the nine of art. 8."""

    V1 = "V1"
    V2 = "V2"
    V3 = "V3"
    V4 = "V4"
    V5 = "V5"
    V6 = "V6"
    V7 = "V7"
    V8 = "V8"
    V9 = "V9"

    @property
    def text(self) -> Text:
        """What is prohibited, in words."""
        return _TEXTS[self]


_TEXTS = {
    Prohibition.V1: Text(
        zh="無正當理由拒絕、阻止、拖延攜轉服務", en="Refusing, blocking or delaying a port without cause"
    ),
    Prohibition.V2: Text(zh="用戶提出申請後干擾其自由選擇", en="Interfering with free choice after the application"),
    Prohibition.V3: Text(zh="擴大在網約定期限範圍以限制攜轉", en="Widening term contracts to restrict porting"),
    Prohibition.V4: Text(zh="以攔截、限制等技術手段影響攜轉用戶的服務質量", en="Degrading the service of ported users"),
    Prohibition.V5: Text(zh="比較宣傳、指名他人、虛假或誤導宣傳", en="Comparative, false or misleading advertising"),
    Prohibition.V6: Text(zh="為攜轉用戶設專項資費或營銷方案", en="Special tariffs or campaigns for porting users"),
    Prohibition.V7: Text(zh="惡意代理攜轉、惡意代理投訴", en="Malicious porting or complaining by proxy"),
    Prohibition.V8: Text(zh="用戶退網後繼續佔用攜入號碼", en="Keeping a ported-in number after the user has left"),
    Prohibition.V9: Text(zh="其他違反規定的行為", en="Anything else against the rules"),
}


class Status(StrEnum):
    """What the regulator holds of a finding."""

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding against `carrier`. `rule` is '' where it was reported; `evidence` are ids."""

    id: int
    code: Prohibition
    carrier: str
    rule: str
    order_id: int | None
    complaint_id: int | None
    case_id: int | None
    finding: str
    evidence: tuple[int, ...]
    status: Status
    found: datetime


def report(
    tx: Transaction,
    actor: Actor,
    code: Prohibition,
    carrier: str,
    finding: str,
    *,
    evidence: Sequence[int] = (),
    order_id: int | None = None,
    complaint_id: int | None = None,
) -> Violation:
    """Somebody reports what a carrier did; a carrier may report others only. Raises SupervisionError."""
    if actor.role in CARRIER_ROLES and actor.carrier == carrier:
        raise SupervisionError("a carrier does not report itself", got=carrier)
    if not finding.strip():
        raise SupervisionError("a violation wants a finding", got="nothing", expected="what the carrier did")
    row = {"code": code.value, "carrier": carrier, "rule": "", "finding": finding, "evidence": list(evidence)}
    return _put(tx, actor, row | {"order_id": order_id, "complaint_id": complaint_id})


def decide(tx: Transaction, actor: Actor, found: Violation, status: Status, cause: str) -> Violation:
    """Confirm or dismiss a suspicion, which only the regulator does. Raises SupervisionError."""
    if actor.role is not Role.REGULATOR:
        raise SupervisionError("not yours to decide", got=actor.role, expected=Role.REGULATOR)
    if status is Status.SUSPECTED:
        raise SupervisionError("no decision", got=status, expected=f"{Status.CONFIRMED} or {Status.DISMISSED}")
    suspected = and_(VIOLATIONS.c.id == found.id, VIOLATIONS.c.status == Status.SUSPECTED)
    query = update(VIOLATIONS).where(suspected).values(status=status.value, decided=tx.now)
    row = tx.connection.execute(query.returning(*VIOLATIONS.columns)).first()
    if row is None:
        raise SupervisionError("the violation is decided already", where=_subject(found.id))
    tx.audit(actor, f"violation {status}", _subject(found.id), Status.SUSPECTED, status, cause)
    return _violation(row)


def find(connection: Connection, identifier: int) -> Violation:
    """The violation of this id; UnknownRecordError if there is none."""
    row = connection.execute(select(VIOLATIONS).where(VIOLATIONS.c.id == identifier)).first()
    if row is None:
        raise UnknownRecordError("no such violation", got=str(identifier))
    return _violation(row)


def newest(
    connection: Connection, limit: int, *, carrier: str = "", status: Status | None = None, before: int | None = None
) -> list[Violation]:
    """At most `limit` findings, the newest first; against `carrier`, '' for any; `before` is the last id seen."""
    query = select(VIOLATIONS).order_by(VIOLATIONS.c.id.desc()).limit(limit)
    if carrier:
        query = query.where(VIOLATIONS.c.carrier == carrier)
    if status is not None:
        query = query.where(VIOLATIONS.c.status == status.value)
    if before is not None:
        query = query.where(VIOLATIONS.c.id < before)
    return [_violation(row) for row in connection.execute(query)]


def of_case(connection: Connection, case_id: int) -> list[Violation]:
    """The violations that a case rests on, oldest first."""
    query = select(VIOLATIONS).where(VIOLATIONS.c.case_id == case_id).order_by(VIOLATIONS.c.id)
    return [_violation(row) for row in connection.execute(query)]


def search(tx: Transaction, since: datetime) -> list[Violation]:
    """Apply the rules to orders that changed at `since` or later; what they find that was not found before."""
    found: list[Violation] = []
    for rule, code, rows in (
        ("silent-donor", Prohibition.V1, _silent(tx, since)),
        ("delayed-again", Prohibition.V1, _delayed(tx, since)),
        ("number-kept", Prohibition.V8, _kept(tx)),
    ):
        for order_id, carrier, finding in rows:
            row = {"code": code.value, "carrier": carrier, "rule": rule, "finding": finding, "order_id": order_id}
            found.append(_put(tx, SYSTEM, row | {"complaint_id": None, "evidence": []}))
    return found


def _silent(tx: Transaction, since: datetime) -> Iterable[tuple[int, str, str]]:
    """Orders that came out of awaiting the donor's answer by a timer."""
    by_timer = and_(
        AUDIT.c.subject == ORDERS.c.reference,
        AUDIT.c.before == State.AWAITING_DONOR,
        AUDIT.c.after != State.AWAITING_DONOR,
        AUDIT.c.role == Role.SYSTEM,
        AUDIT.c.rule.like("%: timers.%"),
    )
    query = _unfound("silent-donor").where(select(AUDIT.c.sequence).where(by_timer).exists())
    for row in tx.connection.execute(query.where(ORDERS.c.changed >= since)).all():
        yield row.id, row.donor, f"no answer to order {row.reference} in the time it had"


def _delayed(tx: Transaction, since: datetime) -> Iterable[tuple[int, str, str]]:
    """Orders that the donor delayed again and again."""
    delays = select(func.count()).where(
        AUDIT.c.subject == ORDERS.c.reference, AUDIT.c.act == Act.DELAY, AUDIT.c.role == Role.DONOR
    )
    query = _unfound("delayed-again").where(ORDERS.c.changed >= since, delays.scalar_subquery() > DELAYS_MAX)
    for row in tx.connection.execute(query).all():
        yield row.id, row.donor, f"order {row.reference} delayed more than {DELAYS_MAX} times"


def _kept(tx: Transaction) -> Iterable[tuple[int, str, str]]:
    """Ports still active though the recipient's own record says that the line is closed."""
    line = and_(SUBSCRIBERS.c.number == ORDERS.c.number, SUBSCRIBERS.c.carrier == ORDERS.c.recipient)
    query = (
        _unfound("number-kept")
        .add_columns(ORDERS.c.recipient, SUBSCRIBERS.c.changed)
        .join(SUBSCRIBERS, line)
        .where(ORDERS.c.state.in_([State.ACTIVE, State.SUSPENDED]), SUBSCRIBERS.c.status == "closed")
        .where(SUBSCRIBERS.c.changed <= tx.now - timedelta(days=KEPT_DAYS))
    )
    for row in tx.connection.execute(query).all():
        yield row.id, row.recipient, f"line closed at {row.changed.isoformat()}, order {row.reference} still active"


def _unfound(rule: str) -> Select[Any]:
    """Orders of which the rule has not found anything yet."""
    found = select(VIOLATIONS.c.id).where(VIOLATIONS.c.order_id == ORDERS.c.id, VIOLATIONS.c.rule == rule)
    query = select(ORDERS.c.id, ORDERS.c.reference, ORDERS.c.donor).where(~found.exists())
    return query.order_by(ORDERS.c.id).limit(_FOUND_AT_ONCE)


def _put(tx: Transaction, actor: Actor, row: dict[str, Any]) -> Violation:
    full = row | {"status": Status.SUSPECTED.value, "found": tx.now}
    made = _violation(tx.connection.execute(insert(VIOLATIONS).values(full).returning(*VIOLATIONS.columns)).one())
    tx.audit(actor, "violation found", _subject(made.id), "", made.status, f"{made.code} {made.carrier}", made.rule)
    return made


def _subject(identifier: int) -> str:
    return f"violation {identifier}"


def _violation(row: Row[Any]) -> Violation:
    return Violation(
        id=row.id,
        code=Prohibition(row.code),
        carrier=row.carrier,
        rule=row.rule,
        order_id=row.order_id,
        complaint_id=row.complaint_id,
        case_id=row.case_id,
        finding=row.finding,
        evidence=tuple(row.evidence),
        status=Status(row.status),
        found=row.found,
    )
