"""Ours: `portdip serve`, one worker, over all of its protocols."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

import portdip

from .. import askers, servers
from ..asked import Asked
from ..servers import PDB_CARRIERS, PDB_OTHER, Server
from .service import Answer, Running, Service, Way, by_datagrams, check_enum

#: Of the answers that are checked over HTTP, each a connection of its own.
_HTTP_CHECKED = 200


class PortdipServed(Service):
    programs = ("curl",)

    @contextmanager
    def started(self, asked: Asked) -> Iterator[Running]:
        """What it takes is the index that its processes map: nothing else grows with the numbers."""
        with portdip.open_engine(asked.store) as engine:
            size = engine.index.nbytes
        start = time.perf_counter()
        with servers.portdip(asked.store, asked.folder, asked.first) as server:
            yield Running(server, time.perf_counter() - start, size / len(asked.drawn.numbers))

    def check(self, server: Server, asked: Asked, answers: Sequence[Answer]) -> None:
        check_enum(server.ports["enum"], answers)
        _check_pdb(server.ports["pdb"], answers)
        address = f"http://127.0.0.1:{server.ports['http']}/v1/dips"
        _check_http(address, answers[:_HTTP_CHECKED])
        stream = askers.write_stream(
            np.array([answer.number for answer in answers], np.uint64), asked.folder / "checked"
        )
        _check_stream(address, stream.read_bytes(), answers)

    def ways(self, server: Server, asked: Asked, seconds: float) -> dict[str, Way]:
        def http(connections: int) -> askers.Run:
            return askers.by_http(server, asked.numbers, seconds, connections)

        return {
            "portdip serve, ENUM": by_datagrams(server, "enum", asked, seconds),
            "portdip serve, pdb": by_datagrams(server, "pdb", asked, seconds),
            "portdip serve, HTTP": Way(lambda: 1e9 / http(1).rate, lambda: http(32).cpu_us * 1e3),
            "portdip serve, HTTP, Arrow stream": Way(
                None, lambda: askers.by_curl(server, asked.stream, asked.stream_count).cpu_us * 1e3
            ),
        }


def _check_pdb(port: int, answers: Sequence[Answer]) -> None:
    """A number has the integer of its own carrier, or of its range's."""
    found = b"\1\1\1"  # version 1, a reply, that names a carrier
    for answer in answers:
        reply = servers.await_reply(port, askers.pdb_query(answer.number))
        assert reply[:3] == found, answer
        assert int.from_bytes(reply[-2:]) == PDB_CARRIERS.get(_expected(answer)[0], PDB_OTHER), answer


def _check_http(address: str, answers: Sequence[Answer]) -> None:
    for answer in answers:
        with urllib.request.urlopen(f"{address}/{answer.number}") as reply:
            said = json.load(reply)
        assert (said["carrier"]["id"], said["routing_number"]) == _expected(answer), answer


def _check_stream(address: str, stream: bytes, answers: Sequence[Answer]) -> None:
    request = urllib.request.Request(address, stream, {"content-type": askers.MEDIA_TYPE})
    with urllib.request.urlopen(request) as reply, pa.ipc.open_stream(reply.read()) as columns:
        said = columns.read_all().to_pydict()
    assert list(zip(said["carrier"], said["routing_number"], strict=True)) == list(map(_expected, answers))


def _expected(answer: Answer) -> tuple[str, str]:
    """Carrier and routing number."""
    return (answer.own.carrier.id, answer.own.routing_number) if answer.own else (answer.range_route.carrier.id, "")
