"""The porting API as one ASGI application: what FastAPI routes and documents, and what runs beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from portdip.errors import PortdipError
from portdip.porting.api import problems, shapes
from portdip.porting.api.evidence import EvidenceRoutes
from portdip.porting.api.guard import Guard, GuardedRoute
from portdip.porting.api.migrations import MigrationRoutes
from portdip.porting.api.network import NetworkRoutes
from portdip.porting.api.porting import PortingRoutes
from portdip.porting.api.problems import Problem
from portdip.porting.api.supervision import SupervisionRoutes
from portdip.porting.layer import Layer
from portdip.porting.migration.runner import ReadTable
from portdip.porting.text_senders import TextSender

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": what, "content": {problems.MEDIA_TYPE: {"schema": shapes.ProblemView.model_json_schema()}}}
    for status, what in {
        400: "No request that could be read.",
        401: "No key in force.",
        403: "Not for this key's role or carrier.",
        404: "Nothing of this name, or nothing that this key may see.",
        409: "State, profile or records do not allow it; or the same request is being answered.",
        412: "It is at another revision.",
        413: "Too large.",
        422: "The request is wrong.",
        428: "If-Match is missing.",
        500: "This should not happen.",
        503: "The database, or a donor's system, does not answer now.",
    }.items()
}

_ANSWERED: tuple[type[Exception], ...] = (Problem, HTTPException, RequestValidationError, PortdipError, Exception)


@dataclass(frozen=True, slots=True)
class DocsPage:
    """The page that shows the document at /openapi.json to people: HTML, and the headers that go with it."""

    html: str
    headers: dict[str, str]


def application(
    layer: Layer,
    sender: TextSender,
    read_table: ReadTable,
    docs: DocsPage,
    is_ending: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """The API of a layer; texts to subscribers go out through `sender`, streams end once `is_ending` says so.

    `read_table` gives what is served at the head of the layer's chain, for migrations.
    """
    app = FastAPI(
        title="portdip porting",
        version=version("portdip"),
        summary="Ports of numbers between carriers: applications, orders, cut-over, number resources.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict.fromkeys(_ANSWERED, problems.answer),
    )
    app.state.guard = Guard(layer)
    app.add_api_route("/healthz", _healthz, response_class=PlainTextResponse, summary="The process lives")

    async def docs_page() -> HTMLResponse:
        return HTMLResponse(docs.html, headers=docs.headers)

    app.add_api_route("/docs", docs_page, include_in_schema=False)
    bearer = HTTPBearer(auto_error=False, description="A key of `portdip port keys new`.")
    router = APIRouter(
        prefix="/v1/porting", route_class=GuardedRoute, dependencies=[Depends(bearer)], responses=_PROBLEMS
    )
    PortingRoutes(layer, sender).add(router)
    NetworkRoutes(layer, is_ending).add(router)
    SupervisionRoutes(layer).add(router)
    EvidenceRoutes(layer).add(router)
    MigrationRoutes(layer, read_table).add(router)
    app.include_router(router)
    return app


async def _healthz() -> str:
    return "ok\n"
