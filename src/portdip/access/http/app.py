"""Everything over HTTP but the door: what FastAPI routes and documents, and the application as a whole.

The document at /openapi.json describes the single dip as well, which `front` answers without coming here unless it
has a query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import AwareDatetime, BeforeValidator
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from portdip.access.http import docs_page, documents, shapes
from portdip.access.http.front import Front
from portdip.access.http.lists import Lists
from portdip.access.http.problems import Problem, damaged, internal
from portdip.access.http.service import HttpService
from portdip.access.metrics import ServiceCollector
from portdip.errors import PortdipError
from portdip.lookup.generation import Generation

_log = structlog.get_logger("portdip.access.http")

#: The page that shows the OpenAPI document loads what draws it from there, and nothing else.
_Number = Annotated[
    str, Path(description="In international form, with or without a leading '+'.", examples=["+8613800138000"])
]
_WholeNumber = Annotated[str, Path(pattern=r"^\+?[1-9][0-9]{0,14}$", examples=["+8613800138000"])]


def _with_date_and_time(text: object) -> object:
    """pydantic would take a bare number as well, for seconds since 1970."""
    if isinstance(text, str) and "T" not in text.upper():
        raise ValueError("give a date, a time and its zone, such as 2026-01-02T03:00:00Z")
    return text


_At = Annotated[
    Annotated[AwareDatetime, BeforeValidator(_with_date_and_time)] | None,
    Query(description="Who served it then, or will: RFC 3339, with a time zone."),
]


def application(service: HttpService) -> ASGIApp:
    """The whole HTTP service as one ASGI application."""
    app = FastAPI(
        title="portdip",
        version=documents.version(),
        summary="Which carrier serves a number, and the routing number that reaches it.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            Problem: _answer_problem,
            HTTPException: _answer_http_exception,
            RequestValidationError: _answer_validation_error,
            PortdipError: _answer_damage,
            Exception: _answer_error,
        },
    )
    routes = Routes(service)
    routes.add_open(app.router)
    bearer = HTTPBearer(auto_error=False, description=documents.KEY)
    protected = APIRouter(dependencies=[Depends(bearer), Depends(_refuse_other_queries)])
    routes.add_protected(protected)
    app.include_router(protected)
    return Front(service, app)


async def _refuse_other_queries(request: Request) -> None:
    """A parameter that is misspelled must not be answered as if it were not there."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    if other := set(request.query_params) - known:
        raise Problem(
            422, "unprocessable", f"{len(other)} unknown query parameters; known: {', '.join(known) or 'none'}."
        )


class Routes:
    """The routes of one service."""

    def __init__(self, service: HttpService) -> None:
        self._service = service
        self._lists = Lists(service)
        self._registry = CollectorRegistry()
        self._registry.register(ServiceCollector(service.counters))

    def add_open(self, router: APIRouter) -> None:
        """Add the routes that anybody may ask."""
        add = router.add_api_route
        add("/healthz", self.healthz, response_class=PlainTextResponse, summary="The process lives")
        add(
            "/readyz",
            self.readyz,
            response_model=shapes.Readiness,
            responses={503: {"model": shapes.Readiness, "description": "Ask another node."}},
            summary="The node wants to be asked",
        )
        add("/docs", self.docs, response_class=HTMLResponse, include_in_schema=False)

    def add_protected(self, router: APIRouter) -> None:
        """Add the routes that want a key."""
        add = router.add_api_route
        dip_problems = documents.problems(422, 500)
        add(
            "/v1/dips/{number:path}",
            self.dip,
            response_model=shapes.Dip,
            responses=dip_problems,
            summary="Who serves a number, and how to reach it",
        )
        add(
            "/v1/dips",
            self.dips,
            methods=["POST"],
            response_class=Response,
            responses=documents.LIST_ANSWERS | documents.problems(400, 408, 413, 415, 422, 500),
            openapi_extra={"requestBody": documents.LIST_REQUEST},
            summary="The same for a list",
        )
        add(
            "/v1/numbers/{number}/history",
            self.history,
            response_model=shapes.History,
            responses=dip_problems,
            summary="Who served a number when",
        )
        add("/v1/carriers", self.carriers, response_model=shapes.Carriers, responses=documents.problems())
        add("/v1/routes", self.routes, response_model=shapes.Routes, responses=documents.problems())
        add("/v1/status", self.status, response_model=shapes.Status, responses=documents.problems())
        add(
            "/metrics",
            self.metrics,
            response_class=PlainTextResponse,
            responses=documents.problems(),
            summary="Figures of all workers, for Prometheus",
        )

    async def healthz(self) -> Response:
        """Always `ok`, as long as the process answers."""
        return PlainTextResponse("ok\n")

    async def readyz(self) -> Response:
        """200, or 503 while the node stops or its data is older than its limit."""
        reason = self._service.why_not_ready()
        return _json({"ready": not reason, "reason": reason}, 503 if reason else 200)

    async def docs(self) -> Response:
        """The OpenAPI document for people."""
        return HTMLResponse(docs_page.PAGE, headers=docs_page.HEADERS)

    async def dip(self, number: _Number, at: _At = None) -> Response:
        """Status `unallocated`: no range holder has the number. Status `invalid`: it is no number at all."""
        if at is None:
            body, outcome = self._service.texts().one(number)
            self._service.tally.dips([int(place == outcome) for place in range(outcome + 1)])
            return Response(body, media_type="application/json")
        found = await self._in_thread(lambda: self._service.engine.dip(number, at))
        return _json(shapes.dip(found, number))

    async def dips(self, request: Request) -> Response:
        """A list in JSON or in lines of text, or an Arrow stream of any length, which is answered while it comes."""
        return _Streamed(self._lists)

    async def history(self, number: _WholeNumber) -> Response:
        """Every holder that is known, oldest first, those to come too."""
        engine = self._service.engine
        holdings = await self._in_thread(lambda: engine.history(number))
        return _json(shapes.history(number, engine.sequence, holdings))

    async def carriers(self) -> Response:
        """Every carrier that a route leads to."""
        return await self._of_generation(shapes.carriers)

    async def routes(self) -> Response:
        """Every route: the carrier, and the routing number that reaches it."""
        return await self._of_generation(shapes.routes)

    async def status(self) -> Response:
        """What the node answers from, and how stale it is; its workers."""
        return _json(
            await self._in_thread(lambda: shapes.status(self._service, documents.version(), datetime.now(UTC)))
        )

    async def metrics(self) -> Response:
        """Prometheus text."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def _of_generation(self, shape: Callable[[Generation], dict[str, Any]]) -> Response:
        generation = self._service.engine.generation
        return Response(await self._in_thread(lambda: orjson.dumps(shape(generation))), media_type="application/json")

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._service.threads, work)


class _Streamed(Response):
    """A response that an ASGI application gives, which reads the request meanwhile."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _of(problem: Problem) -> Response:
    response = Response(problem.body, problem.status)
    response.raw_headers = problem.headers
    return response


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _of(error)


async def _answer_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds = {404: ("not-found", "There is nothing here."), 405: ("method-not-allowed", "Not with this method.")}
    kind, detail = kinds.get(error.status_code, ("request", str(error.detail)))
    return _of(Problem(error.status_code, kind, detail, error.headers))


async def _answer_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # The input is left out: it may be a number.
    wrong = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
    return _of(Problem(422, "unprocessable", wrong))


async def _answer_damage(_: Request, error: Exception) -> Response:
    _log.error("request failed", error=str(error))
    return _of(damaged())


async def _answer_error(_: Request, error: Exception) -> Response:
    return _of(internal())
