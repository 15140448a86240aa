"""The routes of supervision: complaints and their clocks, violations, cases and the ladder of measures.

A carrier sees complaints about it and those its own desks opened, and findings and cases against itself; centre and
regulator see all. Who may not see a record is told that there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from portdip.errors import StaleRecordError, UnknownRecordError
from portdip.number import parse
from portdip.porting.acting import Acting
from portdip.porting.actor import CARRIER_ROLES, Actor, Role
from portdip.porting.api import records
from portdip.porting.api import supervision_shapes as shapes
from portdip.porting.api.guard import EVERYBODY, actor_of, for_roles, revision_of
from portdip.porting.api.porting import Reference, Revision
from portdip.porting.api.problems import Problem
from portdip.porting.api.shapes import Because
from portdip.porting.layer import Layer
from portdip.porting.supervision import cases, complaints, violations
from portdip.porting.supervision.cases import Case, Measure
from portdip.porting.supervision.complaints import Complaint, Deed, Stage
from portdip.porting.supervision.violations import Status, Violation

_Before = Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="`next` of the page before.")]
_Limit = Annotated[int, Query(ge=1, le=500)]
_About = Annotated[str, Query(max_length=64, pattern=r"^[!-~]*$", description="Whom they are about.")]
_Id = Annotated[int, Path(ge=1, lt=2**63)]


class SupervisionRoutes:
    """The routes of one layer."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._acting = Acting(layer.steps, layer.after)

    def add(self, router: APIRouter) -> None:
        """Add the routes."""
        post, get = router.post, router.get
        post("/complaints", status_code=201, summary="File a complaint about a carrier")(self.complain)
        get("/complaints", summary="Complaints, the newest first")(self.complaints)
        get("/complaints/{reference}", summary="One complaint")(self.complaint)
        post("/complaints/{reference}/deeds/{deed}", summary="Answer a complaint, escalate it, …")(self.do)
        post("/violations", status_code=201, summary="Report what a carrier did")(self.report)
        post("/violations/search", summary="Look for violations in what is known of orders")(self.search)
        get("/violations", summary="Findings, the newest first")(self.violations)
        get("/violations/{identifier}", summary="One finding")(self.violation)
        post("/violations/{identifier}/decision", summary="Confirm or dismiss a finding")(self.decide)
        post("/cases", status_code=201, summary="Open a case against a carrier")(self.open_case)
        get("/cases", summary="Cases, the newest first")(self.cases)
        get("/cases/{reference}", summary="One case, with the measures taken")(self.case)
        post("/cases/{reference}/measures/{measure}", summary="Take a measure: the next rung of the ladder")(self.take)

    @for_roles(Role.DESK, Role.CENTRE, Role.REGULATOR)
    def complain(self, request: Request, response: Response, body: shapes.ComplaintEntry) -> shapes.ComplaintView:
        """File it; the operator has it now, and the profile's clock runs."""
        actor, layer = actor_of(request), self._layer
        with layer.database.transaction() as tx:
            order = self._acting.find(tx.connection, actor, body.order) if body.order else None
            made = complaints.open_new(
                tx,
                layer.profile,
                actor,
                body.carrier,
                body.topic,
                number=parse(body.number) if body.number else None,
                order_id=order.id if order else None,
            )
            response.headers["location"] = f"/v1/porting/complaints/{made.reference}"
            return _shown(response, tx.connection, made)

    @for_roles(*EVERYBODY)
    def complaints(
        self,
        request: Request,
        carrier: _About = "",
        stage: Stage | None = None,
        before: _Before = None,
        limit: _Limit = 50,
    ) -> shapes.Complaints:
        """List the complaints that the key's carrier is a party of, or, for centre and regulator, all."""
        party = actor_of(request).carrier
        with self._layer.database.reading() as connection:
            page = complaints.newest(
                connection, limit, carrier=carrier, party=party, stage=stage, before=int(before) if before else None
            )
            views = _complaints(connection, page)
        return shapes.Complaints(complaints=views, next=str(page[-1].id) if len(page) == limit else None)

    @for_roles(*EVERYBODY)
    def complaint(self, request: Request, response: Response, reference: Reference) -> shapes.ComplaintView:
        """Look at a complaint. Its ETag is what a deed names with If-Match."""
        with self._layer.database.reading() as connection:
            return _shown(response, connection, records.complaint(connection, actor_of(request), reference))

    @for_roles(*EVERYBODY)
    def do(
        self,
        request: Request,
        response: Response,
        reference: Reference,
        deed: Deed,
        body: Because,
        if_match: Revision = None,
    ) -> shapes.ComplaintView:
        """Do it, if the complaint is at the revision of If-Match still and its stage and the side allow it."""
        actor = actor_of(request)
        if actor.role not in complaints.ROLES[deed]:
            raise Problem(403, "forbidden", f"{deed} is not for the role {actor.role}.")
        with self._layer.database.transaction() as tx:
            found = records.complaint(tx.connection, actor, reference)
            _check_revision(found.revision, revision_of(request))
            if not complaints.may(actor, found, deed):
                raise Problem(403, "forbidden", f"{deed} is for the other side of this complaint.")
            profile = self._layer.orders.profiles[found.profile]
            after = complaints.move(tx, profile, found, deed, actor, body.cause)
            return _shown(response, tx.connection, after)

    @for_roles(*EVERYBODY)
    def report(self, request: Request, response: Response, body: shapes.ViolationEntry) -> shapes.ViolationView:
        """Report it; a suspicion until the regulator confirms it. A carrier reports others only."""
        actor = actor_of(request)
        with self._layer.database.transaction() as tx:
            order = self._acting.find(tx.connection, actor, body.order) if body.order else None
            about = records.complaint(tx.connection, actor, body.complaint) if body.complaint else None
            for identifier in body.evidence:
                records.evidence(tx.connection, actor, identifier)
            made = violations.report(
                tx,
                actor,
                body.code,
                body.carrier,
                body.finding,
                evidence=body.evidence,
                order_id=order.id if order else None,
                complaint_id=about.id if about else None,
            )
            response.headers["location"] = f"/v1/porting/violations/{made.id}"
            return _violations(tx.connection, [made])[0]

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def search(self, body: shapes.Search) -> shapes.Violations:
        """Apply the rules to orders that changed lately; what was not found before."""
        with self._layer.database.transaction() as tx:
            found = violations.search(tx, body.since)
            return shapes.Violations(violations=_violations(tx.connection, found), next=None)

    @for_roles(*EVERYBODY)
    def violations(
        self,
        request: Request,
        carrier: _About = "",
        status: Status | None = None,
        before: _Before = None,
        limit: _Limit = 50,
    ) -> shapes.Violations:
        """List the findings against the key's carrier, or, for centre and regulator, all."""
        with self._layer.database.reading() as connection:
            page = violations.newest(
                connection,
                limit,
                carrier=_against(actor_of(request), carrier),
                status=status,
                before=int(before) if before else None,
            )
            views = _violations(connection, page)
        return shapes.Violations(violations=views, next=str(page[-1].id) if len(page) == limit else None)

    @for_roles(*EVERYBODY)
    def violation(self, request: Request, identifier: _Id) -> shapes.ViolationView:
        """Look at a finding."""
        with self._layer.database.reading() as connection:
            found = violations.find(connection, identifier)
            _check_against(actor_of(request), found.carrier, "violation", str(identifier))
            return _violations(connection, [found])[0]

    @for_roles(Role.REGULATOR)
    def decide(self, request: Request, identifier: _Id, body: shapes.Decision) -> shapes.ViolationView:
        """Decide it, once."""
        with self._layer.database.transaction() as tx:
            found = violations.find(tx.connection, identifier)
            after = violations.decide(tx, actor_of(request), found, body.status, body.cause)
            return _violations(tx.connection, [after])[0]

    @for_roles(Role.REGULATOR)
    def open_case(self, request: Request, response: Response, body: shapes.CaseEntry) -> shapes.CaseView:
        """Open a case on confirmed violations that are in no other."""
        with self._layer.database.transaction() as tx:
            made = cases.open_new(tx, actor_of(request), body.carrier, body.violations, body.cause)
            response.headers["location"] = f"/v1/porting/cases/{made.reference}"
            return _case_shown(response, tx.connection, made)

    @for_roles(*EVERYBODY)
    def cases(self, request: Request, carrier: _About = "", before: _Before = None, limit: _Limit = 50) -> shapes.Cases:
        """List the cases against the key's carrier, or, for centre and regulator, all."""
        against = _against(actor_of(request), carrier)
        with self._layer.database.reading() as connection:
            page = cases.newest(connection, limit, carrier=against, before=int(before) if before else None)
            views = [_case(connection, found) for found in page]
        return shapes.Cases(cases=views, next=str(page[-1].id) if len(page) == limit else None)

    @for_roles(*EVERYBODY)
    def case(self, request: Request, response: Response, reference: Reference) -> shapes.CaseView:
        """Look at a case. Its ETag is what a measure names with If-Match."""
        with self._layer.database.reading() as connection:
            found = cases.find(connection, reference)
            _check_against(actor_of(request), found.carrier, "case", reference)
            return _case_shown(response, connection, found)

    @for_roles(Role.REGULATOR)
    def take(
        self,
        request: Request,
        response: Response,
        reference: Reference,
        measure: Measure,
        body: shapes.MeasureEntry,
        if_match: Revision = None,
    ) -> shapes.CaseView:
        """Take it, if the case is at the revision of If-Match still and the ladder has it next."""
        with self._layer.database.transaction() as tx:
            found = cases.find(tx.connection, reference)
            _check_revision(found.revision, revision_of(request))
            after = cases.take(
                tx,
                actor_of(request),
                found,
                measure,
                body.cause,
                amount=body.amount,
                currency=body.currency,
                beneficiary=body.beneficiary,
                due=body.due,
            )
            return _case_shown(response, tx.connection, after)


