"""Ways for text messages to go out: into files, by a webhook, or nowhere."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from pathlib import Path
from typing import Protocol

import httpx
import orjson

from portdip import files
from portdip.errors import PortingError
from portdip.settings.porting import Sms


class TextSender(Protocol):
    """Something that sends texts. Safe to share between threads."""

    def send(self, number: int, text: str) -> None:
        """Send a text to a number. Raises PortingError where it could not be handed on."""
        ...


class NoTexts:
    """Sends nothing: the caller of the front door passes the answer on itself."""

    def send(self, number: int, text: str) -> None:
        """Do nothing."""


class TextSpool:
    """Puts each text into a file of its own, as gateways of modems take them: `{"number": "…", "text": "…"}`.

    A file appears whole, under a name that sorts by time; whoever takes it removes it.
    """

    def __init__(self, directory: Path) -> None:
        files.make_directory(directory)
        self._directory = directory

    def send(self, number: int, text: str) -> None:
        """Put the text there."""
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.json"
        try:
            files.write_new(self._directory / name, _body(number, text), mode=0o600)
        except OSError as error:
            raise PortingError("a text could not be written", where=str(self._directory), got=str(error)) from error


class Webhook:
    """Posts texts to a URL as JSON; with a secret, the header `Portdip-Signature: sha256=HEX` is their HMAC-SHA256."""

    def __init__(
        self, url: str, secret: bytes, timeout_seconds: float, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = url
        self._secret = secret
        self._client = httpx.Client(timeout=timeout_seconds, transport=transport)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def send(self, number: int, text: str) -> None:
        """Post the text, once: who gives up too early and posts again would send it twice."""
        body = _body(number, text)
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["Portdip-Signature"] = f"sha256={hmac.new(self._secret, body, hashlib.sha256).hexdigest()}"
        try:
            self._client.post(self._url, content=body, headers=headers).raise_for_status()
        except httpx.HTTPError as error:
            raise PortingError("a text could not be sent", got=type(error).__name__) from error


def sender_of(settings: Sms) -> TextSender:
    """The sender that the settings name."""
    match settings.sender:
        case "file":
            assert settings.directory is not None
            return TextSpool(settings.directory)
        case "webhook":
            return Webhook(settings.url, settings.secret.get_secret_value().encode(), settings.timeout_seconds)
        case "none":
            return NoTexts()


def _body(number: int, text: str) -> bytes:
    return orjson.dumps({"number": str(number), "text": text})
