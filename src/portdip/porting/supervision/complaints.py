"""Complaints and their clocks: the operator answers first, then the regulator takes the case and mediates.

    with-operator ──answer──▶ answered ──satisfy──▶ settled
          │ (late)               │
          └──────escalate────────┴──▶ escalated ──accept──▶ accepted ──reply──▶ mediation ──settle──▶ settled
                                          └──refuse──▶ refused                      └──close──▶ closed

A complaint may be withdrawn until it has ended. The clocks are the profile's (`complaints`): when one runs out the
complaint is marked late in that stage; an operator that leaves the regulator without a reply gets mediation without
one, and mediation that comes to nothing in its time is closed. For one transaction, in one thread.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from portdip.errors import StaleRecordError, SupervisionError, UnknownRecordError
from portdip.porting.actor import CARRIER_ROLES, SYSTEM, Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.profile import Complaints, Duration, Profile
from portdip.porting.tables.supervision import COMPLAINTS


class Stage(StrEnum):
    """Where a complaint is."""

    WITH_OPERATOR = "with-operator"
    ANSWERED = "answered"
    ESCALATED = "escalated"
    ACCEPTED = "accepted"
    MEDIATION = "mediation"
    SETTLED = "settled"
    REFUSED = "refused"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Deed(StrEnum):
    """What is done to a complaint."""

    ANSWER = "answer"
    SATISFY = "satisfy"
    ESCALATE = "escalate"
    ACCEPT = "accept"
    REFUSE = "refuse"
    REPLY = "reply"
    SETTLE = "settle"
    CLOSE = "close"
    WITHDRAW = "withdraw"


ENDED = frozenset({Stage.SETTLED, Stage.REFUSED, Stage.CLOSED, Stage.WITHDRAWN})

#: Where each deed leads from each stage; what is not here is refused.
MOVES: dict[tuple[Stage, Deed], Stage] = {
    (Stage.WITH_OPERATOR, Deed.ANSWER): Stage.ANSWERED,
    (Stage.WITH_OPERATOR, Deed.ESCALATE): Stage.ESCALATED,
    (Stage.ANSWERED, Deed.SATISFY): Stage.SETTLED,
    (Stage.ANSWERED, Deed.ESCALATE): Stage.ESCALATED,
    (Stage.ESCALATED, Deed.ACCEPT): Stage.ACCEPTED,
    (Stage.ESCALATED, Deed.REFUSE): Stage.REFUSED,
    (Stage.ACCEPTED, Deed.REPLY): Stage.MEDIATION,
    (Stage.MEDIATION, Deed.SETTLE): Stage.SETTLED,
    (Stage.MEDIATION, Deed.CLOSE): Stage.CLOSED,
} | {(stage, Deed.WITHDRAW): Stage.WITHDRAWN for stage in Stage if stage not in ENDED}

_OPERATOR = frozenset({Role.DESK, Role.DONOR, Role.RECIPIENT, Role.RANGE_HOLDER})
_REGULATOR = frozenset({Role.REGULATOR})
_COMPLAINANT = frozenset({Role.DESK, Role.CENTRE, Role.REGULATOR})

#: Who may do it; the operator's deeds only the carrier that is complained about, the complainant's never that one, and
#: of desks only those of the carrier that opened it.
ROLES: dict[Deed, frozenset[Role]] = {
    Deed.ANSWER: _OPERATOR,
    Deed.REPLY: _OPERATOR,
    Deed.SATISFY: _COMPLAINANT,
    Deed.ESCALATE: _COMPLAINANT,
    Deed.WITHDRAW: _COMPLAINANT,
    Deed.ACCEPT: _REGULATOR,
    Deed.REFUSE: _REGULATOR,
    Deed.SETTLE: _REGULATOR,
    Deed.CLOSE: _REGULATOR | {Role.SYSTEM},
}
_OPERATORS_DEEDS = (Deed.ANSWER, Deed.REPLY)
_COMPLAINANTS_DEEDS = (Deed.SATISFY, Deed.ESCALATE, Deed.WITHDRAW)

#: The clock that runs in a stage.
_CLOCKS: dict[Stage, Callable[[Complaints], Duration]] = {
    Stage.WITH_OPERATOR: lambda clocks: clocks.operator,
    Stage.ESCALATED: lambda clocks: clocks.accept,
    Stage.ACCEPTED: lambda clocks: clocks.answer,
    Stage.MEDIATION: lambda clocks: clocks.mediation,
}
_REFERENCE_BYTES = 6


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint about `carrier` as it was at its `revision`; times in UTC, `due` None where no clock runs."""

    id: int
    reference: str
    profile: str
    carrier: str
    number: int | None
    order_id: int | None
    topic: str
    stage: Stage
    revision: int
    due: datetime | None
    late: tuple[Stage, ...]
    opened: datetime
    answered: datetime | None
    escalated: datetime | None
    ended: datetime | None
    complainant: str

    def concerns(self, actor: Actor) -> bool:
        """Whether the actor may see it: a carrier sees those about it and those its own desks have opened."""
        return actor.role not in CARRIER_ROLES or actor.carrier in (self.carrier, self.complainant)


