"""From the question "can this number be ported?" to a submitted order.

Two sides: the donor's answers the query and issues the authorization code; the recipient's submits the order. Where a
profile has no codes there is only the second. What a donor's own system knows is asked before the transaction
begins, and the transaction decides by it together with our own records, so two desks that race for one number end as
one order and one refusal.

Before it is submitted an order keeps nobody from the number: who applies anew replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, select

from portdip import number as numbers
from portdip.errors import (
    ForbiddenActError,
    IneligibleError,
    MoveRefusedError,
    PortingError,
    PortOngoingError,
    UnknownOrderError,
)
from portdip.porting import admission, codes, consent, resources
from portdip.porting.actor import CARRIER_ROLES, SYSTEM, Actor
from portdip.porting.codes import Verdict
from portdip.porting.database import Database, Transaction
from portdip.porting.donor_systems import DonorSystems, Subscriber
from portdip.porting.eligibility import Claim, Review, Standing, review
from portdip.porting.orders import Order, Orders
from portdip.porting.prepared import Prepared, insert_of
from portdip.porting.privacy import Vault
from portdip.porting.profile import Check, Profile
from portdip.porting.states import UNSUBMITTED, Act, State
from portdip.porting.steps import CODE_TIMER, Steps
from portdip.porting.supervision import evidence
from portdip.porting.tables.orders import APPLICANTS


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A code, shown this once, and when it expires (UTC)."""

    order: Order
    code: str = field(repr=False)
    expires: datetime = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Application:
    """What a recipient submits for one number.

    `routing_number` is what will reach the recipient. `donor` need not be said: it is who serves the number. That the
    subscriber was told the risks and agreed is said by `consent`, the id of the evidence of it, or by
    `risks_confirmed`, the version of the notice that was confirmed just now (`portdip.porting.consent`). `reference` is
    an id that the recipient gives the order, where it is the one to open it; '' for one of ours. `batch` joins the
    orders of one application.
    """

    number: int
    recipient: str
    routing_number: str
    claim: Claim
    code: str = field(default="", repr=False)
    donor: str = ""
    reseller: str = ""
    area: str = ""
    wished: datetime | None = None
    consent: int | None = None
    risks_confirmed: str = ""
    reference: str = ""
    batch: str = ""
    language: str = ""


