"""A real node on loopback: uvicorn with our application, in a thread of the test process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvloop

from portdip.access.addresses import bound
from portdip.access.api_keys import ApiKey, ApiKeyFile, LiveApiKeys
from portdip.access.counters import Counters
from portdip.access.http.server import serve_http
from portdip.access.http.service import HttpService
from portdip.lookup.engine import Engine, open_engine
from portdip.settings.access import Access
from tests.lookup.stores import make_store


@dataclass
class Node:
    """A node that answers: where, what it is made of, and the text of a key for each scope."""

    service: HttpService
    port: int
    scheme: str
    keys: dict[str, str]
    loop: asyncio.AbstractEventLoop
    stop: Callable[[], None]
    is_down: list[bool] = field(default_factory=list)

    def client(self, *scopes: str, **options) -> httpx.Client:
        """A client with the key for the scope, or without a key."""
        headers = {"authorization": f"Bearer {self.keys[scopes[0]]}"} if scopes else {}
        base = f"{self.scheme}://127.0.0.1:{self.port}"
        return httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=20, **options)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self_closing.append(connection)
        return connection

    def total(self) -> dict[str, int]:
        return self.service.counters.total("http")


self_closing: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _connections_are_closed() -> Iterator[None]:
    yield
    while self_closing:
        self_closing.pop().close()


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return make_store(tmp_path_factory.mktemp("stores") / "http")


@pytest.fixture(scope="session")
def keys(store: Path) -> dict[str, str]:
    """Keys of the store: for each scope one that is good for nothing else, for `all` one for all."""
    file, texts = ApiKeyFile(store), {}
    for name, scopes in {"dip": ["dip"], "bulk": ["bulk"], "admin": ["admin"], "all": ["dip", "bulk", "admin"]}.items():
        key, texts[name] = ApiKey.new(scopes, owner=f"test {name}")
        file.add(key)
    return texts


@pytest.fixture(scope="session")
def engine(store: Path) -> Engine:
    return open_engine(store)


@contextlib.contextmanager
def running(engine: Engine, keys: dict[str, str], store: Path, is_local: bool = True, **http) -> Iterator[Node]:
    """A node with these settings of HTTP. Not `is_local`: it asks for keys as if others could reach it."""
    log_dips = http.pop("log_dips", 0.0)
    # Whatever else this machine does meanwhile, the node sheds nothing unless a test wants it to.
    access = Access.model_validate({"http_server": {"loop_delay_ms": 1e6} | http, "log_dips": log_dips})
    down: list[bool] = []
    keys_of_store = LiveApiKeys(ApiKeyFile(store))
    service = HttpService(engine, access, Counters(1), 0, keys_of_store, lambda: bool(down and down[-1]))
    listening = bound("127.0.0.1:0", socket.SOCK_STREAM)
    port = listening.getsockname()[1]
    started, ended = threading.Event(), threading.Event()
    made: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stopping = asyncio.Event()
        made.append((asyncio.get_running_loop(), stopping))
        async with serve_http(service, [listening]):
            assert service.local == {("127.0.0.1", port)}
            if not is_local:
                service.local = frozenset()
            started.set()
            await stopping.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve())
        finally:
            ended.set()
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(20)
    assert not ended.is_set()
    loop, stopping = made[0]

    def stop() -> None:
        if thread.is_alive():
            loop.call_soon_threadsafe(stopping.set)
            thread.join(20)
        assert not thread.is_alive()

    try:
        yield Node(service, port, "https" if http.get("certificate") else "http", keys, loop, stop, down)
    finally:
        stop()


@pytest.fixture(scope="module")
def node(engine, keys, store) -> Iterator[Node]:
    """A node that nobody but this machine can reach."""
    with running(engine, keys, store) as node:
        yield node


@pytest.fixture(scope="module")
def guarded(engine, keys, store) -> Iterator[Node]:
    """A node that asks for keys."""
    with running(engine, keys, store, is_local=False) as node:
        yield node


@pytest.fixture
def start(engine, keys, store) -> Iterator[Callable[..., Node]]:
    """Starts nodes of a test's own."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running(engine, keys, store, **settings))
