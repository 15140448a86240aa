"""The ladder: a case against a carrier, from warning and fine to the loss of its licence.

    open ──warn──▶ warned ──suspend──▶ suspended ──rectify──▶ rectified ──close──▶ closed
                     └──close──▶ closed    └──revoke──▶ revoked ──close──▶ closed

One rung after the other: 警告與罰款, 暫停業務直至整改合格, 吊銷執照. 民事賠償 (compensation) may be awarded from the
warning on, any number of times, and moves nothing. A case rests on confirmed violations. While a carrier is suspended,
and for good once its licence is revoked, it cannot port numbers in (`standing`). All measures are the regulator's.

For one transaction, in one thread.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from portdip.errors import StaleRecordError, SupervisionError, UnknownRecordError
from portdip.porting.actor import Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.supervision.standing import Standing, set_standing, standing_of
from portdip.porting.supervision.violations import Status
from portdip.porting.tables.supervision import CASES, MEASURES, VIOLATIONS


class CaseState(StrEnum):
    """The rung a case is on."""

    OPEN = "open"
    WARNED = "warned"
    SUSPENDED = "suspended"
    RECTIFIED = "rectified"
    REVOKED = "revoked"
    CLOSED = "closed"


class Measure(StrEnum):
    """What the regulator does in a case."""

    WARN = "warn"
    SUSPEND = "suspend"
    RECTIFY = "rectify"
    REVOKE = "revoke"
    COMPENSATE = "compensate"
    CLOSE = "close"


_FROM_WARNING = (CaseState.WARNED, CaseState.SUSPENDED, CaseState.RECTIFIED, CaseState.REVOKED)

#: Where each measure leads from each state; what is not here is refused.
MOVES: dict[tuple[CaseState, Measure], CaseState] = {
    (CaseState.OPEN, Measure.WARN): CaseState.WARNED,
    (CaseState.OPEN, Measure.CLOSE): CaseState.CLOSED,
    (CaseState.WARNED, Measure.SUSPEND): CaseState.SUSPENDED,
    (CaseState.WARNED, Measure.CLOSE): CaseState.CLOSED,
    (CaseState.SUSPENDED, Measure.RECTIFY): CaseState.RECTIFIED,
    (CaseState.SUSPENDED, Measure.REVOKE): CaseState.REVOKED,
    (CaseState.RECTIFIED, Measure.CLOSE): CaseState.CLOSED,
    (CaseState.REVOKED, Measure.CLOSE): CaseState.CLOSED,
} | {(state, Measure.COMPENSATE): state for state in _FROM_WARNING}

_STANDINGS = {
    Measure.SUSPEND: Standing.SUSPENDED,
    Measure.RECTIFY: Standing.GOOD,
    Measure.REVOKE: Standing.REVOKED,
}
_WITH_MONEY = (Measure.WARN, Measure.COMPENSATE)
_REFERENCE_BYTES = 6


@dataclass(frozen=True, slots=True)
class Case:
    """A case against `carrier` as it was at its `revision`.

    `due` (UTC) is by when the carrier has to rectify, None for no time.
    """

    id: int
    reference: str
    carrier: str
    state: CaseState
    revision: int
    due: datetime | None
    opened: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A measure that was taken; `amount` in the smallest unit of `currency`, 0 for none."""

    measure: Measure
    amount: int
    currency: str
    beneficiary: str
    cause: str
    at: datetime


def open_new(tx: Transaction, actor: Actor, carrier: str, violations: Sequence[int], cause: str) -> Case:
    """A case that rests on these violations (ids), all the carrier's, confirmed, and in no other case."""
    _check_regulator(actor)
    row = {"reference": f"K{secrets.token_hex(_REFERENCE_BYTES)}", "carrier": carrier, "revision": 1}
    row |= {"state": CaseState.OPEN.value, "opened": tx.now, "changed": tx.now}
    made = _case(tx.connection.execute(insert(CASES).values(row).returning(*CASES.columns)).one())
    table = VIOLATIONS.c
    query = update(VIOLATIONS).where(
        table.id.in_(violations), table.carrier == carrier, table.status == Status.CONFIRMED, table.case_id.is_(None)
    )
    count = tx.connection.execute(query.values(case_id=made.id)).rowcount
    if not violations or count != len(set(violations)):
        raise SupervisionError(
            "a case rests on confirmed violations",
            where=f"case against {carrier}",
            expected="violations of this carrier, confirmed and in no other case",
            got=f"{count} such of {len(set(violations))}",
        )
    tx.audit(actor, "case open", _subject(made), "", made.state, cause, "", {"violations": sorted(violations)})
    return made


