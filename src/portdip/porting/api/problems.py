"""What goes wrong, as problem details (RFC 9457): which error of ours is which status, and what is told.

No number is in a problem: problems end in other people's logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from portdip.errors import (
    AuthorizationCodeError,
    CannotTellError,
    ConsentMissingError,
    DatabaseError,
    ForbiddenActError,
    IneligibleError,
    InvalidNumberError,
    InvalidRangeError,
    MigrationPlanError,
    MoveRefusedError,
    PersonalDataError,
    PortdipError,
    PortingError,
    PortOngoingError,
    QuotaError,
    StaleOrderError,
    StaleRecordError,
    StoreLockedError,
    UnknownMigrationError,
    UnknownOrderError,
    UnknownRecordError,
)

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger("portdip.porting.api")


class Problem(Exception):  # noqa: N818 - the field's word for it
    """One problem: `status` (HTTP), `kind` (urn:portdip:problem:<kind>), `detail`, further headers."""

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})


UNAUTHORIZED = Problem(
    401,
    "unauthorized",
    "Give a key that is in force: Authorization: Bearer KEY. They are made with portdip port keys new.",
    {"www-authenticate": 'Bearer realm="portdip"'},
)

#: The first that an error is an instance of says what it is over HTTP.
_KINDS: tuple[tuple[type[PortdipError], int, str], ...] = (
    (UnknownOrderError, 404, "no-such-order"),
    (StaleOrderError, 412, "changed-meanwhile"),
    (ForbiddenActError, 403, "forbidden"),
    (PortOngoingError, 409, "port-ongoing"),
    (IneligibleError, 409, "ineligible"),
    (AuthorizationCodeError, 409, "authorization-code"),
    (QuotaError, 409, "no-room"),
    (ConsentMissingError, 409, "consent-missing"),
    (UnknownRecordError, 404, "no-such-record"),
    (UnknownMigrationError, 404, "no-such-migration"),
    (StaleRecordError, 412, "changed-meanwhile"),
    (MoveRefusedError, 409, "refused"),
    (MigrationPlanError, 422, "plan"),
    (CannotTellError, 503, "cannot-tell"),
    (StoreLockedError, 503, "unavailable"),
    (DatabaseError, 503, "unavailable"),
    (PersonalDataError, 500, "internal"),
    (PortingError, 409, "refused"),
    (InvalidNumberError, 422, "invalid-number"),
    (InvalidRangeError, 422, "invalid-range"),
)


def of_error(error: Exception) -> JSONResponse:
    """The answer that says what went wrong; what is no error of ours, or not the asking party's, is logged too."""
    body, headers = described(error)
    return JSONResponse(body, body["status"], headers, media_type=MEDIA_TYPE)


def described(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    """What went wrong, as problem details, and the headers that go with them; logged as `of_error` says."""
    if isinstance(error, Problem):
        return _problem(error.status, error.kind, error.detail), error.headers
    if isinstance(error, RequestValidationError):
        return _problem(422, "unprocessable", _first_fault(error)), {}
    if isinstance(error, HTTPException):
        kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return _problem(error.status_code, kind, str(error.detail)), dict(error.headers or {})
    for known, status, kind in _KINDS:
        if isinstance(error, known):
            headers = {"retry-after": "1"} if status == 503 else {}
            if status >= 500:
                _log.warning("request failed", kind=kind, error=str(error))
            more = {"reasons": list(error.reasons)} if isinstance(error, IneligibleError) else {}
            return _problem(status, kind, _told(error) if status != 500 else _INTERNAL) | more, headers
    _log.error("request failed", kind=type(error).__name__, exc_info=error)
    return _problem(500, "internal", _INTERNAL), {}


async def answer(_: Request, error: Exception) -> Response:
    """`of_error` as FastAPI wants a handler of exceptions."""
    return of_error(error)


_INTERNAL = "This should not happen; the log of the service says more."


def _told(error: PortdipError) -> str:
    """What an error says, without the place of the database or the number it was about."""
    parts = [error.what]
    if isinstance(error, InvalidNumberError | DatabaseError | StoreLockedError | IneligibleError):
        return f"{parts[0]}. {error.fix}".rstrip(". ") + "."
    parts += [f"{label} {value}" for label, value in (("expected", error.expected), ("got", error.got)) if value]
    return "; ".join(parts) + f". {error.fix}".rstrip()


def _first_fault(error: RequestValidationError) -> str:
    """Where the request is wrong and how; never what was sent, which may be personal."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if "ctx" not in first or "error" not in first["ctx"] else f"{where}: not valid"


def _problem(status: int, kind: str, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:portdip:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
