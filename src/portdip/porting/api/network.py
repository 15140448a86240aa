"""The routes of the network: nodes, number resources, events, webhooks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import StreamingResponse

from portdip.number import parse
from portdip.porting import nodes, resources
from portdip.porting.actor import CARRIER_ROLES, Actor, Role
from portdip.porting.api import events, shapes, webhooks
from portdip.porting.api.guard import EVERYBODY, actor_of, for_roles
from portdip.porting.api.problems import Problem
from portdip.porting.database import Transaction
from portdip.porting.layer import Layer
from portdip.porting.resources import Range

_Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
_Position = Annotated[int, Query(ge=0, lt=2**63, description="The id of the last event that was seen.")]
_Webhook = Annotated[int, Path(ge=1, lt=2**63)]


class RangeAct(StrEnum):
    """What may be done with numbers."""

    ADD = "add"
    ASSIGN = "assign"
    REROUTE = "reroute"
    POOL = "pool"
    WITHDRAW = "withdraw"


class NetworkRoutes:
    """The routes of one layer. `is_ending` says that streams are to end."""

    def __init__(self, layer: Layer, is_ending: Callable[[], bool]) -> None:
        self._layer = layer
        self._is_ending = is_ending

    def add(self, router: APIRouter) -> None:
        """Add the routes."""
        post, get = router.post, router.get
        get("/nodes", summary="The nodes, and how far each is")(self.nodes)
        post("/nodes", status_code=201, summary="Register a node")(self.register)
        router.delete("/nodes/{name}", status_code=204, summary="Wait for a node no more")(self.remove)
        router.put("/nodes/{name}/sequence", status_code=204, summary="A node has applied the chain so far")(
            self.report
        )
        get("/ranges", summary="Number resources")(self.ranges)
        post("/ranges/{act}", summary="Add, assign, reroute, pool or withdraw numbers")(self.change_range)
        get("/ranges/use", summary="How carriers use their numbers")(self.use)
        get("/events", summary="Events, from an id on")(self.events)
        get(
            "/events/stream",
            response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
            summary="The same as Server-Sent Events, for as long as one listens",
        )(self.stream)
        get("/webhooks", summary="Where events are posted to")(self.webhooks)
        post("/webhooks", status_code=201, summary="Have a carrier's events posted")(self.add_webhook)
        router.delete("/webhooks/{identifier}", status_code=204, summary="Post no more")(self.remove_webhook)

    @for_roles(*EVERYBODY)
    def nodes(self, request: Request) -> shapes.Nodes:
        """List the nodes: a carrier sees its own."""
        actor = actor_of(request)
        with self._layer.database.transaction() as tx:
            found = [node for node in nodes.all_nodes(tx) if actor.carrier in ("", node.carrier)]
        return shapes.Nodes(nodes=[shapes.NodeView(**shapes.of_value(shapes.NodeView, node)) for node in found])

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def register(self, request: Request, body: shapes.NodeEntry) -> shapes.NodeView:
        """From now on a port is active only when this node has it too."""
        with self._layer.database.transaction() as tx:
            nodes.register(tx, actor_of(request), body.name, body.carrier)
            return shapes.NodeView(**shapes.of_value(shapes.NodeView, nodes.find(tx, body.name)))

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def remove(self, request: Request, name: _Name) -> None:
        """Wait for it no more."""
        with self._layer.database.transaction() as tx:
            nodes.remove(tx, actor_of(request), name, "removed over the API")

    @for_roles(*(CARRIER_ROLES | {Role.CENTRE}))
    def report(self, request: Request, name: _Name, body: shapes.Applied) -> None:
        """Say how far a node is; a carrier says so of its own."""
        with self._layer.database.transaction() as tx:
            nodes.report(tx, actor_of(request), name, body.sequence)

    @for_roles(*EVERYBODY)
    def ranges(
        self,
        carrier: Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[!-~]+$")] = None,
    ) -> shapes.Ranges:
        """List all ranges, or those that a carrier holds or held last."""
        with self._layer.database.transaction() as tx:
            found = resources.all_ranges(tx, carrier)
        return shapes.Ranges(ranges=[_range(one) for one in found])

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def change_range(self, request: Request, act: RangeAct, body: shapes.RangeDeed) -> shapes.RangeView:
        """Change who holds numbers."""
        with self._layer.database.transaction() as tx:
            return _range(_change(tx, actor_of(request), act, body))

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def use(self) -> shapes.Uses:
        """Show how many numbers each carrier is assigned, and how many were ported out and in."""
        with self._layer.database.transaction() as tx:
            found = resources.utilization(tx)
        return shapes.Uses(carriers=[shapes.UseView(**shapes.of_value(shapes.UseView, one)) for one in found])

    @for_roles(*EVERYBODY)
    def events(
        self, request: Request, after: _Position = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> shapes.Events:
        """Read events after an id: a carrier its own, centre and regulator all."""
        with self._layer.database.reading() as connection:
            found = events.after(connection, after, limit, actor_of(request).carrier)
        views = [shapes.EventView(**shapes.of_value(shapes.EventView, event)) for event in found]
        return shapes.Events(events=views, position=found[-1].id if found else after)

    @for_roles(*EVERYBODY)
    async def stream(
        self,
        request: Request,
        after: _Position = 0,
        last_event_id: Annotated[str | None, Header(description="Goes before `after`: browsers send it.")] = None,
    ) -> StreamingResponse:
        """Listen to events after an id, and to those that come."""
        position = after
        if last_event_id is not None:
            if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
                raise Problem(422, "unprocessable", "Last-Event-ID is the id of an event.")
            position = int(last_event_id)

        async def is_over() -> bool:
            return self._is_ending() or await request.is_disconnected()

        content = events.stream(self._layer.database, position, actor_of(request).carrier, is_over)
        return StreamingResponse(content, media_type="text/event-stream", headers={"cache-control": "no-store"})

    @for_roles(*(CARRIER_ROLES | {Role.CENTRE}))
    def webhooks(
        self,
        request: Request,
        carrier: Annotated[str, Query(max_length=64, pattern=r"^[!-~]*$", description="For the centre.")] = "",
    ) -> shapes.Webhooks:
        """List a carrier's webhooks, and how far each is."""
        of = actor_of(request).carrier or carrier
        with self._layer.database.reading() as connection:
            found = webhooks.of_carrier(connection, of)
        return shapes.Webhooks(
            webhooks=[shapes.WebhookView(**shapes.of_value(shapes.WebhookView, one)) for one in found]
        )

    @for_roles(Role.CENTRE)
    def add_webhook(self, request: Request, body: shapes.WebhookEntry) -> shapes.WebhookView:
        """Have the events from now on posted there. The secret that signs them is shown this once."""
        with self._layer.database.transaction() as tx:
            made, secret = webhooks.add(tx, self._layer.vault, actor_of(request), body.carrier, body.url)
        return shapes.WebhookView(**shapes.of_value(shapes.WebhookView, made), secret=secret)

    @for_roles(Role.CENTRE)
    def remove_webhook(self, request: Request, identifier: _Webhook) -> None:
        """Post no more there."""
        with self._layer.database.transaction() as tx:
            webhooks.remove(tx, actor_of(request), identifier)


def _change(tx: Transaction, actor: Actor, act: RangeAct, body: shapes.RangeDeed) -> Range:
    first, last, cause = parse(body.first), parse(body.last), body.cause
    if act is RangeAct.ASSIGN and not body.carrier:
        raise Problem(422, "unprocessable", "Say which carrier the numbers are assigned to.")
    match act:
        case RangeAct.ADD:
            return resources.add(tx, actor, first, last, cause)
        case RangeAct.ASSIGN:
            return resources.assign(
                tx, actor, first, last, body.carrier, cause, routing_number=body.routing_number.upper()
            )
        case RangeAct.REROUTE:
            return resources.reroute(tx, actor, first, last, body.routing_number.upper(), cause)
        case RangeAct.POOL:
            return resources.pool(tx, actor, first, last, cause)
        case RangeAct.WITHDRAW:
            return resources.withdraw(tx, actor, first, last, cause, quarantine=timedelta(days=body.days))


def _range(one: Range) -> shapes.RangeView:
    return shapes.RangeView(**shapes.of_value(shapes.RangeView, one))