def take(
    tx: Transaction,
    actor: Actor,
    found: Case,
    measure: Measure,
    cause: str,
    *,
    amount: int = 0,
    currency: str = "",
    beneficiary: str = "",
    due: datetime | None = None,
) -> Case:
    """Take a measure in a case as the caller saw it; the case afterwards.

    `amount` is the fine of a warning, or a compensation, which has a `beneficiary`; `due` by when the carrier has to
    rectify, with a warning or a suspension. Raises SupervisionError where the rung, the role or these do not fit, or
    where somebody else has changed the case since.
    """
    _check_regulator(actor)
    state = MOVES.get((found.state, measure))
    if state is None:
        possible = sorted(possible.value for rung, possible in MOVES if rung is found.state)
        raise SupervisionError(
            f"a case that is {found.state} does not {measure}",
            where=_subject(found),
            expected=", ".join(possible) or "nothing",
        )
    _check_money(measure, amount, currency, beneficiary)
    after = dataclasses.replace(found, state=state, revision=found.revision + 1, due=due)
    query = update(CASES).where(CASES.c.id == found.id, CASES.c.revision == found.revision)
    values = {"state": state.value, "revision": after.revision, "due": due, "changed": tx.now}
    if tx.connection.execute(query.values(values)).rowcount != 1:
        raise StaleRecordError("the case was changed meanwhile", where=_subject(found), fix="Read it again.")
    row = {"case_id": found.id, "measure": measure.value, "amount": amount, "currency": currency}
    tx.connection.execute(insert(MEASURES).values(row | {"beneficiary": beneficiary, "cause": cause, "at": tx.now}))
    if measure in _STANDINGS and _decides_standing(tx, found, measure):
        set_standing(tx, found.carrier, _STANDINGS[measure], found.id)
    details = {"amount": amount, "currency": currency, "beneficiary": beneficiary} if amount else None
    tx.audit(actor, f"case {measure}", _subject(found), found.state, state, cause, "", details)
    return after


def find(connection: Connection, reference: str) -> Case:
    """The case of this reference; UnknownRecordError if there is none."""
    row = connection.execute(select(CASES).where(CASES.c.reference == reference)).first()
    if row is None:
        raise UnknownRecordError("no such case", got=reference)
    return _case(row)


def newest(connection: Connection, limit: int, *, carrier: str = "", before: int | None = None) -> list[Case]:
    """At most `limit` cases, the newest first; against `carrier`, '' for any; `before` is the last id seen."""
    query = select(CASES).order_by(CASES.c.id.desc()).limit(limit)
    if carrier:
        query = query.where(CASES.c.carrier == carrier)
    if before is not None:
        query = query.where(CASES.c.id < before)
    return [_case(row) for row in connection.execute(query)]


def measures_of(connection: Connection, found: Case) -> list[Taken]:
    """The measures taken in a case, in their order."""
    query = select(MEASURES).where(MEASURES.c.case_id == found.id).order_by(MEASURES.c.id)
    return [
        Taken(Measure(row.measure), row.amount, row.currency, row.beneficiary, row.cause, row.at)
        for row in connection.execute(query)
    ]


def _decides_standing(tx: Transaction, found: Case, measure: Measure) -> bool:
    """Whether a measure changes the carrier's standing; a revoked licence stays so, and another case may suspend."""
    if standing_of(tx.connection, found.carrier) is Standing.REVOKED:
        return False
    suspended = select(CASES.c.id).where(CASES.c.carrier == found.carrier, CASES.c.state == CaseState.SUSPENDED)
    return measure is not Measure.RECTIFY or tx.connection.execute(suspended.limit(1)).first() is None


def _check_regulator(actor: Actor) -> None:
    if actor.role is not Role.REGULATOR:
        raise SupervisionError("cases are the regulator's", got=actor.role, expected=Role.REGULATOR)


def _check_money(measure: Measure, amount: int, currency: str, beneficiary: str) -> None:
    wrong = amount < 0 or (amount > 0) != bool(currency) or (amount > 0 and measure not in _WITH_MONEY)
    compensates = measure is Measure.COMPENSATE
    if wrong or compensates != bool(beneficiary) or (compensates and amount == 0):
        raise SupervisionError(
            "the money does not fit the measure",
            got=f"{amount} {currency} for {beneficiary or 'nobody'}",
            expected="a fine with a warning, a compensation with its beneficiary, each with a currency",
        )


def _subject(found: Case) -> str:
    return f"case {found.reference}"


def _case(row: Row[Any]) -> Case:
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(Case)}
    return Case(**values | {"state": CaseState(row.state)})
