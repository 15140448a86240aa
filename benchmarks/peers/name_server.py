"""Knot and NSD: ENUM from a zone in memory, one thread for datagrams."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .. import servers
from ..asked import APEX_RECORDS, Asked
from ..servers import Server
from .service import Answer, Running, Service, Way, by_datagrams, check_enum


class NameServer(Service):
    """Wildcards answer for ranges, and dynamic updates or transfers change records."""

    def __init__(self, program: str, name: str) -> None:
        self.programs = (program,)
        self._program, self._name = program, name

    @contextmanager
    def started(self, asked: Asked) -> Iterator[Running]:
        empty = asked.folder / "empty-zone"
        empty.write_text(APEX_RECORDS)
        with servers.name_server(self._program, empty, asked.first) as server:
            before = server.memory_bytes()
        start = time.perf_counter()
        with servers.name_server(self._program, asked.zone, asked.first) as server:
            seconds = time.perf_counter() - start
            yield Running(server, seconds, (server.memory_bytes() - before) / len(asked.drawn.numbers))

    def check(self, server: Server, asked: Asked, answers: Sequence[Answer]) -> None:
        check_enum(server.ports["enum"], answers)

    def ways(self, server: Server, asked: Asked, seconds: float) -> dict[str, Way]:
        return {f"{self._name}, ENUM": by_datagrams(server, "enum", asked, seconds)}