class Applications:
    """The doors by which ports begin. Safe to share between threads.

    `may_port_in` says whether a carrier is free to port numbers in; supervision can suspend that.
    """

    def __init__(
        self,
        database: Database,
        steps: Steps,
        donors: DonorSystems,
        vault: Vault,
        may_port_in: Callable[[Transaction, str], bool] = lambda tx, carrier: True,
    ) -> None:
        self._database = database
        self._steps = steps
        self._orders: Orders = steps.orders
        self._donors = donors
        self._vault = vault
        self._may_port_in = may_port_in

    def query(self, actor: Actor, profile: Profile, number: int, donor: str, claim: Claim, cause: str) -> Review:
        """The donor's answer whether a number can be ported (CXXZ), kept as evidence.

        Raises CannotTellError where it has none.
        """
        _check_acts_for(actor, donor)
        subscriber = self._donors.of(donor).subscriber(number)
        with self._database.transaction() as tx:
            outcome = self._review(tx, profile, donor, subscriber, number, claim)
            order = None
            if outcome.eligible and State.QUERIED not in profile.skipped:
                order = self._begun(tx, actor, profile, number, donor, claim, cause)
                if order.state is not State.CODE_ISSUED:
                    self._orders.move(tx, order, Act.QUERY, actor, cause, "eligibility")
            else:
                self._record(tx, actor, profile, number, outcome, Act.QUERY, cause)
            subject = evidence.Subject(donor, number, order.id if order else None)
            answered = orjson.dumps({"eligible": outcome.eligible, "reasons": outcome.reasons})
            evidence.put(
                tx,
                self._vault,
                profile,
                actor,
                evidence.EvidenceKind.QUERY,
                subject,
                answered,
                media_type="application/json",
            )
        return outcome

    def issue_code(
        self, actor: Actor, profile: Profile, number: int, donor: str, claim: Claim, cause: str
    ) -> IssuedCode:
        """A code for who may leave the donor (SQXZ, PORT); any earlier one is void.

        Raises IneligibleError with all reasons, CannotTellError, PortOngoingError.
        """
        form = profile.code
        if form is None:
            raise MoveRefusedError("no authorization codes are issued", where=f"profile {profile.name}")
        _check_acts_for(actor, donor)
        subscriber = self._donors.of(donor).subscriber(number)
        with self._database.transaction() as tx:
            outcome = self._review(tx, profile, donor, subscriber, number, claim)
            if outcome.eligible:
                order = self._begun(tx, actor, profile, number, donor, claim, cause)
                area = subscriber.area if subscriber else ""
                expires = profile.code_lifetime(area).after(tx.now, profile.calendar)
                person = subscriber.identity if subscriber else self._vault.identity(claim.identity).hash
                code = codes.issue(tx, self._vault, form, order, person, expires)
                changes: dict[str, Any] = {"timer": CODE_TIMER, "due": expires, "area": area}
                order = self._orders.move(tx, order, Act.ISSUE_CODE, actor, cause, "code", **changes)
                return IssuedCode(order, code, expires=expires)
            self._record(tx, actor, profile, number, outcome, Act.ISSUE_CODE, cause)
        raise IneligibleError("the number cannot be ported", outcome.reasons, where=numbers.mask(number))

    def submit(self, actor: Actor, profile: Profile, application: Application, cause: str) -> Order:
        """The recipient's order, validated; approved and scheduled already where the profile lets a code decide.

        An order that the centre rejects is there, with its reasons. Raises AuthorizationCodeError (a wrong try has
        then been counted), PortOngoingError, MoveRefusedError for a number that nobody serves or a routing number
        that is none or a `reference` where the order has one already, ConsentMissingError, SupervisionError for a
        `consent` that is not of this port, QuotaError for a slot or for too many numbers in one `batch`. The same
        application under the same reference is the same order.
        """
        _check_acts_for(actor, application.recipient)
        if not _ROUTING_NUMBER.fullmatch(application.routing_number):
            raise MoveRefusedError(
                "not a routing number", got=application.routing_number, expected=_ROUTING_NUMBER.pattern
            )
        with self._database.transaction() as tx:
            known = self._known(tx, actor, application)
            if known is not None:
                return known
            admission.check_reference(profile, application.reference)
            consent.check_given(profile, application.consent, application.risks_confirmed)
            admission.check_batch(tx, profile, application.recipient, application.batch)
            if profile.deciding.by == "code":
                order, verdict = self._with_code(tx, actor, profile, application)
            else:
                order, verdict = self._drafted(tx, actor, profile, application, cause), Verdict.VALID
            if order is not None and verdict is Verdict.VALID:
                return self._submitted(tx, order, actor, profile, application, cause)
        raise codes.refusal(verdict)

    def _submitted(
        self, tx: Transaction, order: Order, actor: Actor, profile: Profile, application: Application, cause: str
    ) -> Order:
        if application.donor not in ("", order.donor):
            raise MoveRefusedError("the number is not that donor's", where=numbers.mask(order.number))
        kept = consent.of_order(
            tx,
            self._vault,
            profile,
            actor,
            order,
            application.recipient,
            application.consent,
            application.risks_confirmed,
            self._orders.of_number(tx.connection, order.number) if application.consent is not None else (),
        )
        joined = {"batch": application.batch} if application.batch != order.batch else {}
        order = self._orders.move(
            tx,
            order,
            Act.SUBMIT,
            actor,
            cause,
            recipient=application.recipient,
            routing_number=application.routing_number,
            reseller=application.reseller,
            area=application.area or order.area,
            wished=application.wished,
            consent=kept,
            submitted=tx.now,
            **joined,
        )
        order = self._orders.move(tx, order, Act.VALIDATE, SYSTEM, cause)
        reasons = self._against(tx, order, profile)
        if reasons:
            return self._steps.refuse(tx, order, SYSTEM, reasons, "validation")
        return self._steps.accept(tx, order, "validation")

    def _against(self, tx: Transaction, order: Order, profile: Profile) -> tuple[str, ...]:
        """What the centre's own records say against a submitted order."""
        standing = self._standing(tx, order.number)
        checked = profile.model_copy(
            update={"eligibility": tuple(rule for rule in profile.eligibility if rule.check in _OF_OUR_RECORDS)}
        )
        reasons = review(checked, order.donor, None, standing, Claim(), self._vault, tx.now).reasons
        return reasons if self._may_port_in(tx, order.recipient) else (*reasons, "recipient-suspended")

    def _known(self, tx: Transaction, actor: Actor, application: Application) -> Order | None:
        """The order of the application's reference, if it was submitted before."""
        if not application.reference:
            return None
        try:
            order = self._orders.get(tx, application.reference)
        except UnknownOrderError:
            return None
        if not order.concerns(actor) or (order.number, order.recipient) != (application.number, application.recipient):
            raise PortingError("there is an order of this reference", got=application.reference)
        return order

    def _with_code(
        self, tx: Transaction, actor: Actor, profile: Profile, application: Application
    ) -> tuple[Order | None, Verdict]:
        """The order that the code was issued for, and whether the code is good."""
        order = self._orders.open_of(tx, application.number)
        if order is None:
            return None, Verdict.NONE
        if order.state not in UNSUBMITTED:
            raise _ongoing(order, actor)
        assert profile.code is not None
        identity = application.claim.identity
        verdict = codes.check(tx, self._vault, profile.code, order, application.recipient, identity, application.code)
        if verdict is not Verdict.VALID:
            told = {"number": str(order.number), "verdict": verdict.value}
            rule = f"{profile.name}: code"
            tx.audit(actor, "try-code", order.reference, order.state, order.state, "submission", rule, told)
        return order, verdict

    def _drafted(self, tx: Transaction, actor: Actor, profile: Profile, application: Application, cause: str) -> Order:
        """A new order of the recipient's own."""
        serving = self._standing(tx, application.number).serving or ""
        return self._opened(
            tx,
            actor,
            profile,
            application.number,
            application.donor or serving,
            application.claim,
            cause,
            recipient=application.recipient,
            batch=application.batch,
            language=application.language,
            **({"reference": application.reference} if application.reference else {}),
        )

    def _begun(
        self, tx: Transaction, actor: Actor, profile: Profile, number: int, donor: str, claim: Claim, cause: str
    ) -> Order:
        """The order of this applicant at the donor, open already or new."""
        order = self._orders.open_of(tx, number)
        if order is not None and order.state in UNSUBMITTED and order.donor == donor:
            kept = _APPLICANT.first(tx.connection, of_order=order.id)
            if kept is not None and self._vault.is_identity(claim.identity, kept.identity):
                return order
        return self._opened(tx, actor, profile, number, donor, claim, cause)

    def _opened(
        self,
        tx: Transaction,
        actor: Actor,
        profile: Profile,
        number: int,
        donor: str,
        claim: Claim,
        cause: str,
        *,
        language: str = "",
        **columns: Any,
    ) -> Order:
        """A new order; one of the number that was not submitted yet is cancelled for it."""
        before = self._orders.open_of(tx, number)
        if before is not None:
            if before.state not in UNSUBMITTED:
                raise _ongoing(before, actor)
            self._steps.cancel(tx, before, SYSTEM, "replaced by a new application")
        found = resources.range_of(tx, number)
        if found is None or not found.holder or not donor:
            raise MoveRefusedError("nobody serves the number", where=numbers.mask(number))
        serving = self._orders.active_of(tx, number)
        route = found.routing_number if serving is None else serving.routing_number
        order = self._orders.open(
            tx,
            actor,
            cause,
            profile=profile.name,
            number=number,
            donor=donor,
            donor_routing_number=route,
            range_holder=found.holder,
            **columns,
        )
        self._keep_applicant(tx, order, claim, language or profile.language)
        return order

    def _keep_applicant(self, tx: Transaction, order: Order, claim: Claim, language: str) -> None:
        identity = self._vault.identity(claim.identity)
        sealed = self._vault.seal(claim.name, applicant_context(order.id)) if claim.name else None
        row = {
            "order_id": order.id,
            "identity": identity.hash,
            "identity_last4": identity.last4,
            "name": sealed,
            "language": language,
        }
        insert_of(APPLICANTS, frozenset(row)).run(tx.connection, [row])

    def _review(
        self, tx: Transaction, profile: Profile, donor: str, subscriber: Subscriber | None, number: int, claim: Claim
    ) -> Review:
        return review(profile, donor, subscriber, self._standing(tx, number), claim, self._vault, tx.now)

    def _standing(self, tx: Transaction, number: int) -> Standing:
        orders = self._orders.of_number(tx.connection, number)
        active = next((order for order in orders if order.is_active), None)
        found = None if active is not None else resources.range_of(tx, number)
        return Standing(
            serving=active.recipient if active is not None else found.holder or None if found is not None else None,
            activated=max((order.activated for order in orders if order.activated is not None), default=None),
            ongoing=any(order.is_open and order.state not in UNSUBMITTED for order in orders),
        )

    def _record(
        self, tx: Transaction, actor: Actor, profile: Profile, number: int, outcome: Review, act: Act, cause: str
    ) -> None:
        """Record what was found where no order tells of it."""
        told = {"number": str(number), "reasons": list(outcome.reasons)}
        tx.audit(actor, act, "eligibility", cause=cause, rule=f"{profile.name}: eligibility", details=told)


def applicant_context(order: int) -> str:
    """What an applicant's name is sealed with, so that no row's name opens in another's."""
    return f"applicant {order}"


#: Routing numbers as a delta takes them; '' where calls to the recipient need none.
_ROUTING_NUMBER = re.compile("[0-9A-F]{0,16}")

#: Checks that the centre makes of a submitted order; the others are the donor's, in its answer or its code.
_OF_OUR_RECORDS = frozenset({Check.DONOR, Check.FREEZE})

_APPLICANT = Prepared(select(APPLICANTS.c.identity).where(APPLICANTS.c.order_id == bindparam("of_order")))


def _check_acts_for(actor: Actor, carrier: str) -> None:
    """Before anything is looked up: what a donor knows of its subscribers is for its own people."""
    if actor.role in CARRIER_ROLES and actor.carrier != carrier:
        raise ForbiddenActError(f"{actor.carrier} does not act for another carrier", got=carrier)


def _ongoing(order: Order, actor: Actor) -> PortOngoingError:
    """Others' orders are not named."""
    named = f"order {order.reference}" if order.concerns(actor) else ""
    return PortOngoingError(
        "the number has an open order already", where=named, fix="Wait for its end, or cancel it first."
    )