def _against(actor: Actor, said: str) -> str:
    """Whose findings are listed: a carrier's own. Problem where it asks for another's."""
    if actor.role in CARRIER_ROLES and said not in ("", actor.carrier):
        raise Problem(403, "forbidden", "Only centre and regulator see what is held against others.")
    return actor.carrier or said


def _check_against(actor: Actor, carrier: str, what: str, named: str) -> None:
    if actor.role in CARRIER_ROLES and actor.carrier != carrier:
        raise UnknownRecordError(f"no such {what}", got=named)


def _check_revision(is_at: int, seen: int) -> None:
    if is_at != seen:
        raise StaleRecordError(
            "it was changed meanwhile",
            expected=f"revision {seen}",
            got=f"revision {is_at}",
            fix="Read it again and decide anew.",
        )


def _shown(response: Response, connection: Connection, found: Complaint) -> shapes.ComplaintView:
    response.headers["etag"] = f'"{found.revision}"'
    return _complaints(connection, [found])[0]


def _complaints(connection: Connection, found: Sequence[Complaint]) -> list[shapes.ComplaintView]:
    orders = records.order_references(connection, [one.order_id for one in found])
    return [
        shapes.ComplaintView(
            **_fields(one, shapes.ComplaintView.model_fields.keys() - {"number", "order", "late"}),
            number=str(one.number) if one.number else None,
            order=orders.get(one.order_id),
            late=list(one.late),
        )
        for one in found
    ]


