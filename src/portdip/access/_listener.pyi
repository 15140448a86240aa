import socket

import numpy as np
import numpy.typing as npt

from portdip.access._clients import Clients
from portdip.access._limits import Limits
from portdip.access._responder import Responder

class Listener:
    """Answers the datagrams of one UDP socket with a responder, until it is stopped.

    One thread calls `run`; any other may call the rest, and write `is_down`.
    """

    def __init__(
        self,
        socket: socket.socket,
        responder: Responder,
        clients: Clients,
        limits: Limits,
        row: npt.NDArray[np.uint64],
        *,
        wait_limit_ms: float = 40.0,
        shed_code: int = 0,
        batched: bool = True,
    ) -> None:
        """`limits` and `row` (see counters.Counters) are this listener's alone. The socket stays the caller's to close.

        Requests that waited over `wait_limit_ms` get nothing or, with a `shed_code`, that RCODE: DNS only.
        `batched=False` moves one datagram a system call, as it is done everywhere but on Linux. Raises OSError.
        """

    is_down: bool
    """Is the node loading or staler than its limit? Then the responder answers as it does in that case."""

    def run(self) -> None:
        """Receive, answer and send until `stop`; lets go of the GIL.

        Raises OSError if the socket fails, and what a signal handler raises where this is the main thread.
        """

    def swap(self, responder: Responder) -> None:
        """Answer from `responder` from the next batch on. Returns when the old one is not used any more."""

    def stop(self) -> None:
        """Let `run` answer what has come in so far, and return: within 0.6 seconds, in most cases 0.06.

        Other sockets of the same address get what comes later.
        """
