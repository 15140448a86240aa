"""What is asked of an application besides the review of its number: its reference, and the size of its batch.

For one transaction, in one thread.
"""

from __future__ import annotations

from sqlalchemy import func, select

from portdip.errors import MoveRefusedError, QuotaError
from portdip.porting.database import Transaction
from portdip.porting.profile import Profile
from portdip.porting.states import State
from portdip.porting.tables.orders import ORDERS

#: Orders that take no place in their batch.
_CAME_TO_NOTHING = (State.REJECTED.value, State.CANCELLED.value)


def check_reference(profile: Profile, reference: str) -> None:
    """MoveRefusedError for a reference of the recipient's where the order is there, and named, before it applies."""
    if reference and profile.deciding.by == "code":
        raise MoveRefusedError(
            "the order has had its reference since its code was issued",
            where=f"profile {profile.name}: deciding.by",
            expected="no reference",
            fix="Submit without one, and go by the reference that is answered.",
        )


def check_batch(tx: Transaction, profile: Profile, recipient: str, batch: str) -> None:
    """QuotaError where a recipient's batch has as many numbers already as the profile lets one application have."""
    limit = profile.quotas.batch
    if not batch or not limit:
        return
    tx.lock(f"batch {recipient} {batch}")
    mine = (ORDERS.c.batch == batch) & (ORDERS.c.batch != "") & (ORDERS.c.recipient == recipient)
    query = select(func.count()).where(mine, ORDERS.c.state.not_in(_CAME_TO_NOTHING))
    count = tx.connection.execute(query).scalar_one()
    if count >= limit:
        raise QuotaError(
            "too many numbers in one application",
            where=f"profile {profile.name}: quotas.batch",
            expected=f"at most {limit}",
            got=f"{count} in the batch already",
        )
