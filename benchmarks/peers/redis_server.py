"""Redis: a string for each number, asked by GET."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .. import askers, servers
from ..asked import Asked
from ..servers import Server
from .peer import Ability
from .service import Answer, Running, Service, Way

_CONNECTIONS = 50
_PIPELINE = 16


class RedisServer(Service):
    lacks = (Ability.RANGES,)
    programs = ("redis-server", "redis-cli")

    @contextmanager
    def started(self, asked: Asked) -> Iterator[Running]:
        commands = asked.folder / "redis-set"
        routes = asked.drawn.plan.routes
        with commands.open("wb") as file:
            for number, code in zip(asked.drawn.numbers.tolist(), asked.drawn.codes.tolist(), strict=True):
                file.write(askers.resp("SET", str(number), routes[code - 1].routing_number))
        start = time.perf_counter()
        with servers.redis(asked.folder) as server:
            before = server.memory_bytes()
            with commands.open("rb") as file:
                subprocess.run([*_client(server), "--pipe"], stdin=file, check=True, capture_output=True)
            seconds = time.perf_counter() - start
            yield Running(server, seconds, (server.memory_bytes() - before) / len(asked.drawn.numbers))

    def check(self, server: Server, asked: Asked, answers: Sequence[Answer]) -> None:
        command = [*_client(server), "MGET", *(str(answer.number) for answer in answers)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert said.splitlines() == [answer.own.routing_number if answer.own else "" for answer in answers]

    def ways(self, server: Server, asked: Asked, seconds: float) -> dict[str, Way]:
        questions = (askers.resp("GET", str(number)) for number in asked.questions.tolist())
        path = askers.write_datagrams(questions, asked.folder / "redis-get")
        asker = servers.compiled("resp_asker", asked.folder)

        def cpu(pipeline: int) -> float:
            return askers.by_resp(asker, server, path, seconds, _CONNECTIONS, pipeline)[0].cpu_us * 1e3

        return {
            "Redis, GET": Way(lambda: askers.by_resp(asker, server, path, seconds, 1, 1)[1], lambda: cpu(1)),
            f"Redis, GET, {_PIPELINE} in a pipeline": Way(None, lambda: cpu(_PIPELINE)),
        }


def _client(server: Server) -> list[str]:
    return ["redis-cli", "-p", str(server.ports["redis"])]
