"""A node as its users have it: `portdip serve` in a process of its own, and how the protocols are spoken to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.lookup import stores

#: Longer than anything takes that is not broken.
PATIENCE_S = 20.0

PORTED, NATIVE, UNALLOCATED = stores.PORTED, stores.NATIVE, stores.UNALLOCATED
CODES = {"CM": 1, "CT": 2, "CU": 3, "ILEC": 4}


def free_port() -> int:
    """A port that nobody has for datagrams or connections; of nobody else's choosing, so soon."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                datagram.bind(stream.getsockname())
                return int(stream.getsockname()[1])


class Manager:
    """Hears what a service tells systemd."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")  # an abstract name that nobody has
        self.name = "@" + self._socket.getsockname()[1:].decode()
        self.heard: list[str] = []

    def wait(self, notice: str, patience_s: float = PATIENCE_S) -> None:
        """Wait for a notice that holds this."""
        until = time.monotonic() + patience_s
        while not any(notice in heard for heard in self.heard):
            self._socket.settimeout(max(until - time.monotonic(), 0.001))
            try:
                self.heard.append(self._socket.recv(4096).decode())
            except TimeoutError:
                raise AssertionError(f"no {notice} in {self.heard}") from None

    def drain(self) -> None:
        """Take what has come, and forget it."""
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(4096)

    def close(self) -> None:
        self._socket.close()


class Node:
    """`portdip serve` over `store`, with every protocol; in a `with` block, after which it has ended."""

    def __init__(
        self, store: Path, workers: int | None = None, arguments: tuple[str, ...] = (), **environment: str
    ) -> None:
        self.store = store
        self.http, self.enum, self.pdb = free_port(), free_port(), free_port()
        self._workers = workers
        self._arguments = arguments
        self._environment = {
            "PORTDIP_ACCESS__PDB_SERVER__CARRIERS": json.dumps(CODES),
            "PORTDIP_SETTINGS": "",
        } | environment
        self.manager = Manager()
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process: subprocess.Popen[str] | None = None

    def begin(self) -> Self:
        """Start it, and do not wait."""
        command = [sys.executable, "-m", "portdip", "serve", str(self.store)]
        if self._workers is not None:
            command += ["--workers", str(self._workers)]
        for protocol in ("http", "enum", "pdb"):
            command += [f"--{protocol}", f":{getattr(self, protocol)}"]
        self.manager.heard.clear()
        self.process = subprocess.Popen(
            [*command, *self._arguments],
            env=os.environ | self._environment | {"NOTIFY_SOCKET": self.manager.name},
            stdout=self._said,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        self.begin()
        try:
            self.manager.wait("READY=1")
        except AssertionError as error:
            raise AssertionError(self.said()) from error
        return self

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """It has ended after the block, whatever happens there."""
        try:
            yield
        finally:
            self.kill()
            self.manager.close()
            self._said.close()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.ending())
            self.start()
            self._ending = stack.pop_all()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            print(self.said())
        self._ending.close()

    def kill(self) -> None:
        """End it, workers and all, whatever state it is in."""
        assert self.process is not None
        if self.process.poll() is None:
            for pid in self.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it in good order; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def said(self) -> str:
        """What it has said so far."""
        self._said.seek(0)
        return self._said.read()

    def renew(self) -> None:
        """Rolling restart, to its end."""
        self.manager.heard.clear()
        self.signal(signal.SIGHUP)
        self.manager.wait("READY=1")

    def signal(self, number: int) -> None:
        """Send a signal to the parent."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def workers(self) -> list[int]:
        """The processes of the workers."""
        assert self.process is not None
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a request over HTTP."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=PATIENCE_S) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def counted(self, protocol: str, name: str) -> int:
        """A counter of a protocol, over all workers, from the metrics."""
        _, text = self.get("/metrics")
        pattern = re.compile(rf'^portdip_\w*{name}\w*{{[^}}]*protocol="{protocol}"[^}}]*}} (\S+)$', re.MULTILINE)
        return int(sum(float(value) for value in pattern.findall(text)))


class PdbClient:
    """Asks as Kamailio's pdb module does: every server at once, the first reply wins, 50 ms."""

    def __init__(self, *nodes: Node, timeout_s: float = 0.05) -> None:
        self._servers = [("127.0.0.1", node.pdb) for node in nodes]
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._timeout_s = timeout_s
        self._key = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, number: int, key: int) -> None:
        """Ask all servers."""
        digits = str(number).encode() + b"\0"
        for server in self._servers:
            self._socket.sendto(struct.pack(">BBBBH", 1, 0, 0, 6 + len(digits), key) + digits, server)

    def replies(self, timeout_s: float) -> Iterator[tuple[int, int, int]]:
        """Code, id and carrier (0 for none) of what comes, until nothing comes for so long."""
        self._socket.settimeout(timeout_s)
        while True:
            try:
                reply = self._socket.recv(512)
            except TimeoutError:
                return
            except ConnectionRefusedError:
                continue
            _, _, code, _, key = struct.unpack_from(">BBBBH", reply)
            yield code, key, struct.unpack(">h", reply[-2:])[0] if code == 1 else 0

    def ask(self, number: int) -> int | None:
        """The carrier of a number, 0 for none, None where no reply came in time."""
        self._key = (self._key + 1) % 65536
        self.send(number, self._key)
        until = time.monotonic() + self._timeout_s
        while (left := until - time.monotonic()) > 0:
            for _, key, carrier in self.replies(left):
                if key == self._key:
                    return carrier
        return None


def enum_query(number: int, key: int = 1) -> bytes:
    """A NAPTR query for a number below e164.arpa."""
    labels = b"".join(b"\x01" + digit.encode() for digit in reversed(str(number)))
    return struct.pack(">6H", key, 0, 1, 0, 0, 0) + labels + b"\x04e164\x04arpa\0" + struct.pack(">2H", 35, 1)
