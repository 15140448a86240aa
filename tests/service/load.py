"""Clients that ask all the time, and count what does not come back."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from typing import Self

from tests.service.nodes import CODES, NATIVE, PORTED, UNALLOCATED, Node, PdbClient

EXPECTED = {PORTED: CODES["CU"], NATIVE: CODES["CM"], UNALLOCATED: 0}


class Load:
    """In a `with` block: `clients` threads ask the nodes over pdb, one question at a time each, as switches do.

    Afterwards `answered`, `unanswered` and `wrong` say what came of it.
    """

    def __init__(self, *nodes: Node, clients: int = 8, timeout_s: float = 2.0) -> None:
        self._nodes = nodes
        self._timeout_s = timeout_s
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def answered(self) -> int:
        return self._counts["answered"]

    @property
    def unanswered(self) -> int:
        return self._counts["unanswered"]

    @property
    def wrong(self) -> int:
        return self._counts["wrong"]

    def _ask(self) -> None:
        counts: Counter[str] = Counter()
        with PdbClient(*self._nodes, timeout_s=self._timeout_s) as client:
            while not self._stopping.wait(0.001):
                for number, expected in EXPECTED.items():
                    found = client.ask(number)
                    right = "answered" if found == expected else "wrong"
                    counts["unanswered" if found is None else right] += 1
        with self._lock:
            self._counts += counts


class HttpLoad(Load):
    """The same over HTTP, by connections that are kept for as long as the server does not say that it goes."""

    def _ask(self) -> None:
        counts: Counter[str] = Counter()
        connection = http.client.HTTPConnection("127.0.0.1", self._nodes[0].http, timeout=self._timeout_s)
        while not self._stopping.wait(0.001):
            try:
                connection.request("GET", f"/v1/dips/{PORTED}")
                reply = connection.getresponse()
                carrier = json.loads(reply.read())["carrier"]["id"]
                counts["answered" if (reply.status, carrier) == (200, "CU") else "wrong"] += 1
            except (OSError, http.client.HTTPException):
                counts["unanswered"] += 1
                connection.close()
        connection.close()
        with self._lock:
            self._counts += counts
