"""A worker as its parent sees it: forked, heard through a channel, reaped.

The channel is a socket pair. The worker says one line on it, `ready` or why it cannot start, and both learn of each
other's death by its end: a worker whose parent is gone leaves too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable

from portdip.errors import PortdipError

#: What a worker leaves with where it could not start, and said why.
REFUSED = 3
READY = "ready"
_LINE_BYTES_MAX = 4096


class Process:
    """A forked worker. For the parent's only thread.

    `row` says which of the shared rows of counters are its own.
    """

    def __init__(self, pid: int, channel: socket.socket, row: int, started: float) -> None:
        self.pid = pid
        self.channel = channel
        self.row = row
        self.started = started
        self.is_ready = False
        #: Why it could not start; '' where it could, or said nothing.
        self.refusal = ""

    def hear(self) -> None:
        """Take what it says; its end is heard here too, and means nothing before it is reaped."""
        if self.channel.fileno() < 0:
            return
        try:
            said = self.channel.recv(_LINE_BYTES_MAX).decode(errors="replace").strip()
        except (BlockingIOError, ConnectionError):
            return
        if said == READY:
            self.is_ready = True
        elif said:
            self.refusal = said
        else:
            self.channel.close()

    def signal(self, number: int) -> None:
        """Send it a signal; a process that is gone already hears nothing."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def fork(work: Callable[[socket.socket], None], row: int, now: float, others: Iterable[socket.socket]) -> Process:
    """Fork a worker that does `work(channel)` and ends. `others` are sockets of the parent that are not for it.

    The caller has no thread but its own: a fork keeps only that, and the locks of the others for ever.
    """
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        ours.setblocking(False)
        return Process(pid, ours, row, now)
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGHUP, signal.SIGINT):  # a terminal sends these to all of us; the parent decides
            signal.signal(number, signal.SIG_IGN)
        ours.close()
        for other in others:
            other.close()
        work(theirs)
        code = 0
    except (PortdipError, OSError) as error:
        with contextlib.suppress(OSError):
            theirs.send(" ".join(str(error).splitlines()).encode()[:_LINE_BYTES_MAX])
        code = REFUSED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