def may(actor: Actor, found: Complaint, deed: Deed) -> bool:
    """Whether an actor is on the side of a complaint that does this: the operator's, its complainant's, neither."""
    if actor.role not in ROLES[deed]:
        return False
    is_operator = actor.carrier == found.carrier
    if deed in _OPERATORS_DEEDS:
        return is_operator
    if deed in _COMPLAINANTS_DEEDS and actor.role in CARRIER_ROLES:
        return not is_operator and actor.carrier == found.complainant
    return True


def open_new(
    tx: Transaction,
    profile: Profile,
    actor: Actor,
    carrier: str,
    topic: str,
    *,
    number: int | None = None,
    order_id: int | None = None,
) -> Complaint:
    """A complaint about `carrier`, which has it now. What the subscriber says is evidence of it (`evidence.put`).

    A desk that opens it is the complainant's from then on.
    """
    if actor.role not in _COMPLAINANT:
        raise _not_yours("open a complaint", actor, "")
    row: dict[str, Any] = {
        "reference": f"C{secrets.token_hex(_REFERENCE_BYTES)}",
        "profile": profile.name,
        "carrier": carrier,
        "number": number,
        "order_id": order_id,
        "topic": topic,
        "stage": Stage.WITH_OPERATOR.value,
        "revision": 1,
        "due": _due(profile, Stage.WITH_OPERATOR, tx.now),
        "late": [],
        "opened": tx.now,
        "changed": tx.now,
        "complainant": actor.carrier,
    }
    made = _complaint(tx.connection.execute(insert(COMPLAINTS).values(row).returning(*COMPLAINTS.columns)).one())
    tx.audit(actor, "complaint open", _subject(made), "", made.stage, topic, f"{profile.name}: complaints")
    return made


def find(connection: Connection, reference: str) -> Complaint:
    """The complaint of this reference; UnknownRecordError if there is none."""
    row = connection.execute(select(COMPLAINTS).where(COMPLAINTS.c.reference == reference)).first()
    if row is None:
        raise UnknownRecordError("no such complaint", got=reference)
    return _complaint(row)


def newest(
    connection: Connection,
    limit: int,
    *,
    carrier: str = "",
    party: str = "",
    stage: Stage | None = None,
    before: int | None = None,
) -> list[Complaint]:
    """At most `limit` complaints, the newest first: about `carrier`, or that concern `party`; '' and None for any.

    `before` is the `id` of the last complaint of the page before.
    """
    table = COMPLAINTS.c
    query = select(COMPLAINTS).order_by(table.id.desc()).limit(limit)
    if carrier:
        query = query.where(table.carrier == carrier)
    if party:
        query = query.where((table.carrier == party) | (table.complainant == party))
    if stage is not None:
        query = query.where(table.stage == stage.value)
    if before is not None:
        query = query.where(table.id < before)
    return [_complaint(row) for row in connection.execute(query)]


def of_id(connection: Connection, identifier: int) -> Complaint:
    """The complaint of this id, which other records name it by."""
    return _complaint(connection.execute(select(COMPLAINTS).where(COMPLAINTS.c.id == identifier)).one())