def _violations(connection: Connection, found: Sequence[Violation]) -> list[shapes.ViolationView]:
    orders = records.order_references(connection, [one.order_id for one in found])
    about = records.complaint_references(connection, [one.complaint_id for one in found])
    in_cases = records.case_references(connection, [one.case_id for one in found])
    kept = shapes.ViolationView.model_fields.keys() - {"prohibited", "order", "complaint", "case", "evidence"}
    return [
        shapes.ViolationView(
            **_fields(one, kept),
            prohibited=one.code.text.en,
            evidence=list(one.evidence),
            order=orders.get(one.order_id),
            complaint=about.get(one.complaint_id),
            case=in_cases.get(one.case_id),
        )
        for one in found
    ]


def _case_shown(response: Response, connection: Connection, found: Case) -> shapes.CaseView:
    response.headers["etag"] = f'"{found.revision}"'
    return _case(connection, found)


def _case(connection: Connection, found: Case) -> shapes.CaseView:
    taken = cases.measures_of(connection, found)
    return shapes.CaseView(
        **_fields(found, shapes.CaseView.model_fields.keys() - {"violations", "measures"}),
        violations=[violation.id for violation in violations.of_case(connection, found.id)],
        measures=[shapes.MeasureView(**_fields(one, shapes.MeasureView.model_fields)) for one in taken],
    )


def _fields(value: object, names: Collection[str]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}
