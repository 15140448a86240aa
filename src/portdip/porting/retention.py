"""Retention: what is known of persons is erased when the profile's time for it is over; the audit chain still holds.

| what | when | what stays |
|---|---|---|
| applicant: identity hash, last digits, name | `retention.applicants` after the order was open | the order |
| authorization codes of that order | with it | that they were used or not, in the audit chain |
| details in the audit records of that order | with it | the record and the digest of the details |
| details in the audit records of refused queries | `retention.applicants` after the query | the same |
| content of evidence | when its own time (`retention.evidence`) is over | the row and the digest of the content |

The audit chain is over digests of details, and salts go with what they salted, so nothing that is erased can be told
from what stays, and every record still verifies. Each erasure is a record itself.

`Retention` is for one thread; it works in short transactions, so others go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from portdip.porting.actor import SYSTEM
from portdip.porting.audit import erase_details
from portdip.porting.database import Database, Transaction
from portdip.porting.profile import Profile
from portdip.porting.tables.audit import AUDIT
from portdip.porting.tables.codes import CODE_TRIES, CODES
from portdip.porting.tables.orders import APPLICANTS, ORDERS
from portdip.porting.tables.supervision import EVIDENCE

#: What the audit records of refused queries are about.
_REFUSED = "eligibility"
#: How many orders, or pieces of evidence, are seen to in one transaction.
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Erased:
    """How many orders and refused queries were rid of what is known of persons, how much evidence of its content."""

    orders: int = 0
    queries: int = 0
    evidence: int = 0

    def __add__(self, other: Erased) -> Erased:
        return Erased(self.orders + other.orders, self.queries + other.queries, self.evidence + other.evidence)


class Retention:
    """Erases in `database` what the profiles no longer allow to be kept."""

    def __init__(self, database: Database, profiles: Mapping[str, Profile]) -> None:
        self._database = database
        self._profiles = profiles

    def run(self) -> Erased:
        """Erase all that is due now. Raises DatabaseError; what was erased before it stays erased."""
        erased = Erased()
        after: int | None = 0
        while after is not None:
            with self._database.transaction() as tx:
                count, after = self._erase_orders(tx, after)
            erased += Erased(orders=count)
        while True:
            with self._database.transaction() as tx:
                step = Erased(queries=self._erase_queries(tx), evidence=_erase_evidence(tx))
            if step == Erased():
                return erased
            erased += step

    def _erase_orders(self, tx: Transaction, after: int) -> tuple[int, int | None]:
        """What is known of the applicants of some orders with an id above `after`; how many, and the last id, if any.

        An open or a disputed order is not done, whatever its age.
        """
        query = (
            select(ORDERS.c.id, ORDERS.c.number, ORDERS.c.reference, ORDERS.c.profile, ORDERS.c.changed)
            .join(APPLICANTS, APPLICANTS.c.order_id == ORDERS.c.id)
            .where(ORDERS.c.id > after, ~ORDERS.c.is_open, ~ORDERS.c.disputed)
            .where(or_(*(self._may_be_over(profile, tx.now) for profile in self._profiles.values())))
            .order_by(ORDERS.c.id)
            .limit(_AT_ONCE)
        )
        rows = tx.connection.execute(query).all()
        due = [row for row in rows if self._is_over(row, tx.now)]
        if due:
            ids = [row.id for row in due]
            tx.connection.execute(delete(APPLICANTS).where(APPLICANTS.c.order_id.in_(ids)))
            # By number, too, of which there is an index.
            of_orders = CODES.c.number.in_([row.number for row in due]) & CODES.c.order_id.in_(ids)
            erased = select(CODES.c.id).where(of_orders)
            tx.connection.execute(delete(CODE_TRIES).where(CODE_TRIES.c.code_id.in_(erased)))
            tx.connection.execute(delete(CODES).where(of_orders))
            told = select(AUDIT.c.sequence).where(
                AUDIT.c.subject.in_([row.reference for row in due]), AUDIT.c.details != ""
            )
            erase_details(tx, tx.connection.execute(told).scalars().all())
            for row in due:
                _record(tx, row.reference, f"{row.profile}: retention.applicants")
        return len(due), rows[-1].id if rows else None

    def _erase_queries(self, tx: Transaction) -> int:
        """The numbers of those who asked and were told no: there is no order that their record belongs to."""
        count = 0
        for profile in self._profiles.values():
            kept = profile.retention.applicants
            table = AUDIT.c
            query = (
                select(table.sequence, table.at)
                .where(table.subject == _REFUSED, table.rule.startswith(f"{profile.name}: ", autoescape=True))
                .where(table.details != "")
                .order_by(table.sequence)
                .limit(_AT_ONCE)
            )
            due = [
                row.sequence for row in tx.connection.execute(query) if kept.after(row.at, profile.calendar) <= tx.now
            ]
            count += erase_details(tx, due)
            if due:
                told = f"{_REFUSED}, records {due[0]} to {due[-1]}"
                _record(tx, told, f"{profile.name}: retention.applicants")
        return count

    def _may_be_over(self, profile: Profile, now: datetime) -> ColumnElement[bool]:
        """What holds of orders whose time is over; where it counts open days only, of some more."""
        kept = profile.retention.applicants
        begun = now - timedelta(days=kept.days, hours=kept.hours, minutes=kept.minutes)
        return and_(ORDERS.c.profile == profile.name, ORDERS.c.changed <= begun)

    def _is_over(self, order: Any, now: datetime) -> bool:
        profile = self._profiles[order.profile]
        return profile.retention.applicants.after(order.changed, profile.calendar) <= now


def _erase_evidence(tx: Transaction) -> int:
    query = select(EVIDENCE.c.id).where(EVIDENCE.c.erased.is_(None), EVIDENCE.c.keep_until <= tx.now)
    due = [row.id for row in tx.connection.execute(query.order_by(EVIDENCE.c.keep_until).limit(_AT_ONCE))]
    if due:
        gone = update(EVIDENCE).where(EVIDENCE.c.id.in_(due))
        tx.connection.execute(gone.values(content=None, salt=None, erased=tx.now))
        for identifier in due:
            _record(tx, f"evidence {identifier}", "retention.evidence")
    return len(due)


def _record(tx: Transaction, subject: str, rule: str) -> None:
    tx.audit(SYSTEM, "erase", subject, cause="its time is over", rule=rule)
