"""Authorization codes (攜轉碼): issued, checked, voided.

A code is random, of the profile's form, kept only as a keyed hash together with the number and the applicant it was
issued for, and good once. Issuing another voids the one before. It expires by the clock of the database, at the moment
`expires` itself.

Wrong tries are counted by the carrier that asks: after so many as the profile allows the right code is refused to that
carrier, too, and to that one only, so nobody can use up another's tries. All carriers together have so many as the
profile allows in all; then the code is blocked for everybody. A new code has all tries anew.

A wrong try must count though the submission is refused. So `check` says what is wrong instead of raising it: whoever
calls it commits, and raises afterwards (`refusal`).
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, insert, select, update

from portdip.errors import AuthorizationCodeError
from portdip.porting.database import Transaction
from portdip.porting.orders import Order
from portdip.porting.prepared import Prepared, insert_of
from portdip.porting.privacy import Vault
from portdip.porting.profile import CodeForm
from portdip.porting.tables.codes import CODE_TRIES, CODES


class Verdict(StrEnum):
    """What a check of a code found."""

    VALID = "valid"
    WRONG = "wrong"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    NONE = "none"


def issue(tx: Transaction, vault: Vault, form: CodeForm, order: Order, identity: str, expires: datetime) -> str:
    """A new code for the order and the person whose kept identity is given; any earlier one is void."""
    void(tx, order)
    code = "".join(secrets.choice(form.alphabet) for _ in range(form.length))
    row = {
        "order_id": order.id,
        "number": order.number,
        "identity": identity,
        "digest": vault.digest("code", _bound(order, code)),
        "status": "live",
        "attempts": 0,
        "issued": tx.now,
        "expires": expires,
    }
    insert_of(CODES, frozenset(row)).run(tx.connection, [row])
    return code


def check(
    tx: Transaction, vault: Vault, form: CodeForm, order: Order, carrier: str, identity: str, code: str
) -> Verdict:
    """Whether the code is the order's live one and the applicant the person it was given to; if so it is used up.

    A wrong code and a wrong applicant are the same: both count as a try of `carrier`, and neither tells which it was.
    """
    row = _LATEST.first(tx.connection, order_id=order.id)
    if row is None or row.status in ("used", "void"):
        return Verdict.NONE
    if row.status in ("expired", "blocked"):
        return Verdict(row.status)
    if tx.now >= row.expires:
        _settle(tx, row.id, "expired", row.attempts)
        return Verdict.EXPIRED
    counted = _TRIES.first(tx.connection, of_id=row.id, of_carrier=carrier)
    tries = 0 if counted is None else counted.tries
    if tries >= form.attempts:
        return Verdict.BLOCKED
    matches = vault.is_digest("code", _bound(order, code.strip().upper()), row.digest)
    if vault.is_identity(identity, row.identity) and matches:
        _settle(tx, row.id, "used", row.attempts)
        return Verdict.VALID
    attempts = row.attempts + 1
    _settle(tx, row.id, "blocked" if attempts >= form.attempts_in_all else "live", attempts)
    _count(tx, row.id, carrier, tries + 1)
    return Verdict.WRONG


def void(tx: Transaction, order: Order, status: str = "void") -> None:
    """No code of the order is good any more."""
    _VOID.run(tx.connection, [{"of_order": order.id, "new_status": status}])


def refusal(verdict: Verdict) -> AuthorizationCodeError:
    """The error for a check that did not find a valid code."""
    what, fix = _REFUSALS[verdict]
    return AuthorizationCodeError(what, got=verdict.value, fix=fix)


_REFUSALS = {
    Verdict.WRONG: ("code or applicant are not right", "Check both; tries are counted."),
    Verdict.EXPIRED: ("the authorization code has expired", "Ask the donor for another."),
    Verdict.BLOCKED: ("too many wrong codes were tried", "Ask the donor for another."),
    Verdict.NONE: ("the number has no authorization code that could be used", "Ask the donor for one."),
}

_LATEST = Prepared(
    select(CODES)
    .where(CODES.c.order_id == bindparam("order_id"))
    .order_by(CODES.c.id.desc())
    .limit(1)
    .with_for_update()
)
_VOID = Prepared(
    update(CODES)
    .where(CODES.c.order_id == bindparam("of_order"), CODES.c.status == "live")
    .values(status=bindparam("new_status"))
)
_TRIES = Prepared(
    select(CODE_TRIES.c.tries).where(
        CODE_TRIES.c.code_id == bindparam("of_id"), CODE_TRIES.c.carrier == bindparam("of_carrier")
    )
)
_SETTLE = Prepared(
    update(CODES)
    .where(CODES.c.id == bindparam("of_id"))
    .values(status=bindparam("new_status"), attempts=bindparam("tries"))
)


def _settle(tx: Transaction, code: int, status: str, attempts: int) -> None:
    _SETTLE.run(tx.connection, [{"of_id": code, "new_status": status, "tries": attempts}])


def _count(tx: Transaction, code: int, carrier: str, tries: int) -> None:
    """Keep how often a carrier has tried wrongly; the code's row is locked."""
    if tries == 1:
        tx.connection.execute(insert(CODE_TRIES), {"code_id": code, "carrier": carrier, "tries": tries})
        return
    mine = (CODE_TRIES.c.code_id == code) & (CODE_TRIES.c.carrier == carrier)
    tx.connection.execute(update(CODE_TRIES).where(mine).values(tries=tries))


def _bound(order: Order, code: str) -> str:
    return f"{order.id} {order.number} {code}"
