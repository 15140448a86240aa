"""What systemd hears of the service: sd_notify(3) without its library.

A notice is lines of NAME=value in one datagram to the socket that NOTIFY_SOCKET names. Without the variable nothing is
sent, so whoever runs the service by hand need not care.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

#: How long a notice that must not be lost may wait for a manager that is busy.
_PATIENCE_S = 1.0


class Notifier:
    """Tells the service manager how it goes. For one thread.

    `watchdog_seconds` is how often WATCHDOG=1 is wanted: half of what the manager waits for; None where it waits for
    nothing.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self._status = ""
        self.watchdog_seconds: float | None = None
        period = environment.get("WATCHDOG_USEC", "")
        if period.isdigit() and environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            self.watchdog_seconds = int(period) / 2e6

    def ready(self) -> None:
        """It has begun, or read its settings anew."""
        self._send("READY=1", _PATIENCE_S)

    def reloading(self) -> None:
        """It begins to put new workers in the place of old ones; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}", _PATIENCE_S)

    def stopping(self) -> None:
        """It has begun to end."""
        self._send("STOPPING=1", _PATIENCE_S)

    def alive(self) -> None:
        """It is not stuck."""
        self._send("WATCHDOG=1")

    def status(self, line: str) -> None:
        """A line for `systemctl status`; nothing is sent where it is the one before."""
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def _send(self, notice: str, patience_s: float = 0.0) -> bool:
        """Whether the manager took it: one that is busy is waited for that long, for a full socket blocks."""
        if not self._address:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(patience_s)
            try:
                sender.sendto(notice.encode(), self._address)
            except OSError:  # a manager that does not listen is no reason to answer nobody
                return False
        return True
