"""The UDP side of a worker: a thread for each listener, and the responders of the present generation."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from portdip.access import Clients, EnumResponder, Limits, Listener, PdbResponder, Responder, addresses
from portdip.access.counters import Counters
from portdip.access.enum_tables import EnumTables
from portdip.access.pdb_carriers import PdbTables
from portdip.index import Index
from portdip.lookup.generation import Generation
from portdip.service.sockets import Place
from portdip.settings.access import Access


class Responders:
    """The responders of one generation after the other; what is rendered in advance is kept while it holds.

    For one thread; what `renew` returns is for all.
    """

    def __init__(self, access: Access, protocols: set[str]) -> None:
        self._access = access
        self._protocols = protocols
        self._base: Index | None = None
        self._enum: EnumTables | None = None
        self._pdb: PdbTables | None = None

    def renew(self, generation: Generation) -> dict[str, Responder]:
        """The responder of each protocol for `generation`.

        Raises SettingsError where the settings cannot be used, DamagedImageError where the index cannot.
        """
        if generation.index.base is not self._base:
            # All of it is read and checked now: a listener that has to wait for the disk loses what comes meanwhile.
            generation.index.base.verify()
            self._base = generation.index.base
        made: dict[str, Responder] = {}
        if "enum" in self._protocols:
            self._enum = EnumTables.of(generation, self._access.enum_zone, self._enum)
            made["enum"] = EnumResponder(generation, self._enum)
        if "pdb" in self._protocols:
            self._pdb = PdbTables.of(generation, self._access.pdb_server, self._pdb)
            made["pdb"] = PdbResponder(generation, self._pdb)
        return made


class Datagrams:
    """Listeners, each with a socket, a row of counters, limits and a thread of its own.

    `start` and `stop` are for one thread, the rest for any. `on_failure` is called from the thread of a listener whose
    socket failed.
    """

    def __init__(
        self, access: Access, row: int, counters: Counters, on_failure: Callable[[BaseException], None]
    ) -> None:
        self._access = access
        self._row = row
        self._counters = counters
        self._on_failure = on_failure
        self._clients = Clients(access.udp.clients, list(access.enum_zone.profiles))
        self._listeners: list[tuple[str, Listener]] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def start(self, places: list[Place], responders: dict[str, Responder], is_down: bool) -> None:
        """Bind and answer at the places of datagrams. Raises SettingsError where one cannot be had."""
        udp = self._access.udp
        for place in places:
            if place.kind != socket.SOCK_DGRAM:
                continue
            bound = addresses.bound(place.address, place.kind, udp.receive_buffer)
            self._sockets.append(bound)
            shed = self._access.enum_zone.shed
            listener = Listener(
                bound,
                responders[place.protocol],
                self._clients,
                Limits(self._clients, udp.slip),
                self._counters.row(self._row, place.protocol, self._count(place.protocol)),
                wait_limit_ms=udp.wait_limit_ms,
                shed_code=0 if place.protocol == "pdb" or shed == "drop" else shed,
            )
            listener.is_down = is_down
            self._listeners.append((place.protocol, listener))
            thread = threading.Thread(target=self._run, args=(listener,), name=f"portdip-{place}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def swap(self, responders: dict[str, Responder]) -> None:
        """Answer from these from the next batch on."""
        for protocol, listener in self._listeners:
            listener.swap(responders[protocol])

    def set_down(self, is_down: bool) -> None:
        """Answer as a node does that must not be believed, or again as one that may."""
        for _, listener in self._listeners:
            if listener.is_down != is_down:
                listener.is_down = is_down

    def stop(self) -> None:
        """Answer what has come in, and end."""
        for _, listener in self._listeners:
            listener.stop()
        for thread in self._threads:
            thread.join()
        for bound in self._sockets:
            bound.close()

    def _count(self, protocol: str) -> int:
        return sum(one == protocol for one, _ in self._listeners)

    def _run(self, listener: Listener) -> None:
        try:
            listener.run()
        except BaseException as error:
            self._on_failure(error)
