"""The one interface of peers that are asked over the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, NamedTuple

from portdip.route import Route

from .. import askers, servers
from ..asked import Asked
from ..servers import Server
from .peer import Ability


class Running(NamedTuple):
    """A server that answers, the seconds that took, and what it takes for each number."""

    server: Server
    seconds: float
    bytes_per_number: float


class Answer(NamedTuple):
    """What a number must be answered with: its own route, None if it is not ported, and its range's."""

    number: int
    own: Route | None
    range_route: Route


class Way(NamedTuple):
    """How a peer is asked. Both return nanoseconds, None where there is no such way.

    In a process `one` asks one by one, `many` all at once. Of a server, `one` is the time until an answer with nothing
    else under way: the network of the host and who asks are in it; `many` is the time of the server's processor for an
    answer while it always has the next question.
    """

    one: Callable[[], float] | None
    many: Callable[[], float] | None


class Service(ABC):
    """A server of ported numbers."""

    lacks: ClassVar[tuple[Ability, ...]] = ()
    #: What must be installed, besides what runs any server here.
    programs: tuple[str, ...] = ()

    @abstractmethod
    def started(self, asked: Asked) -> AbstractContextManager[Running]:
        """Run it with all numbers."""

    @abstractmethod
    def check(self, server: Server, asked: Asked, answers: Sequence[Answer]) -> None:
        """Ask what is in `answers`, and fail unless all of it is right."""

    @abstractmethod
    def ways(self, server: Server, asked: Asked, seconds: float) -> dict[str, Way]:
        """Ways of asking it, by the name of the row; each measurement takes `seconds`."""


def by_datagrams(server: Server, protocol: str, asked: Asked, seconds: float) -> Way:
    """ENUM or pdb: one datagram under way, and 64."""
    datagrams = asked.enum if protocol == "enum" else asked.pdb
    return Way(
        lambda: askers.one_by_one(asked.asker, server, protocol, datagrams, seconds)[0],
        lambda: askers.by_asker(asked.asker, server, protocol, datagrams, seconds).cpu_us * 1e3,
    )


def check_enum(port: int, answers: Sequence[Answer]) -> None:
    """A ported number has its URI; any other one does not exist."""
    no_such_name = 3
    for answer in answers:
        reply = servers.await_reply(port, askers.enum_query(answer.number))
        if answer.own is None:
            assert reply[3] & 15 == no_such_name, answer
        else:
            assert f"tel:+{answer.number};npdi;rn={answer.own.routing_number}!".encode() in reply, answer
