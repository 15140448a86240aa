"""The routes of ports: queries, authorization codes, orders and what is done with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from portdip.errors import ForbiddenActError, PortdipError, UnknownOrderError
from portdip.number import parse
from portdip.porting import audit
from portdip.porting.acting import Acting, Deed, Wish, may
from portdip.porting.actor import CARRIER_ROLES, Actor, Role
from portdip.porting.api import problems, shapes
from portdip.porting.api.guard import EVERYBODY, actor_of, for_roles, revision_of
from portdip.porting.api.problems import Problem
from portdip.porting.applying import Application
from portdip.porting.eligibility import Claim
from portdip.porting.layer import Layer
from portdip.porting.listing import Wanted, newest
from portdip.porting.orders import Order
from portdip.porting.sms import FrontDoor
from portdip.porting.states import State
from portdip.porting.text_senders import TextSender

Reference = Annotated[str, Path(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
#: For the document: `revision_of` reads and checks it.
Revision = Annotated[
    str | None, Header(alias="If-Match", description='The ETag of the order as it was seen: "REVISION".')
]

_SIDES = (Role.DONOR, Role.RECIPIENT, Role.CENTRE, Role.REGULATOR)


class PortingRoutes:
    """The routes of one layer."""

    def __init__(self, layer: Layer, sender: TextSender) -> None:
        self._layer = layer
        self._acting = Acting(layer.steps, layer.after)
        self._door = FrontDoor(layer.database, layer.profile, layer.applications, layer.steps, sender)

    def add(self, router: APIRouter) -> None:
        """Add the routes."""
        post, get = router.post, router.get
        post("/queries", summary="Whether a number can be ported (CXXZ)")(self.query)
        post("/codes", status_code=201, summary="Issue an authorization code (SQXZ)")(self.issue_code)
        post("/messages", status_code=202, summary="A subscriber's text has come in")(self.receive)
        post("/orders", status_code=201, response_model=shapes.OrderView, summary="Submit a port order")(self.submit)
        post("/orders/batch", summary="Submit many port orders, each on its own")(self.submit_batch)
        get("/orders", summary="Orders, the newest first")(self.orders)
        get("/orders/{reference}", response_model=shapes.OrderView, summary="One order")(self.order)
        get("/orders/{reference}/audit", summary="All that was done with an order")(self.records)
        post("/orders/{reference}/deeds/{deed}", response_model=shapes.OrderView, summary="Do something with an order")(
            self.do
        )
        post("/orders/{reference}/reversal", status_code=201, summary="Ask for an emergency reversal, and approve it")(
            self.ask_reversal
        )
        post("/orders/{reference}/reversal/approve", summary="Approve the reversal asked for")(self.approve_reversal)
        post("/orders/{reference}/reversal/refuse", summary="Refuse the reversal asked for")(self.refuse_reversal)
        post(
            "/orders/{reference}/correction",
            status_code=201,
            response_model=shapes.OrderView,
            summary="Put a wrong port right",
        )(self.correct)

    @for_roles(Role.DESK, Role.DONOR, Role.CENTRE)
    def query(self, request: Request, body: shapes.Claimed) -> shapes.ReviewView:
        """Ask the donor. A carrier asks about its own numbers."""
        actor, claim = self._claimant(request, body)
        found = self._layer.applications.query(
            actor, self._layer.profile, parse(body.number), body.donor, claim, body.cause
        )
        return shapes.ReviewView(eligible=found.eligible, reasons=self._in_words(found.reasons))

    @for_roles(Role.DESK, Role.DONOR, Role.CENTRE)
    def issue_code(self, request: Request, body: shapes.Claimed) -> shapes.CodeView:
        """Issue a code, if the number can be ported; any earlier one is void."""
        actor, claim = self._claimant(request, body)
        issued = self._layer.applications.issue_code(
            actor, self._layer.profile, parse(body.number), body.donor, claim, body.cause
        )
        return shapes.CodeView(code=issued.code, expires=issued.expires, order=issued.order.reference)

    @for_roles(Role.DESK)
    def receive(self, request: Request, body: shapes.Message) -> shapes.Reply:
        """Take a text that came to the key's carrier. What is answered goes to the subscriber, and to nobody else."""
        actor = actor_of(request)
        self._door.receive(actor, actor.carrier, parse(body.number), body.text)
        return shapes.Reply(taken=True)

    @for_roles(Role.DESK, Role.RECIPIENT)
    def submit(self, request: Request, response: Response, body: shapes.Submission) -> shapes.OrderView:
        """Submit an order for the key's carrier. A rejected order is there too: look at its state and reasons."""
        order = self._submitted(actor_of(request), body)
        response.headers["location"] = f"/v1/porting/orders/{order.reference}"
        return _shown(response, order)

    @for_roles(Role.DESK, Role.RECIPIENT)
    def submit_batch(self, request: Request, body: shapes.Submissions) -> shapes.SubmissionResults:
        """Submit up to 500 orders for the key's carrier; each is a transaction of its own, in their order.

        An Idempotency-Key is for all of them together. How many numbers one application may have is the profile's:
        those are the ones that share a `batch`.
        """
        actor, results = actor_of(request), []
        for submission in body.submissions:
            try:
                order = self._submitted(actor, submission)
            except PortdipError as error:
                problem, _ = problems.described(error)
                results.append(shapes.SubmissionResult(status=problem["status"], problem=shapes.ProblemView(**problem)))
            else:
                results.append(shapes.SubmissionResult(status=201, order=shapes.OrderView.of(order)))
        return shapes.SubmissionResults(results=results)

    @for_roles(*EVERYBODY)
    def orders(
        self,
        request: Request,
        state: State | None = None,
        number: Annotated[str | None, Query(pattern=r"^\+?[1-9][0-9]{0,14}$")] = None,
        batch: Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")] = "",
        carrier: Annotated[
            str, Query(max_length=64, pattern=r"^[!-~]*$", description="For centre and regulator.")
        ] = "",
        before: Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> shapes.Orders:
        """List the orders that the key's carrier is a party of, or, for centre and regulator, all."""
        actor = actor_of(request)
        if actor.carrier and carrier not in ("", actor.carrier):
            raise Problem(403, "forbidden", "Only centre and regulator see the orders of others.")
        wanted = Wanted(actor.carrier or carrier, state, parse(number) if number else None, batch)
        with self._layer.database.reading() as connection:
            page = newest(connection, self._layer.orders, wanted, limit, int(before) if before else None)
        following = str(page[-1].id) if len(page) == limit else None
        return shapes.Orders(orders=[shapes.OrderView.of(order) for order in page], next=following)

    @for_roles(*EVERYBODY)
    def order(self, request: Request, response: Response, reference: Reference) -> shapes.OrderView:
        """Look at an order. Its ETag is what a deed names with If-Match."""
        with self._layer.database.reading() as connection:
            return _shown(response, self._acting.find(connection, actor_of(request), reference))

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def records(self, reference: Reference) -> shapes.Records:
        """Read the audit of an order."""
        with self._layer.database.reading() as connection:
            found = audit.of_subject(connection, reference)
        if not found:
            raise UnknownOrderError("no such order")
        known = shapes.RecordView.model_fields
        return shapes.Records(records=[shapes.RecordView(**{name: row[name] for name in known}) for row in found])

    @for_roles(*EVERYBODY)
    def do(
        self,
        request: Request,
        response: Response,
        reference: Reference,
        deed: Deed,
        body: shapes.Doing,
        if_match: Revision = None,
    ) -> shapes.OrderView:
        """Do it, if the order is at the revision of If-Match still and its state, the profile and the role allow it."""
        actor = actor_of(request)
        if not may(actor.role, deed):
            raise Problem(403, "forbidden", f"{deed} is not for the role {actor.role}.")
        wish = Wish(deed, body.cause, body.reasons, body.moment)
        with self._layer.database.transaction() as tx:
            order = self._acting.do(tx, actor, reference, wish, revision_of(request))
        return _shown(response, order)

    @for_roles(*_SIDES)
    def ask_reversal(self, request: Request, reference: Reference, body: shapes.Because) -> shapes.ReversalView:
        """Ask that a port be undone. Whoever asks approves; another side must approve too."""
        actor = actor_of(request)
        with self._layer.database.transaction() as tx:
            order = self._acting.get(tx, actor, reference)
            return shapes.ReversalView.of(self._layer.after.ask_reversal(tx, order, actor, body.cause))

    @for_roles(*_SIDES)
    def approve_reversal(self, request: Request, reference: Reference) -> shapes.ReversalView:
        """Approve it; with the last approval needed the number goes back at once."""
        actor = actor_of(request)
        with self._layer.database.transaction() as tx:
            order = self._acting.get(tx, actor, reference)
            return shapes.ReversalView.of(self._layer.after.approve_reversal(tx, order, actor))

    @for_roles(*_SIDES)
    def refuse_reversal(self, request: Request, reference: Reference, body: shapes.Because) -> shapes.ReversalView:
        """Refuse it."""
        actor = actor_of(request)
        with self._layer.database.transaction() as tx:
            order = self._acting.get(tx, actor, reference)
            return shapes.ReversalView.of(self._layer.after.refuse_reversal(tx, order, actor, body.cause))

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def correct(
        self, request: Request, response: Response, reference: Reference, body: shapes.Correction
    ) -> shapes.OrderView:
        """Have another carrier serve the number, at once; the order that does it."""
        actor = actor_of(request)
        with self._layer.database.transaction() as tx:
            wrong = self._acting.get(tx, actor, reference)
            order = self._layer.after.correct(tx, wrong, actor, body.carrier, body.routing_number.upper(), body.cause)
        response.headers["location"] = f"/v1/porting/orders/{order.reference}"
        return _shown(response, order)

    def _submitted(self, actor: Actor, body: shapes.Submission) -> Order:
        """The order that was submitted for the actor's carrier; raises what `Applications.submit` raises."""
        application = Application(
            parse(body.number),
            actor.carrier,
            body.routing_number.upper(),
            Claim(body.identity, body.name),
            code=body.code,
            donor=body.donor,
            reseller=body.reseller,
            area=body.area,
            wished=body.wished,
            consent=body.consent,
            risks_confirmed=body.risks_confirmed,
            reference=body.reference,
            batch=body.batch,
        )
        return self._layer.applications.submit(actor, self._layer.profile, application, body.cause)

    def _claimant(self, request: Request, body: shapes.Claimed) -> tuple[Actor, Claim]:
        """Who asks, and what is claimed. ForbiddenActError for a carrier that asks about another's subscribers."""
        actor = actor_of(request)
        if actor.role in CARRIER_ROLES and actor.carrier != body.donor:
            raise ForbiddenActError(f"{actor.carrier} asks about its own numbers only")
        return actor, Claim(body.identity, body.name)

    def _in_words(self, reasons: tuple[str, ...]) -> list[shapes.ReasonView]:
        text = self._layer.profile.reason_text
        return [shapes.ReasonView(code=code, zh=text(code, "zh"), en=text(code, "en")) for code in reasons]


def _shown(response: Response, order: Order) -> shapes.OrderView:
    response.headers["etag"] = f'"{order.revision}"'
    return shapes.OrderView.of(order)
