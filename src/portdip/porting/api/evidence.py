"""The routes of evidence: kept sealed, and read back by whom it is for, which the audit chain then knows.

A carrier sees what it took itself, and what belongs to a complaint that it is a party of; centre and regulator see all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from portdip.number import parse
from portdip.porting.acting import Acting
from portdip.porting.actor import CARRIER_ROLES
from portdip.porting.api import records
from portdip.porting.api import supervision_shapes as shapes
from portdip.porting.api.guard import EVERYBODY, actor_of, for_roles
from portdip.porting.api.problems import Problem
from portdip.porting.layer import Layer
from portdip.porting.supervision import evidence
from portdip.porting.supervision.evidence import CONTENT_MAX, Evidence, Subject

#: The largest body: the content in base64, which is four thirds of it, and what is said of it.
_BODY_MAX = CONTENT_MAX // 3 * 4 + (1 << 16)
_Id = Annotated[int, Path(ge=1, lt=2**63)]
_Named = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9._:-]*$")]
_Cause = Annotated[
    str, Query(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$", description="For the audit.")
]


class EvidenceRoutes:
    """The routes of one layer."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._acting = Acting(layer.steps, layer.after)

    def add(self, router: APIRouter) -> None:
        """Add the routes."""
        router.post("/evidence", status_code=201, summary="Keep a piece of evidence, sealed")(self.keep)
        router.get("/evidence", summary="The evidence of an order or of a complaint")(self.listed)
        router.get("/evidence/{identifier}", summary="What is known of a piece of evidence")(self.piece)
        router.get(
            "/evidence/{identifier}/content",
            response_class=Response,
            responses={
                200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
            },
            summary="The content; who read it, and why, is in the audit chain",
        )(self.content)

    @for_roles(*EVERYBODY, body_max=_BODY_MAX)
    def keep(self, request: Request, response: Response, body: shapes.EvidenceEntry) -> shapes.EvidenceView:
        """Keep it for as long as the profile says. Its id is what an order names as `consent`."""
        actor, layer = actor_of(request), self._layer
        if actor.role in CARRIER_ROLES and body.carrier not in ("", actor.carrier):
            raise Problem(403, "forbidden", "A carrier keeps what it took itself.")
        carrier = actor.carrier or body.carrier
        if not carrier:
            raise Problem(422, "unprocessable", "Say which carrier took it.")
        with layer.database.transaction() as tx:
            order = self._acting.find(tx.connection, actor, body.order) if body.order else None
            about = records.complaint(tx.connection, actor, body.complaint) if body.complaint else None
            subject = Subject(
                carrier,
                parse(body.number) if body.number else None,
                order.id if order else None,
                about.id if about else None,
            )
            identifier = evidence.put(
                tx,
                layer.vault,
                layer.profile,
                actor,
                body.kind,
                subject,
                body.content,
                wording=body.wording,
                media_type=body.media_type,
            )
            response.headers["location"] = f"/v1/porting/evidence/{identifier}"
            return _views(tx.connection, [evidence.find(tx.connection, identifier)])[0]

    @for_roles(*EVERYBODY)
    def listed(self, request: Request, order: _Named = "", complaint: _Named = "") -> shapes.EvidenceList:
        """List what the key may see of the evidence of one order, or of one complaint."""
        actor = actor_of(request)
        if bool(order) == bool(complaint):
            raise Problem(422, "unprocessable", "Name an order or a complaint.")
        with self._layer.database.reading() as connection:
            if order:
                found = evidence.of_order(connection, self._acting.find(connection, actor, order).id)
            else:
                found = evidence.of_complaint(connection, records.complaint(connection, actor, complaint).id)
            seen = [one for one in found if records.may_see(connection, actor, one)]
            return shapes.EvidenceList(evidence=_views(connection, seen))

    @for_roles(*EVERYBODY)
    def piece(self, request: Request, identifier: _Id) -> shapes.EvidenceView:
        """Look at what is known of it."""
        with self._layer.database.reading() as connection:
            return _views(connection, [records.evidence(connection, actor_of(request), identifier)])[0]

    @for_roles(*EVERYBODY)
    def content(self, request: Request, identifier: _Id, cause: _Cause) -> Response:
        """Read the content, as it was kept. Its media type is said with what is known of it."""
        actor = actor_of(request)
        with self._layer.database.transaction() as tx:
            records.evidence(tx.connection, actor, identifier)
            content = evidence.read(tx, self._layer.vault, actor, identifier, cause)
        headers = {
            "content-disposition": "attachment",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }
        return Response(content, media_type="application/octet-stream", headers=headers)


def _views(connection: Connection, found: Sequence[Evidence]) -> list[shapes.EvidenceView]:
    orders = records.order_references(connection, [one.subject.order_id for one in found])
    about = records.complaint_references(connection, [one.subject.complaint_id for one in found])
    return [
        shapes.EvidenceView(
            id=one.id,
            kind=one.kind,
            carrier=one.subject.carrier,
            number=str(one.subject.number) if one.subject.number else None,
            order=orders.get(one.subject.order_id),
            complaint=about.get(one.subject.complaint_id),
            wording=one.wording,
            media_type=one.media_type,
            digest=one.digest,
            at=one.at,
            keep_until=one.keep_until,
            erased=one.erased,
        )
        for one in found
    ]
