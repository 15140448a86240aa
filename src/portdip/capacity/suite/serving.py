"""`portdip serve` as its users start it, on loopback and one core, with its CPU time told to the nanosecond."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from portdip import files
from portdip.errors import CapacityError

_PATIENCE_SECONDS = 120.0
#: What a server answers with that nobody has set anything for: one worker, loopback, every limit as it comes.
_SETTINGS = b"[access]\nworkers = 1\n"
PROTOCOLS = ("enum", "pdb", "http")


@dataclass(frozen=True)
class Server:
    """A running one: its first process, whose group all the others are in, and its ports by protocol."""

    process: subprocess.Popen[bytes]
    ports: Mapping[str, int]

    def processes(self) -> list[int]:
        """All of its processes, the first one first."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    stat = (folder / "stat").read_text()
                    if int(stat.rpartition(")")[2].split()[3]) == self.process.pid:
                        found.append(int(folder.name))
        return sorted(found, key=lambda pid: (pid != self.process.pid, pid))

    def cpu_seconds(self) -> dict[int, float]:
        """CPU time of each process so far, user and system."""
        return {pid: _cpu_nanoseconds(pid) / 1e9 for pid in self.processes()}

    def cpu_total(self) -> float:
        """CPU seconds of all processes so far."""
        return sum(self.cpu_seconds().values())

    def memory_bytes(self) -> int:
        """What all processes take, what they share counted once."""
        return sum(_rollup(pid, "Pss:") for pid in self.processes())

    def private_bytes(self) -> int:
        """Memory of its own that the worker with the most of it has.

        What it has written to, that is: pages of the index are read only, and count as its own while it is the only
        worker that has looked at them.
        """
        return max(_rollup(pid, "Private_Dirty:") for pid in self.processes()[1:])


def _cpu_nanoseconds(pid: int) -> int:
    """Summed over the threads: to the nanosecond, where /proc/PID/stat counts hundredths of a second."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def _rollup(pid: int, beginning: str) -> int:
    """Bytes of a process in the kernel's sums of its mappings whose names begin so."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(beginning))


def free_port() -> int:
    """A port of loopback that nobody has, for datagrams and connections."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Keep this thread, and what it starts meanwhile, on one core; None leaves it where it is."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def await_connection(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a server takes connections. Raises CapacityError where it ends before, or never does."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and (process is None or process.poll() is None):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise CapacityError("the server that is to be measured does not answer", got=f"nothing on port {port}")


def await_reply(port: int, request: bytes) -> bytes:
    """What a server answers a datagram, once it does. Raises CapacityError where it never does."""
    end = time.monotonic() + _PATIENCE_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.settimeout(0.1)
        while time.monotonic() < end:
            try:
                asking.send(request)
                return asking.recv(2000)
            except OSError:
                time.sleep(0.02)
    raise CapacityError("the server that is to be measured does not answer", got=f"nothing on port {port}")


@contextmanager
def running(command: Sequence[str], ports: Mapping[str, int], environment: Mapping[str, str]) -> Iterator[Server]:
    """A server during the block; what it prints is thrown away."""
    process = subprocess.Popen(  # noqa: S603
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield Server(process, ports)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def served(store: Path, folder: Path, request: bytes, core: int | None) -> Iterator[Server]:
    """`portdip serve` with one worker. `request` is an ENUM query that it will answer."""
    ports = {protocol: free_port() for protocol in PROTOCOLS}
    settings = folder / "portdip.toml"
    files.write(settings, _SETTINGS)
    options = [text for protocol, port in ports.items() for text in (f"--{protocol}", f":{port}")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTDIP_")}
    command = [sys.executable, "-m", "portdip", "serve", str(store.absolute()), *options]
    with ExitStack() as opened:
        with on_core(core):
            server = opened.enter_context(running(command, ports, {**environment, "PORTDIP_SETTINGS": str(settings)}))
        await_connection(ports["http"], server.process)
        await_reply(ports["enum"], request)
        yield server