def move(tx: Transaction, profile: Profile, found: Complaint, deed: Deed, actor: Actor, cause: str) -> Complaint:
    """Do `deed` to a complaint as the caller saw it; the complaint afterwards.

    Raises SupervisionError where stage, role or carrier do not allow it, where the operator still has time, or where
    somebody else has changed it since.
    """
    after = MOVES.get((found.stage, deed))
    if after is None:
        possible = sorted(possible.value for stage, possible in MOVES if stage is found.stage)
        raise SupervisionError(
            f"a complaint that is {found.stage} does not {deed}",
            where=_subject(found),
            expected=", ".join(possible) or "nothing",
        )
    if not may(actor, found, deed):
        raise _not_yours(deed, actor, _subject(found))
    if deed is Deed.ESCALATE and found.stage is Stage.WITH_OPERATOR and Stage.WITH_OPERATOR not in found.late:
        raise SupervisionError(
            "the operator still has time to answer",
            where=_subject(found),
            got=f"until {found.due.isoformat() if found.due else 'now'}",
        )
    return _moved(tx, profile, found, deed, after, actor, cause)


def run_due(tx: Transaction, profiles: Mapping[str, Profile], limit: int = 500) -> int:
    """See to at most `limit` complaints whose clock has run out; how many."""
    query = select(COMPLAINTS).where(COMPLAINTS.c.due <= tx.now).order_by(COMPLAINTS.c.due).limit(limit)
    rows = tx.connection.execute(query.with_for_update(skip_locked=True)).all()
    for row in rows:
        found, profile = _complaint(row), profiles[row.profile]
        late = dataclasses.replace(found, late=(*found.late, found.stage), due=None)
        rule = f"{profile.name}: complaints"
        if found.stage is Stage.ACCEPTED:
            _moved(tx, profile, late, "no-reply", Stage.MEDIATION, SYSTEM, "the operator did not reply in time")
        elif found.stage is Stage.MEDIATION:
            _moved(tx, profile, late, Deed.CLOSE, Stage.CLOSED, SYSTEM, "mediation came to nothing in its time")
        else:
            _write(tx, found, late)
            tx.audit(SYSTEM, "complaint late", _subject(found), found.stage, found.stage, "the clock ran out", rule)
    return len(rows)


def _moved(
    tx: Transaction, profile: Profile, found: Complaint, deed: str, stage: Stage, actor: Actor, cause: str
) -> Complaint:
    after = dataclasses.replace(
        found,
        stage=stage,
        due=_due(profile, stage, tx.now),
        answered=tx.now if stage is Stage.ANSWERED else found.answered,
        escalated=tx.now if stage is Stage.ESCALATED else found.escalated,
        ended=tx.now if stage in ENDED else None,
    )
    after = _write(tx, found, after)
    rule = f"{profile.name}: complaints"
    tx.audit(actor, f"complaint {deed}", _subject(found), found.stage, stage, cause, rule)
    return after


def _write(tx: Transaction, found: Complaint, after: Complaint) -> Complaint:
    after = dataclasses.replace(after, revision=found.revision + 1)
    values: dict[str, Any] = {
        "stage": after.stage.value,
        "revision": after.revision,
        "due": after.due,
        "late": [stage.value for stage in after.late],
        "answered": after.answered,
        "escalated": after.escalated,
        "ended": after.ended,
        "changed": tx.now,
    }
    query = update(COMPLAINTS).where(COMPLAINTS.c.id == found.id, COMPLAINTS.c.revision == found.revision)
    if tx.connection.execute(query.values(values)).rowcount != 1:
        raise StaleRecordError(
            "the complaint was changed meanwhile", where=_subject(found), fix="Read it again and decide anew."
        )
    return after


def _due(profile: Profile, stage: Stage, now: datetime) -> datetime | None:
    clock = _CLOCKS.get(stage)
    return clock(profile.complaints).after(now, profile.calendar) if clock else None


def _subject(found: Complaint) -> str:
    return f"complaint {found.reference}"


def _not_yours(deed: str, actor: Actor, where: str) -> SupervisionError:
    carrier = f" of {actor.carrier}" if actor.role in CARRIER_ROLES else ""
    return SupervisionError(f"not yours to {deed}", got=f"{actor.role}{carrier}", where=where)


def _complaint(row: Row[Any]) -> Complaint:
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(Complaint)}
    late = tuple(Stage(stage) for stage in row.late)
    return Complaint(**values | {"stage": Stage(row.stage), "late": late})
