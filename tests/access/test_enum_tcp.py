"""ENUM over TCP: framing, pipelines, and clients that mean no good."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

import dns.message
import numpy as np
import pytest
import uvloop

from portdip.access import Clients, EnumResponder, Limits, addresses
from portdip.access.counters import COLUMNS, NAMES
from portdip.access.enum_tcp import EnumTcp
from portdip.lookup.engine import Engine, open_engine
from portdip.settings.access import Client
from tests.access.enum_zones import PROFILE, PROFILES, name, query, responder
from tests.lookup.stores import NATIVE, PORTED, UNALLOCATED, make_store

HOME = Client(network=ip_network("127.0.0.0/8"), profile="both")
Served = Callable[["Node"], Awaitable[None]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Engine:
    return open_engine(make_store(tmp_path_factory.mktemp("enum") / "store"))


@pytest.fixture(scope="module")
def enum(engine) -> EnumResponder:
    return responder(engine.generation)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def serve(request, enum) -> Callable[..., None]:
    """Runs a scene against a server of its own, in either event loop."""

    def serve(scene: Served, client: Client = HOME, **limits) -> None:
        async def play() -> None:
            node = Node(enum, client, **limits)
            await node.server.serve(node.listening)
            try:
                await asyncio.wait_for(scene(node), 20)
            finally:
                await node.server.stop()
            assert len(node.server) == 0

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(play())

    return serve


class Node:
    """A server at a port of its own, and what it counts."""

    def __init__(self, enum: EnumResponder, client: Client, **limits) -> None:
        self.enum = enum
        self.is_down = False
        self._row = np.zeros(COLUMNS, np.uint64)
        clients = Clients([client], list(PROFILES))
        self.server = EnumTcp(lambda: enum, lambda: self.is_down, clients, Limits(clients), self._row, **limits)
        self.listening = addresses.bound("127.0.0.1:0", socket.SOCK_STREAM)
        self.port = self.listening.getsockname()[1]

    @contextlib.asynccontextmanager
    async def connected(self, **how):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **how)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def count(self, column: str) -> int:
        return int(self._row[NAMES.index(column)])


def framed(message: bytes) -> bytes:
    return struct.pack(">H", len(message)) + message


async def reply(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">H", await reader.readexactly(2))
    return await reader.readexactly(length)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 5) == b""
    except ConnectionError:
        return True


def test_what_was_truncated_over_udp_is_whole(serve, enum):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            writer.write(framed(query(name(PORTED))))
            answer = dns.message.from_wire(await reply(reader))
            assert len(answer.answer[0]) == 2
        assert node.count("ported") == node.count("received") == node.count("replied") == 1
        assert node.count("bytes_in") == len(query(name(PORTED)))
        assert node.count("bytes_out") == len(enum.respond(query(name(PORTED)), PROFILE["both"], is_stream=True)[0])

    serve(scene)


def test_queries_of_one_connection_need_not_wait_for_replies(serve, enum):
    numbers = [PORTED, NATIVE, UNALLOCATED] * 200

    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            writer.write(b"".join(framed(query(name(number))) for number in numbers))
            for number in numbers:
                assert await reply(reader) == enum.respond(query(name(number)), PROFILE["both"], is_stream=True)[0]

    serve(scene)


@pytest.mark.parametrize("step", [1, 3, 60])
def test_a_query_may_come_in_pieces(serve, enum, step):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            message = framed(query(name(PORTED))) + framed(query(name(NATIVE)))
            for begin in range(0, len(message), step):
                writer.write(message[begin : begin + step])
                await writer.drain()
                await asyncio.sleep(0)
            for number in (PORTED, NATIVE):
                assert await reply(reader) == enum.respond(query(name(number)), PROFILE["both"], is_stream=True)[0]

    serve(scene)


def test_what_was_asked_before_the_end_is_answered(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            writer.write(framed(query(name(PORTED))) * 50)
            writer.write_eof()
            for _ in range(50):
                await reply(reader)
            assert await is_closed(reader)

    serve(scene)


@pytest.mark.parametrize(
    "message",
    [
        framed(b""),
        framed(b"\0" * 11),
        framed(b"\0\0\x80" + b"\0" * 9),  # a reply
        b"\xff\xff",
        struct.pack(">H", 1233),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",  # the beginning of TLS
    ],
)
def test_what_is_no_query_ends_the_connection_after_what_came_before(serve, message):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            writer.write(framed(query(name(PORTED))) + message + framed(query(name(NATIVE))))
            await reply(reader)
            assert await is_closed(reader)
        assert node.count("replied") == 1

    serve(scene)


def test_malformed_queries_are_answered_and_the_connection_goes_on(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            writer.write(framed(query(name(PORTED)) + b"?") + framed(query(name(PORTED))))
            codes = [dns.message.from_wire(await reply(reader)).rcode() for _ in range(2)]
            assert codes == [1, 0]

    serve(scene)


def test_strangers_are_shown_the_door(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, _):
            assert await is_closed(reader)
        assert node.count("dropped_source") == 1

    serve(scene, client=Client(network=ip_network("10.0.0.0/8")))


def test_a_client_has_so_many_queries_a_second_and_no_more(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            writer.write(framed(query(name(PORTED))) * 20)
            for _ in range(5):
                await reply(reader)
            assert await is_closed(reader)
        assert node.count("replied") == 5
        assert node.count("dropped_rate") == 1

    serve(scene, client=HOME.model_copy(update={"queries_per_second": 5}))


def test_a_node_that_is_down_says_so(serve):
    async def scene(node: Node) -> None:
        node.is_down = True
        async with node.connected() as (reader, writer):
            writer.write(framed(query(name(PORTED))))
            assert dns.message.from_wire(await reply(reader)).rcode() == 2
        assert node.count("failed") == 1

    serve(scene)


def test_connections_are_limited_in_all_and_by_source(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer), node.connected(), node.connected() as (third, _):
            assert await is_closed(third)
            writer.write(framed(query(name(PORTED))))
            await reply(reader)
            assert len(node.server) == 2
            assert node.count("shed") == 1

    serve(scene, connections_max=2)
    serve(scene, connections_of_source_max=2)


def test_places_are_free_again_when_connections_end(serve):
    async def scene(node: Node) -> None:
        for _ in range(5):
            async with node.connected() as (reader, writer):
                writer.write(framed(query(name(PORTED))))
                await reply(reader)
            while len(node.server):
                await asyncio.sleep(0.001)

    serve(scene, connections_max=1)


def test_bytes_that_trickle_do_not_keep_a_connection(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            closing = asyncio.ensure_future(is_closed(reader))
            for byte in framed(query(name(PORTED))) * 20:
                if closing.done():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)
            assert await closing

    serve(scene, idle_seconds=0.1)


def test_queries_keep_a_connection(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            for _ in range(6):
                writer.write(framed(query(name(PORTED))))
                await reply(reader)
                await asyncio.sleep(0.25)

    serve(scene, idle_seconds=1)


def test_a_client_that_does_not_read_gets_no_more_until_it_does(serve):
    count = 60_000

    async def scene(node: Node) -> None:
        async with node.connected(limit=1024) as (reader, writer):
            message = framed(query(name(PORTED)))
            writer.write(message * count)
            writer.write_eof()
            before = -1
            while (now := node.count("replied")) != before:
                before = now
                await asyncio.sleep(0.05)
            assert node.count("replied") < count
            for _ in range(count):
                await reply(reader)
            assert await is_closed(reader)
        assert node.count("replied") == count

    serve(scene)


def test_a_client_that_never_reads_is_left(serve):
    async def scene(node: Node) -> None:
        async with node.connected(limit=1024) as (_, writer):
            writer.write(framed(query(name(PORTED))) * 60_000)
            while not len(node.server):
                await asyncio.sleep(0.01)
            while len(node.server):
                await asyncio.sleep(0.01)
            writer.transport.abort()

    serve(scene, idle_seconds=0.2)


def test_stopping_answers_what_has_come(serve):
    async def scene(node: Node) -> None:
        async with node.connected() as (reader, writer):
            writer.write(framed(query(name(PORTED))) * 100)
            await writer.drain()
            await node.server.stop()
            for _ in range(100):
                await reply(reader)
            assert await is_closed(reader)
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection("127.0.0.1", node.port)

    serve(scene)
