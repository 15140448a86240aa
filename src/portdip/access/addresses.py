"""The addresses of the settings, and the sockets that listen on them.

An address is `host:port`, `[ipv6]:port` or `:port`, which is loopback. Several processes may listen on one: the kernel
shares the datagrams and connections among their sockets.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from portdip.errors import SettingsError

_LOOPBACK = "127.0.0.1"
#: Connections that wait to be taken.
_BACKLOG = 1024


@dataclass(frozen=True)
class Address:
    """Where a listener listens: a numeric IPv4 or IPv6 address and a port; port 0 takes any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that a text names; a host name becomes the first address that it stands for.

        >>> str(Address.parse(":5353")), str(Address.parse("[::1]:53"))
        ('127.0.0.1:5353', '[::1]:53')

        Raises SettingsError.
        """
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if (
            not colon
            or not port.isascii()
            or not port.isdigit()
            or int(port) > 65535
            or (":" in host and not bracketed)
        ):
            raise SettingsError("not an address", expected="host:port, [ipv6]:port or :port", got=text)
        host = host[1:-1] if bracketed else host or _LOOPBACK
        try:
            found = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise SettingsError("no such host", got=text, where=str(error)) from error
        return cls(str(found[0][4][0]), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Can nobody but this machine reach it?"""
        return ip_address(self.host.partition("%")[0]).is_loopback


def bound(address: str | Address, kind: socket.SocketKind, receive_buffer: int = 0) -> socket.socket:
    """A socket bound to an address: SOCK_DGRAM, or SOCK_STREAM, which listens.

    `receive_buffer`: bytes of datagrams that may wait; past the system's limit where that is permitted. Raises
    SettingsError if the address is not ours, is taken by a program that does not share it, or is not permitted.
    """
    at = address if isinstance(address, Address) else Address.parse(address)
    made = unbound(at, kind)
    try:
        bind(made, at, receive_buffer)
    except SettingsError:
        made.close()
        raise
    return made


def unbound(at: Address, kind: socket.SocketKind, is_shared: bool = True) -> socket.socket:
    """A socket for `bind`, which shares its address with others unless `is_shared` is False."""
    family, _, _, _, _ = _resolved(at, kind)
    made = socket.socket(family, kind)
    if is_shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if kind == socket.SOCK_STREAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def bind(made: socket.socket, at: Address, receive_buffer: int = 0) -> None:
    """Bind a socket, and listen where it is one of connections: as `bound`, which raises the same."""
    try:
        if receive_buffer:
            _set_receive_buffer(made, receive_buffer)
        made.bind(_resolved(at, socket.SocketKind(made.type))[4])
        if made.type == socket.SOCK_STREAM:
            made.listen(_BACKLOG)
    except OSError as error:
        raise SettingsError(
            "cannot listen", where=str(at), got=error.strerror or str(error), fix="Free the port or name another one."
        ) from error


def _resolved(at: Address, kind: socket.SocketKind) -> tuple[int, int, int, str, Any]:
    return socket.getaddrinfo(at.host, at.port, type=kind, flags=socket.AI_NUMERICHOST)[0]


def _set_receive_buffer(made: socket.socket, size: int) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    force = getattr(socket, "SO_RCVBUFFORCE", 33 if hasattr(socket, "SO_PEERCRED") else None)
    if force is not None:
        with contextlib.suppress(PermissionError):
            made.setsockopt(socket.SOL_SOCKET, force, size)
