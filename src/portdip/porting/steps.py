"""The steps of a port between its submission and its cut-over: what each side may say, and what follows by the profile.

Every step is for one transaction and one order that was read in it (`Orders.get`); it gives the order back as it is
then. What is said against the profile is refused with MoveRefusedError, by the wrong side with ForbiddenActError.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from portdip.errors import ForbiddenActError, MoveRefusedError
from portdip.porting import codes, slots
from portdip.porting.actor import CARRIER_ROLES, SYSTEM, Actor, Role
from portdip.porting.database import Transaction
from portdip.porting.orders import Order, Orders
from portdip.porting.profile import NO_ANSWER, Profile
from portdip.porting.states import UNSUBMITTED, Act, State

#: The timer of an order whose code is issued; how long it runs is said by the code's own lifetime.
CODE_TIMER = "code"


class Steps:
    """What may be done to orders. Safe to share between threads."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders

    def accept(self, tx: Transaction, order: Order, cause: str) -> Order:
        """The centre found nothing against a submitted order: the donor is asked, or a valid code has answered."""
        order = self.orders.move(tx, order, Act.ACCEPT, SYSTEM, cause)
        if self.orders.profile_of(order).deciding.by == "code":
            return self.approve(tx, order, SYSTEM, "the authorization code is valid", rule="deciding.by")
        return order

    def approve(
        self,
        tx: Transaction,
        order: Order,
        actor: Actor,
        cause: str,
        *,
        first_possible: datetime | None = None,
        rule: str = "deciding.by",
    ) -> Order:
        """The donor says yes, or the profile for it; the order is given its slot where the profile does so by itself.

        `first_possible` is the donor's first possible date. What is approved stays so for as long as the profile's
        timer says, counted from that date.
        """
        profile = self.orders.profile_of(order)
        self._answer_is_asked_for(profile, order, actor)
        changes: dict[str, Any] = {"answered": True}
        if first_possible is not None:
            if profile.slots.rule != "first-possible-date":
                raise MoveRefusedError(f"no first possible date is named in {profile.name}", where=_where(order))
            changes["first_possible"] = first_possible
            timer = profile.timer_of(State.APPROVED)
            if timer:
                changes |= {"timer": timer, "due": profile.due(timer, max(first_possible, tx.now))}
        order = self.orders.move(tx, order, Act.APPROVE, actor, cause, rule, **changes)
        return self.schedule(tx, order, SYSTEM, cause) if profile.slots.automatic else order

    def refuse(self, tx: Transaction, order: Order, actor: Actor, reasons: tuple[str, ...], cause: str) -> Order:
        """The donor, or the centre, says no, for reasons that the profile knows."""
        profile = self.orders.profile_of(order)
        self._answer_is_asked_for(profile, order, actor)
        side = "donor" if actor.role is Role.DONOR else "centre"
        known = {code for code, reason in profile.reasons.items() if side in reason.by}
        if side == "centre":
            known |= {rule.reason for rule in profile.eligibility}
        if not reasons or not known.issuperset(reasons):
            raise MoveRefusedError(
                "a refusal needs reasons that the profile knows",
                where=_where(order),
                got=", ".join(reasons) or "none",
                expected=", ".join(sorted(known)),
            )
        return self.orders.move(tx, order, Act.REJECT, actor, cause, "reasons", reasons=reasons)

    def delay(self, tx: Transaction, order: Order, actor: Actor, until: datetime, reason: str) -> Order:
        """The donor will answer later: its timer starts over and is due at `until`."""
        profile = self.orders.profile_of(order)
        self._answer_is_asked_for(profile, order, actor)
        if until <= tx.now:
            raise MoveRefusedError("a delay ends in the future", where=_where(order), got=until.isoformat())
        timer = profile.timer_of(State.AWAITING_DONOR)
        return self.orders.move(
            tx, order, Act.DELAY, actor, reason, f"timers.{timer}", timer=timer, due=until if timer else None
        )

    def schedule(
        self, tx: Transaction, order: Order, actor: Actor, cause: str, wished: datetime | None = None
    ) -> Order:
        """Set the instant of the cut-over: the first slot of the profile that has room, not before what is wished.

        An order that is scheduled already gets another slot. Raises QuotaError where no slot has room.
        """
        profile = self.orders.profile_of(order)
        wished = wished or order.wished
        slot = slots.choose(tx, profile, order.recipient, order.first_possible, wished)
        return self.orders.move(tx, order, Act.SCHEDULE, actor, cause, "slots", slot=slot, wished=wished)

    def object(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Order:
        """The donor puts the order into conflict, as often as the profile allows."""
        allowed = self.orders.profile_of(order).deciding.conflicts
        if order.conflicts >= allowed:
            raise MoveRefusedError(f"the donor may object {allowed} times to an order", where=_where(order))
        return self.orders.move(
            tx, order, Act.OBJECT, actor, cause, "deciding.conflicts", conflicts=order.conflicts + 1, slot=None
        )

    def resolve(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Order:
        """A conflict is over. The donor may say so at any time, the recipient when the profile's rest is over."""
        profile = self.orders.profile_of(order)
        if actor.role is Role.RECIPIENT:
            since = profile.deciding.conflict_rest.after(order.changed, profile.calendar)
            if tx.now < since:
                raise MoveRefusedError(
                    "the recipient may not resolve the conflict yet", where=_where(order), expected=since.isoformat()
                )
        order = self.orders.move(tx, order, Act.RESOLVE, actor, cause, "deciding.conflict_rest", answered=True)
        return self.schedule(tx, order, SYSTEM, cause) if profile.slots.automatic else order

    def cancel(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Order:
        """One side wants no port. Where the profile wants the other's agreement the order waits for it."""
        profile = self.orders.profile_of(order)
        deciding = profile.deciding
        acknowledged = deciding.cancel_acknowledged and order.state not in UNSUBMITTED and order.submitted is not None
        if order.submitted is not None and actor.role not in (Role.CENTRE, Role.REGULATOR):
            if not acknowledged and actor.role in CARRIER_ROLES and actor.carrier != order.recipient:
                raise ForbiddenActError("a donor does not cancel a port that was submitted", where=_where(order))
            if deciding.cancel_within and tx.now > deciding.cancel_within.after(order.submitted, profile.calendar):
                raise MoveRefusedError("the time for a cancel is over", where=_where(order))
        if acknowledged and actor.role in CARRIER_ROLES and order.state not in (State.CONFLICT, State.FAILED):
            return self.orders.move(
                tx,
                order,
                Act.REQUEST_CANCEL,
                actor,
                cause,
                "deciding.cancel_acknowledged",
                cancelled_by=actor.carrier,
                slot=None,
            )
        return self._cancelled(tx, order, actor, cause)

    def acknowledge_cancel(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Order:
        """The other side agrees to a cancel."""
        if order.state is not State.CANCEL_PENDING or actor.carrier == order.cancelled_by:
            raise MoveRefusedError("there is no cancel of the other side to acknowledge", where=_where(order))
        return self._cancelled(tx, order, actor, cause)

    def undo_cancel(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Order:
        """The side that wanted the cancel takes it back; what the donor had answered holds again."""
        if actor.role in CARRIER_ROLES and actor.carrier != order.cancelled_by:
            raise ForbiddenActError("only who asked for the cancel takes it back", where=_where(order))
        answered = order.answered
        order = self.orders.move(tx, order, Act.UNDO_CANCEL, actor, cause, "deciding", cancelled_by="")
        return self.approve(tx, order, SYSTEM, "answered before the cancel") if answered else order

    def dispute(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Order:
        """Mark the order as disputed. Where disputes freeze it stands still, timers and slot included."""
        if order.disputed:
            raise MoveRefusedError("the order is disputed already", where=_where(order))
        frozen = self.orders.profile_of(order).deciding.dispute_freezes
        stopped: dict[str, Any] = {"due": None} if frozen else {}
        return self.orders.move(
            tx, order, Act.DISPUTE, actor, cause, "deciding.dispute_freezes", disputed=True, **stopped
        )

    def settle(self, tx: Transaction, order: Order, actor: Actor, cause: str) -> Order:
        """The dispute is over: a timer that stood still starts over, a slot that has passed is chosen anew."""
        if not order.disputed:
            raise MoveRefusedError("the order is not disputed", where=_where(order))
        profile = self.orders.profile_of(order)
        again: dict[str, Any] = {}
        if order.timer in profile.timers and order.due is None:
            again = {"due": profile.due(order.timer, tx.now)}
        order = self.orders.move(
            tx, order, Act.SETTLE, actor, cause, "deciding.dispute_freezes", disputed=False, **again
        )
        if order.state is State.SCHEDULED and order.slot is not None and order.slot <= tx.now:
            return self.schedule(tx, order, SYSTEM, cause)
        return order

    def timer_due(self, tx: Transaction, order: Order) -> Order:
        """Do what the profile says is done when the order's timer is due; an order that is not due stays as it is.

        The end of a quarantine is not done here, for it changes what the switches are told (`portdip.porting.after`).
        """
        if order.due is None or order.due > tx.now:
            return order
        if order.timer == CODE_TIMER:
            codes.void(tx, order, "expired")
            return self.orders.move(tx, order, Act.EXPIRE_CODE, SYSTEM, "the code has expired", "code.lifetime")
        timer = self.orders.profile_of(order).timers[order.timer]
        cause, rule = f"the timer {order.timer} is due", f"timers.{order.timer}"
        match timer.act:
            case Act.REMIND:
                profile = self.orders.profile_of(order)
                then = {"timer": timer.then, "due": profile.due(timer.then, tx.now)}
                return self.orders.move(tx, order, Act.REMIND, SYSTEM, cause, rule, **then)
            case Act.APPROVE:
                return self.approve(tx, order, SYSTEM, f"{cause} without an answer", rule=rule)
            case Act.REJECT:
                return self.orders.move(tx, order, Act.REJECT, SYSTEM, cause, rule, reasons=(NO_ANSWER,))
            case Act.CANCEL:
                return self._silence_ends(tx, order, cause, rule)
        raise AssertionError(f"nothing here does {timer.act}")

    def _silence_ends(self, tx: Transaction, order: Order, cause: str, rule: str) -> Order:
        """A timer cancels; but a cancel by the donor that the recipient leaves unanswered may be a conflict."""
        deciding = self.orders.profile_of(order).deciding
        silent = order.state is State.CANCEL_PENDING and order.cancelled_by == order.donor
        if silent and deciding.recipient_silent == "conflict":
            return self.orders.move(tx, order, Act.OBJECT, SYSTEM, cause, rule)
        return self._cancelled(tx, order, SYSTEM, cause, rule)

    def _cancelled(self, tx: Transaction, order: Order, actor: Actor, cause: str, rule: str = "deciding") -> Order:
        codes.void(tx, order)
        return self.orders.move(tx, order, Act.CANCEL, actor, cause, rule, slot=None)

    def _answer_is_asked_for(self, profile: Profile, order: Order, actor: Actor) -> None:
        """Where a valid code decides, the donor has nothing more to say of a port."""
        if actor.role is Role.DONOR and profile.deciding.by == "code":
            raise ForbiddenActError("the authorization code has decided", where=_where(order))


def _where(order: Order) -> str:
    return f"order {order.reference}"
