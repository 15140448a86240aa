"""Servers to measure: ours as its users start it, the least that a server can do, and those that it is compared with.

Each runs on the first core, what asks it on the last. CPU time is that of all threads of a server's processes, so idle
ones beside it do not count.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from portdip.capacity.suite import serving
from portdip.capacity.suite.serving import Server, await_connection, await_reply, free_port

HERE = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = {CORES[0]}, {CORES[-1]}
APEX = "e164.arpa"
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
    database: ""
remote-control:
    control-enable: no
zone:
    name: {apex}
    zonefile: {zone}
"""
#: What carriers read as over pdb; virtual operators as the other carrier.
PDB_CARRIERS = {"CMCC": 1, "CUCC": 2, "CTCC": 3, "CBN": 4}
PDB_OTHER = 1000
#: Numbers that are not ported do not exist, as in the zone file that the others load.
_PORTDIP = """
[access]
workers = {workers}
[access.enum_zone.profiles.default]
native = []
[access.pdb_server.carriers]
{carriers}
"""


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
    with serving.running(pinned(cores, command), ports, {**os.environ, **(environment or {})}) as server:
        yield server


@contextmanager
def portdip(
    store: Path, folder: Path, request: bytes, workers: int = 1, cores: set[int] = SERVER_CORE
) -> Iterator[Server]:
    """`portdip serve`; its ports are http, enum and pdb. `request` is an ENUM query that it will answer."""
    ports = {protocol: free_port() for protocol in ("http", "enum", "pdb")}
    settings = folder / "portdip.toml"
    carriers = "\n".join(f"{name} = {integer}" for name, integer in PDB_CARRIERS.items())
    settings.write_text(_PORTDIP.format(workers=workers, carriers=carriers))
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
def redis(folder: Path) -> Iterator[Server]:
    """`redis-server` with nothing in it, which keeps nothing on disk."""
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
    with running(["redis-server", *options], {"redis": port}) as server:
        await_connection(port)
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
