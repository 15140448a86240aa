"""What the OpenAPI document says beside what FastAPI finds out itself: lists, problems, keys."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version as installed
from typing import Any

from portdip.access.http.arrow_stream import MEDIA_TYPE as ARROW
from portdip.access.http.arrow_stream import TYPES
from portdip.access.http.problems import MEDIA_TYPE as PROBLEM

KEY = "An API key, made with `portdip keys api new`. Not needed at an address of loopback."

_NUMBERS = {
    "type": "object",
    "required": ["numbers"],
    "additionalProperties": False,
    "properties": {"numbers": {"type": "array", "items": {"type": "string"}, "examples": [["+8613800138000"]]}},
}
_BINARY = {"type": "string", "format": "binary"}
_LISTED = {
    "type": "object",
    "required": ["sequence", "as_of", "dips"],
    "properties": {
        "sequence": {"type": "integer"},
        "as_of": {"type": "string", "format": "date-time"},
        "dips": {
            "type": "array",
            "items": {"type": "object", "description": "As for one number; sequence and as_of are those of the list."},
        },
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}

LIST_REQUEST: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": _NUMBERS},
        "text/plain": {"schema": {"type": "string"}, "example": "+8613800138000\n8613800138001\n"},
        ARROW: {"schema": _BINARY | {"description": f"One column, `number`: {', '.join(TYPES)}. Not compressed."}},
    },
}
LIST_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "In the order asked. Text: a line LRN;SPID each; LRN is the routing number where the number is "
        "ported, else the number itself; no SPID: unallocated; neither: no number. Arrow: `number` as sent, carrier, "
        "routing_number, ported, status, range_holder; sequence and as_of in the schema's metadata.",
        "content": {
            "application/json": {"schema": _LISTED},
            "text/plain": {"schema": {"type": "string"}},
            ARROW: {"schema": _BINARY},
        },
    }
}
#: What may be said of any request before its route is asked.
_ALWAYS = (401, 403, 422, 429, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that may end in these problems, beside those of the door."""
    content = {PROBLEM.decode(): {"schema": _PROBLEM}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted({*_ALWAYS, *statuses})
    }


def version() -> str:
    """The version of portdip that is installed."""
    return installed("portdip")
