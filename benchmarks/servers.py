"""Servers to measure: ours as its users start it, the least that a server can do, and those that it is compared with.

Each runs on the first core, what asks it on the last. CPU time is that of all threads of a server's processes, so idle
ones beside it do not count.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = {CORES[0]}, {CORES[-1]}
APEX = "e164.arpa"
_PATIENCE_SECONDS = 120.0
_KNOT = """
server:
    listen: 127.0.0.1@{port}
    rundir: {folder}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}
log:
  - target: stderr
    any: error
template:
  - id: default
    storage: {folder}
    journal-content: none
    zonefile-load: whole
    semantic-checks: off
zone:
  - domain: {apex}
    file: {zone}
"""
_NSD = """
server:
    server-count: 1
    ip-address: 127.0.0.1@{port}
    zonesdir: {folder}
    pidfile: ""
    xfrdfile: {folder}/xfrd.state
    zonelistfile: {folder}/zone.list
    username: ""
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: {apex}
    zonefile: {zone}
"""
#: Numbers that are not ported do not exist, as in the zone file that the others load.
_PORTDIP = """
[access]
workers = {workers}
[access.enum_zone.profiles.default]
native = []
"""


@dataclass(frozen=True)
class Server:
    """A running one: its first process, which leads a session, and its ports by protocol."""

    process: subprocess.Popen[bytes]
    ports: Mapping[str, int]

    def processes(self) -> list[int]:
        """All of its processes, the first one first."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    stat = (folder / "stat").read_text()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if int(stat.rpartition(")")[2].split()[3]) == self.process.pid:
                    found.append(int(folder.name))
        return sorted(found, key=lambda pid: (pid != self.process.pid, pid))

    def cpu_seconds(self) -> dict[int, float]:
        """CPU time of each process so far, user and system."""
        return {pid: _cpu_nanoseconds(pid) / 1e9 for pid in self.processes()}

    def cpu_total(self) -> float:
        """CPU seconds of all processes so far."""
        return sum(self.cpu_seconds().values())


def _cpu_nanoseconds(pid: int) -> int:
    """Summed over the threads: to the nanosecond, where /proc/PID/stat counts hundredths of a second."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def free_port() -> int:
    """A port of loopback that nobody has, for datagrams and connections."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def compiled(name: str, folder: Path) -> Path:
    """The program of a C file beside this one."""
    program = folder / name
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O2", "-std=gnu11", "-Wall", "-o", program, HERE / f"{name}.c"], check=True)
    return program


def pinned(cores: set[int], command: Sequence[str | Path]) -> list[str]:
    """The command, kept on some cores."""
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]


@contextmanager
def running(
    command: Sequence[str | Path],
    ports: Mapping[str, int],
    cores: set[int] = SERVER_CORE,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server during the block."""
    process = subprocess.Popen(
        pinned(cores, command),
        env={**os.environ, **(environment or {})},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
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


def await_reply(port: int, request: bytes) -> None:
    """Wait until a server answers a datagram."""
    end = time.monotonic() + _PATIENCE_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect(("127.0.0.1", port))
        asking.settimeout(0.1)
        while time.monotonic() < end:
            try:
                asking.send(request)
                asking.recv(2000)
                return
            except OSError:
                time.sleep(0.02)
    raise RuntimeError(f"no server answers on port {port}")


def await_connection(port: int) -> None:
    """Wait until a server takes connections."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"no server takes connections on port {port}")


@contextmanager
def portdip(
    store: Path, folder: Path, request: bytes, workers: int = 1, cores: set[int] = SERVER_CORE
) -> Iterator[Server]:
    """`portdip serve`; its ports are http, enum and pdb. `request` is an ENUM query that it will answer."""
    ports = {protocol: free_port() for protocol in ("http", "enum", "pdb")}
    settings = folder / "portdip.toml"
    settings.write_text(_PORTDIP.format(workers=workers))
    options = [text for protocol, port in ports.items() for text in (f"--{protocol}", f":{port}")]
    command = [sys.executable, "-m", "portdip", "serve", store.absolute(), *options]
    with running(command, ports, cores, {"PORTDIP_SETTINGS": str(settings)}) as server:
        await_connection(ports["http"])
        await_reply(ports["enum"], request)
        yield server


@contextmanager
def echo(program: Path, reply_bytes: int) -> Iterator[Server]:
    """Sends back so many bytes for every datagram."""
    port = free_port()
    with running([program, str(port), str(reply_bytes)], {"udp": port}) as server:
        await_reply(port, b"anything")
        yield server


@contextmanager
def name_server(program: str, zone: Path, request: bytes) -> Iterator[Server]:
    """`knotd` or `nsd` with a zone file in memory, one thread for datagrams."""
    port, folder = free_port(), zone.parent / program
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    settings = folder / "settings"
    text = _KNOT if program == "knotd" else _NSD
    settings.write_text(text.format(port=port, folder=folder.absolute(), zone=zone.absolute(), apex=APEX))
    command = [program, "-c", settings] if program == "knotd" else [program, "-d", "-c", settings]
    with running(command, {"enum": port}) as server:
        await_reply(port, request)
        yield server


@contextmanager
def bare_asgi(body: bytes) -> Iterator[Server]:
    """uvicorn with an application that returns `body`, whatever it is asked."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "error",
        "--lifespan",
        "off",
        "benchmarks.bare_asgi:application",
    ]
    with running(command, {"http": port}, environment={"PORTDIP_BENCH_BODY": body.decode()}) as server:
        await_connection(port)
        yield server
