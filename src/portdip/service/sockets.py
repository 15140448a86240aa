"""Where the service is asked, and the sockets of connections, which outlive the worker that serves them.

Every worker has sockets of its own on every address (SO_REUSEPORT), so the kernel spreads requests over the workers and
nobody waits for anybody. Those of datagrams a worker makes itself once it can answer, and its `Listener` gives them up
without losing one. A listening socket cannot be given up so: what waits in it is reset. So the parent makes those and
keeps them for the slot; the first worker binds them once it can answer, and one that takes over in a rolling restart
finds them bound, with whoever is waiting. When a worker dies the parent closes them, and the kernel gives that worker's
share to the others.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from portdip.access import addresses
from portdip.access.addresses import Address
from portdip.errors import ServiceError, SettingsError
from portdip.settings.access import Access


@dataclass(frozen=True, slots=True)
class Place:
    """Where one protocol is spoken: `protocol` is one of `portdip.access.counters.PROTOCOLS`."""

    protocol: str
    address: Address

    @property
    def kind(self) -> socket.SocketKind:
        """SOCK_STREAM or SOCK_DGRAM."""
        return socket.SOCK_STREAM if self.protocol in ("http", "enum_tcp") else socket.SOCK_DGRAM

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}"


def places(access: Access) -> list[Place]:
    """All places that the settings name, each once; SettingsError if an address is none."""
    found = [Place("http", Address.parse(address)) for address in access.http]
    for address in access.enum:
        found += [Place(protocol, Address.parse(address)) for protocol in ("enum", "enum_tcp")]
    found += [Place("pdb", Address.parse(address)) for address in access.pdb]
    return list(dict.fromkeys(found))


def check_free(wanted: Iterable[Place]) -> None:
    """See that nobody listens there yet: with SO_REUSEPORT two services would share the requests unnoticed.

    Raises ServiceError.
    """
    for place in wanted:
        try:
            with contextlib.closing(addresses.unbound(place.address, place.kind, is_shared=False)) as probe:
                addresses.bind(probe, place.address)
        except (OSError, SettingsError) as error:
            raise ServiceError(
                f"cannot listen for {place.protocol}",
                where=str(place.address),
                got=error.got if isinstance(error, SettingsError) else str(error),
                fix="See who listens there with: ss -lntup. Ports below 1024 need CAP_NET_BIND_SERVICE.",
            ) from error


class Sockets(dict[Place, socket.socket]):
    """The sockets of connections of one slot, by place."""

    def keep(self, wanted: Iterable[Place]) -> None:
        """Close those of other places, and make what is missing, not bound yet."""
        streams = [place for place in wanted if place.kind == socket.SOCK_STREAM]
        for place in self.keys() - set(streams):
            self.pop(place).close()
        for place in streams:
            if place not in self:
                self[place] = addresses.unbound(place.address, place.kind)

    def close(self) -> None:
        """Close all."""
        for made in self.values():
            made.close()
        self.clear()


def bind(place: Place, made: socket.socket) -> None:
    """Bind a socket of a slot, unless a worker before has. Connections come to it from then on.

    Raises SettingsError.
    """
    if made.getsockname()[1] == 0:
        addresses.bind(made, place.address)
