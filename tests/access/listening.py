"""A listener that runs in a thread, and a client of it: for the tests of everything that is asked over UDP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network

from portdip.access import Clients, Limits, Listener, Responder
from portdip.access.addresses import bound
from portdip.access.counters import Counters
from portdip.settings.access import Access, Client

#: For a reply that must come; one that must not come is known by the counters.
PATIENCE = 5.0
LOOPBACK: tuple[Client, ...] = Access().udp.clients


def client(network: str, **limits: object) -> Client:
    """A client network, without any limit where nothing is said."""
    return Client.model_validate({"network": ip_network(network), "replies_per_second": 0, **limits})


class Served:
    """A socket with a listener, which does not run at first."""

    def __init__(
        self,
        responder: Responder,
        clients: Sequence[Client] = LOOPBACK,
        address: str = ":0",
        receive_buffer: int = 1 << 20,
        **settings: object,
    ) -> None:
        self.socket = bound(address, socket.SOCK_DGRAM, receive_buffer)
        self.address = self.socket.getsockname()[:2]
        self._counters = Counters(workers=1)
        table = Clients(clients, ["default"])
        row = self._counters.row(0, "enum")
        self.listener = Listener(self.socket, responder, table, Limits(table), row, **settings)
        self._thread = threading.Thread(target=self.listener.run)

    @property
    def counters(self) -> dict[str, int]:
        """What was counted so far, without what is 0."""
        return {name: count for name, count in self._counters.total("enum").items() if count}

    @property
    def latency(self) -> list[int]:
        """Replies by latency."""
        return self._counters.latency("enum").tolist()

    def start(self) -> None:
        """Let the listener run."""
        self._thread.start()

    def stop(self) -> None:
        """Let it answer what has come in, and return; the socket is closed."""
        self.listener.stop()
        if self._thread.is_alive():
            self._thread.join()
        self.socket.close()

    @contextmanager
    def asking(self, source: str = "127.0.0.1") -> Iterator[socket.socket]:
        """A socket connected to the listener."""
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(PATIENCE)
            asking.bind((source, 0))
            asking.connect(self.address)
            yield asking

    def ask(self, request: bytes, source: str = "127.0.0.1") -> bytes:
        """The reply to a request."""
        with self.asking(source) as asking:
            asking.send(request)
            return asking.recv(65535)


@contextmanager
def serving(responder: Responder, clients: Sequence[Client] = LOOPBACK, **settings: object) -> Iterator[Served]:
    """A listener that runs inside the block; at its end everything is counted."""
    served = Served(responder, clients, **settings)
    try:
        served.start()
        yield served
    finally:
        served.stop()
