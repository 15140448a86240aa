"""Enough of SIP to ask a redirect server."""

from __future__ import annotations

import itertools
import re
import socket
from dataclasses import dataclass
from typing import Self

from tests.service.nodes import PATIENCE_S

_calls = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    """Status and headers of a reply; `contact` is the URI of the Contact, empty for none."""

    status: int
    text: str

    @property
    def contact(self) -> str:
        found = re.search(r"^Contact: <(.*)>\r$", self.text, re.MULTILINE)
        return found[1] if found else ""


class Caller:
    """A caller at the redirect server that listens at `port` of 127.0.0.1."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.address = ("127.0.0.1", port)
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.connect(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def request(self, uri: str, method: str = "INVITE", timeout_s: float = PATIENCE_S) -> Reply:
        """The reply to a request. TimeoutError where there is none."""
        (host, port), call = self._socket.getsockname(), next(_calls)
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{port}{call}",
            "From: <sip:caller@example.com>;tag=1",
            f"To: <{uri}>",
            f"Call-ID: {call}@127.0.0.1",
            f"CSeq: 1 {method}",
            f"Contact: <sip:caller@{host}:{port}>",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        self._socket.settimeout(timeout_s)
        self._socket.send("\r\n".join([*lines, "", ""]).encode())
        text = self._socket.recv(4096).decode()
        return Reply(int(text.split()[1]), text)

    def answers(self) -> bool:
        """Is the server there?"""
        try:
            return self.request("sip:probe@127.0.0.1", "OPTIONS", 0.2).status == 200
        except (TimeoutError, ConnectionRefusedError):
            return False
