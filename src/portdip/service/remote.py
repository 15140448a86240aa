"""A running service, asked over HTTP: for `portdip status URL` and `portdip doctor URL`."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from prometheus_client.parser import text_string_to_metric_families

from portdip.errors import ServiceError

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: `seconds` is how long it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; ServiceError if it is none."""
        try:
            content = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ServiceError("the answer is not of portdip", got=str(error)) from error
        if not isinstance(content, dict):
            raise ServiceError("the answer is not of portdip", got=type(content).__name__)
        return content


@dataclass(frozen=True)
class Remote:
    """The service at `url`, such as http://127.0.0.1:8080; `key` is an API key, '' for none.

    Its methods raise ServiceError where nothing answers.
    """

    url: str
    key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServiceError("not a URL", got=self.url, expected="http://host:port or https://host:port")

    def ask(self, path: str, key: str | None = None) -> Reply:
        """The reply to GET `path`, with any status. `key` goes before that of the service; '' sends none."""
        key = self.key if key is None else key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(self.url.rstrip("/") + path, headers=headers)  # noqa: S310
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310
                body = reply.read()
                return Reply(reply.status, dict(reply.headers.items()), body, time.perf_counter() - began)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers.items()), error.read(), time.perf_counter() - began)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "reason", error)
            raise ServiceError(
                "nothing answers", where=self.url, got=str(reason), fix="See that portdip serve --http runs there."
            ) from error

    def status(self) -> dict[str, Any]:
        """What GET /v1/status says; ServiceError where it is refused."""
        reply = self.ask("/v1/status")
        if reply.status != 200:
            raise ServiceError(
                "the service does not tell its status",
                where=self.url,
                got=f"{reply.status} {reply.json().get('detail', '')}".strip(),
                fix="Name a key with the scope admin in PORTDIP_API_KEY." if reply.status in (401, 403) else "",
            )
        return reply.json()

    def figures(self) -> dict[str, dict[str, float]]:
        """The metrics that are told by protocol: name, then labels joined by a blank, as in {"portdip_shed_total":
        {"pdb waited": 3.0}}. None where they are refused.
        """
        reply = self.ask("/metrics")
        if reply.status != 200:
            return {}
        found: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families(reply.body.decode()):
            for sample in family.samples:
                if "protocol" in sample.labels and "le" not in sample.labels:
                    found.setdefault(sample.name, {})[" ".join(sample.labels.values())] = sample.value
        return found
