"""The subscriber's confirmation of the risks, which a profile may want before an order is submitted (cn: Rules art. 7).

It is evidence that the recipient has taken, about the number, for one order. Either it is there already, a signed form
for example, and the application names its id; or the application says which version of the notice was confirmed, and
the evidence of that is made in the transaction that submits the order.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from portdip.errors import ConsentMissingError, MoveRefusedError, SupervisionError
from portdip.porting.actor import Actor
from portdip.porting.database import Transaction
from portdip.porting.orders import Order
from portdip.porting.privacy import Vault
from portdip.porting.profile import Profile
from portdip.porting.supervision import evidence

_KIND = evidence.EvidenceKind.RISK_CONFIRMATION


def check_given(profile: Profile, consent: int | None, risks_confirmed: str) -> None:
    """Refuse an application that says nothing where the profile wants a confirmation, or says it twice.

    `consent` is the id of evidence, `risks_confirmed` the version of the notice. Raises ConsentMissingError, and
    MoveRefusedError for both at once.
    """
    if consent is not None and risks_confirmed:
        raise MoveRefusedError("the confirmation of the risks is given twice", fix="Name its evidence, or the notice.")
    if profile.consent is not None and profile.consent.risks and consent is None and not risks_confirmed:
        raise ConsentMissingError(
            "the subscriber has not confirmed the risks",
            where=f"profile {profile.name}: consent",
            expected="the evidence of it (consent), or the version of the notice that was confirmed (risks_confirmed)",
            fix="Tell the subscriber what is lost with the port, have it confirmed, and submit again with one of both.",
        )


def of_order(
    tx: Transaction,
    vault: Vault,
    profile: Profile,
    actor: Actor,
    order: Order,
    recipient: str,
    consent: int | None,
    risks_confirmed: str,
    others: Sequence[Order],
) -> int | None:
    """The id of the evidence that `order` is submitted with, made if need be; None for none.

    `others` are the orders of its number. Raises SupervisionError for evidence of something else, or that an order
    of before rested on.
    """
    if risks_confirmed:
        said = {"number": str(order.number), "recipient": recipient, "notice": risks_confirmed, "taken by": actor.name}
        subject = evidence.Subject(recipient, order.number, order.id)
        return evidence.put(
            tx,
            vault,
            profile,
            actor,
            _KIND,
            subject,
            orjson.dumps(said),
            wording=risks_confirmed,
            media_type="application/json",
        )
    if consent is not None:
        evidence.check(tx.connection, consent, carrier=recipient, kind=_KIND, number=order.number)
        if any(other.consent == consent for other in others):
            raise SupervisionError(
                "an order of before rests on this evidence",
                where=f"evidence {consent}",
                fix="Have the subscriber confirm the risks of this port.",
            )
    return consent
