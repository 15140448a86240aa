"""The JSON objects over HTTP: as the OpenAPI document describes them, and made from our values.

They are made here, not validated: every value in them is our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from portdip import route
from portdip.access.counters import State
from portdip.access.http.service import HttpService
from portdip.errors import PortdipError
from portdip.lookup.generation import Generation
from portdip.lookup.history import Holding

StatusName = Literal["ported", "native", "unallocated", "invalid"]


class Carrier(BaseModel):
    """An operator or reseller."""

    id: str
    name: str


class Dip(BaseModel):
    """The answer to one dip."""

    number: str = Field(description="With a leading '+'; as it was asked where it is no number.")
    status: StatusName
    carrier: Carrier | None
    routing_number: str | None = Field(description="Empty: none needed. Null: no carrier.")
    ported: bool
    range_holder: Carrier | None
    sequence: int = Field(description="Which state of the table answered.")
    as_of: AwareDatetime = Field(description="The moment of its newest change, or the one asked for.")


class Holding_(BaseModel):  # noqa: N801 - a Holding as JSON
    """A time during which one carrier served a number, or none did."""

    model_config = {"title": "Holding"}

    status: StatusName
    carrier: Carrier | None
    routing_number: str
    range_holder: Carrier | None
    from_: AwareDatetime | None = Field(alias="from", description="Null: nobody knows since when.")
    to: AwareDatetime | None = Field(description="Null: still.")
    sequence: int
    signer: str
    operation: str
    order: str | None


class History(BaseModel):
    """Every holder of a number that is known."""

    number: str
    sequence: int
    holdings: list[Holding_]


class Carriers(BaseModel):
    """All carriers of one state of the table."""

    sequence: int
    carriers: list[Carrier]


class Route(BaseModel):
    """A carrier and the routing number that reaches it."""

    code: int
    carrier: Carrier
    routing_number: str
    reseller: Carrier | None


class Routes(BaseModel):
    """All routes of one state of the table."""

    sequence: int
    routes: list[Route]


class Readiness(BaseModel):
    """Whether the node wants to be asked, and why not."""

    ready: bool
    reason: str


class Worker(BaseModel):
    """What a worker last said of itself."""

    pid: int
    ready: bool
    sequence: int
    lag: float | None
    as_of: AwareDatetime
    heartbeat: AwareDatetime
    started: AwareDatetime


class Status(BaseModel):
    """What the node answers from. `lag`: seconds for which it may have missed changes, null where that is not known."""

    dataset: str
    version: str
    sequence: int
    digest: str
    as_of: AwareDatetime
    snapshot: int
    lag: float | None
    trouble: str
    ready: bool
    reason: str
    keys_trouble: str
    time: AwareDatetime
    workers: list[Worker]


def carrier(found: route.Carrier | None) -> dict[str, Any] | None:
    """A Carrier as JSON."""
    return {"id": found.id, "name": found.name} if found else None


def dip(found: route.Dip, text: str) -> dict[str, Any]:
    """A Dip as JSON; `text` is what was asked."""
    return {
        "number": text if found.number is None else f"+{found.number}",
        "status": found.status,
        "carrier": carrier(found.carrier),
        "routing_number": found.routing_number if found.carrier else None,
        "ported": found.ported,
        "range_holder": carrier(found.range_holder),
        "sequence": found.sequence,
        "as_of": found.as_of.isoformat(),
    }


def history(number: str, sequence: int, holdings: Sequence[Holding]) -> dict[str, Any]:
    """The History of a number."""
    listed = [
        {
            "status": holding.status,
            "carrier": carrier(holding.carrier),
            "routing_number": holding.routing_number,
            "range_holder": carrier(holding.range_holder),
            "from": holding.since and holding.since.isoformat(),
            "to": holding.until and holding.until.isoformat(),
            "sequence": holding.sequence,
            "signer": holding.signer,
            "operation": holding.operation,
            "order": holding.order,
        }
        for holding in holdings
    ]
    return {"number": f"+{number.removeprefix('+')}", "sequence": sequence, "holdings": listed}


def carriers(generation: Generation) -> dict[str, Any]:
    """The Carriers of a generation, by id."""
    found = {route.carrier.id: carrier(route.carrier) for route in generation.routes.values()}
    return {"sequence": generation.sequence, "carriers": [found[identifier] for identifier in sorted(found)]}


def routes(generation: Generation) -> dict[str, Any]:
    """The Routes of a generation, by code."""
    listed = [
        {
            "code": code,
            "carrier": carrier(found.carrier),
            "routing_number": found.routing_number,
            "reseller": carrier(found.reseller),
        }
        for code, found in sorted(generation.routes.items())
    ]
    return {"sequence": generation.sequence, "routes": listed}


def status(service: HttpService, version: str, now: datetime) -> dict[str, Any]:
    """The Status of a service. Reads two small files of the store."""
    engine, generation = service.engine, service.engine.generation
    try:
        lag: float | None = engine.lag
    except (OSError, PortdipError):
        lag = None
    reason = service.why_not_ready()
    return {
        "dataset": generation.dataset,
        "version": version,
        "sequence": generation.sequence,
        "digest": generation.digest,
        "as_of": generation.as_of.isoformat(),
        "snapshot": generation.snapshot.manifest.sequence,
        "lag": lag,
        "trouble": str(engine.trouble or ""),
        "ready": not reason,
        "reason": reason,
        "keys_trouble": str(service.keys.trouble or ""),
        "time": now.isoformat(),
        "workers": [_worker(state) for _, state in service.counters.present()],
    }


def _worker(state: State) -> dict[str, Any]:
    return {
        "pid": state.pid,
        "ready": bool(state.ready),
        "sequence": state.sequence,
        "lag": state.lag / 1e3 if state.lag >= 0 else None,
        "as_of": _moment(state.as_of),
        "heartbeat": _moment(state.heartbeat),
        "started": _moment(state.started),
    }


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat()
