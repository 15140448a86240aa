"""Authorization codes (攜轉碼): issued, checked, voided.

A code is random, of the profile's form, kept only as a keyed hash together with the number and the applicant it was
issued for, and good once. Issuing another voids the one before. After so many wrong tries as the profile allows the
right one is refused, too. It expires by the clock of the database, at the moment `expires` itself.

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
from portdip.porting.privacy import Vault
from portdip.porting.profile import CodeForm
from portdip.porting.tables.codes import CODES


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
    tx.connection.execute(
        insert(CODES),
        {
            "order_id": order.id,
            "number": order.number,
            "identity": identity,
            "digest": vault.digest("code", _bound(order, code)),
            "status": "live",
            "attempts": 0,
            "issued": tx.now,
            "expires": expires,
        },
    )
    return code


def check(tx: Transaction, vault: Vault, form: CodeForm, order: Order, identity: str, code: str) -> Verdict:
    """Whether the code is the order's live one and the applicant the person it was given to; if so it is used up.

    A wrong code and a wrong applicant are the same: both count as a try, and neither tells which it was.
    """
    row = tx.connection.execute(_LATEST, {"order_id": order.id}).first()
    if row is None or row.status in ("used", "void"):
        return Verdict.NONE
    if row.status in ("expired", "blocked"):
        return Verdict(row.status)
    if tx.now >= row.expires:
        _settle(tx, row.id, "expired", row.attempts)
        return Verdict.EXPIRED
    matches = vault.is_digest("code", _bound(order, code.strip().upper()), row.digest)
    if vault.is_identity(identity, row.identity) and matches:
        _settle(tx, row.id, "used", row.attempts)
        return Verdict.VALID
    attempts = row.attempts + 1
    _settle(tx, row.id, "blocked" if attempts >= form.attempts else "live", attempts)
    return Verdict.WRONG


def void(tx: Transaction, order: Order, status: str = "void") -> None:
    """No code of the order is good any more."""
    tx.connection.execute(_VOID, {"of_order": order.id, "new_status": status})


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

_LATEST = (
    select(CODES).where(CODES.c.order_id == bindparam("order_id")).order_by(CODES.c.id.desc()).limit(1)
).with_for_update()
_VOID = (
    update(CODES)
    .where(CODES.c.order_id == bindparam("of_order"), CODES.c.status == "live")
    .values(status=bindparam("new_status"))
)
_SETTLE = (
    update(CODES)
    .where(CODES.c.id == bindparam("of_id"))
    .values(status=bindparam("new_status"), attempts=bindparam("tries"))
)


def _settle(tx: Transaction, code: int, status: str, attempts: int) -> None:
    tx.connection.execute(_SETTLE, {"of_id": code, "new_status": status, "tries": attempts})


def _bound(order: Order, code: str) -> str:
    return f"{order.id} {order.number} {code}"
