"""The network access layer against what does the least, and against the servers that are used for it today.

CPU time per answer is the figure to compare: on two shared cores the rate depends on who else has them. Servers are
measured in turns, round by round, each on one core and what asks them on the other. The same million numbers, half of
them ported, are asked everywhere; what is not ported does not exist, as in the zone file that Knot and NSD load.
"""

from __future__ import annotations

import shutil
import statistics
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from . import askers, servers
from .asked import Asked, prepare
from .askers import Run
from .figure import Figure, Size, in_turns
from .populations import columns
from .servers import Server

Runs = dict[str, list[Run]]

#: From so many numbers on only memory is measured.
_LARGE = 10_000_000
#: So many that the kernel shares them out evenly, and that no worker ever rests.
_SOCKETS_PER_WORKER = 16
#: Debian packages, by the program that is used.
_PACKAGES = {"dnsperf": "dnsperf", "knotd": "knot", "nsd": "nsd", "curl": "curl", "taskset": "util-linux"}


class _Pace(NamedTuple):
    """How long each run lasts, and how many rounds there are."""

    seconds: float
    rounds: int


def figures(size: Size) -> list[Figure]:
    drawn = columns("cn", size.numbers, 0.16)
    asked = prepare(drawn, size)
    if size.numbers >= _LARGE:
        return _memory(asked, size)
    pace = _Pace(0.2 if size.numbers < 1_000_000 else 3.0, size.rounds)
    missing = sorted(package for program, package in _PACKAGES.items() if shutil.which(program) is None)
    found = [
        Figure("packages to measure with that are not installed", len(missing), "", 0, detail={"missing": missing})
    ]
    with ExitStack() as stack:
        ours = stack.enter_context(servers.portdip(asked.store, asked.folder, asked.first))
        peers = {
            program: stack.enter_context(servers.name_server(program, asked.zone, asked.first))
            for program in ("knotd", "nsd")
            if shutil.which(program)
        }
        if shutil.which("dnsperf"):
            found += _enum(asked, pace, ours, peers)
        found += _resting(pace, ours)
        found += _one_by_one(asked, pace, ours, peers)
        found += _pdb(asked, pace, ours)
        found += _http(asked, pace, ours)
        if shutil.which("curl"):
            found += _arrow(asked, pace, ours)
    return found + _workers(asked, pace)


def _cpu_ratio(runs: Runs, one: str, others: list[str]) -> float:
    """Median over the rounds of one's CPU time per answer over that of the best of the others."""
    rounds = range(len(runs[one]))
    return statistics.median(runs[one][i].cpu_us / min(runs[other][i].cpu_us for other in others) for i in rounds)


def _detail(runs: Runs) -> dict[str, object]:
    return {
        name: {
            "cpu_us": round(statistics.median(run.cpu_us for run in taken), 3),
            "per_second": round(statistics.median(run.rate for run in taken)),
        }
        for name, taken in runs.items()
    }


def _enum(asked: Asked, pace: _Pace, ours: Server, peers: dict[str, Server]) -> list[Figure]:
    """ENUM as dnsperf asks it."""
    reply_bytes = askers.by_dnsperf(ours, asked.names, pace.seconds).reply_bytes
    with servers.echo(servers.compiled("echo", asked.folder), reply_bytes) as echo:
        all_of_them = {"portdip": ours, "echo": echo, **peers}
        runs = in_turns(
            {
                name: lambda server=server: askers.by_dnsperf(server, asked.names, pace.seconds)
                for name, server in all_of_them.items()
            },
            pace.rounds,
        )
    detail = {"reply_bytes": reply_bytes, **_detail(runs)}
    found = [
        Figure("ENUM CPU a query over a bare echo", _cpu_ratio(runs, "portdip", ["echo"]), "x", 1.25, detail=detail)
    ]
    if peers:
        ratio = _cpu_ratio(runs, "portdip", list(peers))
        found.append(Figure(f"ENUM CPU a query over the better of {', '.join(peers)}", ratio, "x", 0.75, detail=detail))
    return found


def _one_by_one(asked: Asked, pace: _Pace, ours: Server, peers: dict[str, Server]) -> list[Figure]:
    """One ENUM query under way: how long until its answer."""
    times = in_turns(
        {
            name: lambda server=server: askers.one_by_one(asked.asker, server, "enum", asked.enum, pace.seconds)
            for name, server in {"portdip": ours, **peers}.items()
        },
        pace.rounds,
    )
    detail = {
        name: {
            "p50_us": statistics.median(t[0] for t in taken) / 1e3,
            "p99_us": statistics.median(t[1] for t in taken) / 1e3,
        }
        for name, taken in times.items()
    }
    if "knotd" not in peers:
        return [Figure("ENUM, one query under way, p50", statistics.median(t[0] for t in times["portdip"]) / 1e3, "us")]
    return [
        Figure(
            f"ENUM, one query under way, {name} over Knot's",
            statistics.median(a[place] / b[place] for a, b in zip(times["portdip"], times["knotd"], strict=True)),
            "x",
            1.0,
            detail=detail,
        )
        for place, name in enumerate(("p50", "p99"))
    ]


def _pdb(asked: Asked, pace: _Pace, ours: Server) -> list[Figure]:
    """pdb from a client that sends in batches."""
    number = int(asked.numbers.read_text().split()[0])
    reply_bytes = len(askers.pdb_query(number)) + 2  # and the carrier
    with servers.echo(servers.compiled("echo", asked.folder), reply_bytes) as echo:
        runs = in_turns(
            {
                name: lambda server=server: askers.by_asker(asked.asker, server, "pdb", asked.pdb, pace.seconds)
                for name, server in {"portdip": ours, "echo": echo}.items()
            },
            pace.rounds,
        )
    ratio = _cpu_ratio(runs, "portdip", ["echo"])
    return [Figure("pdb CPU a query over a bare echo", ratio, "x", 1.25, detail=_detail(runs))]


def _http(asked: Asked, pace: _Pace, ours: Server) -> list[Figure]:
    """Single dips against an application that returns the bytes of one, on the same uvicorn."""
    number = asked.numbers.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{ours.ports['http']}/v1/dips/{number}") as answer:
        body = answer.read()
    with servers.bare_asgi(body) as bare:
        runs = in_turns(
            {
                name: lambda server=server: askers.by_http(server, asked.numbers, pace.seconds)
                for name, server in {"portdip": ours, "bare": bare}.items()
            },
            pace.rounds,
        )
    share = 1 / _cpu_ratio(runs, "portdip", ["bare"])
    return [Figure("HTTP dips a core-second over a bare ASGI handler's", share, "x", 0.8, "at least", _detail(runs))]


def _arrow(asked: Asked, pace: _Pace, ours: Server) -> list[Figure]:
    """An Arrow stream to and fro."""
    runs = in_turns({"portdip": lambda: askers.by_curl(ours, asked.stream, asked.stream_count)}, pace.rounds)
    rate = statistics.median(1e6 / run.cpu_us for run in runs["portdip"])
    return [
        Figure(
            "HTTP Arrow numbers a core-second",
            rate,
            "/s",
            5e6,
            "at least",
            {"numbers": asked.stream_count, **_detail(runs)},
        )
    ]


def _workers(asked: Asked, pace: _Pace) -> list[Figure]:
    """What a second worker on a second core adds.

    Two cores do not hold two busy workers and who asks them as well. So every worker has a core that it shares with
    those who ask: one worker, one core and half as many sockets, against all of it twice.
    """
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(pace.rounds):
        for workers, taken in rates.items():
            cores = set(servers.CORES[:workers])
            sockets = workers * _SOCKETS_PER_WORKER
            with servers.portdip(asked.store, asked.folder, asked.first, workers, cores) as server:
                for _ in range(2):  # the first does not count
                    run = askers.by_asker(asked.asker, server, "enum", asked.enum, pace.seconds, sockets, cores)
                taken.append(run.rate)
    gain = statistics.median(two / one for one, two in zip(rates[1], rates[2], strict=True))
    detail: dict[str, object] = {str(workers): statistics.median(taken) for workers, taken in rates.items()}
    detail["how"] = f"each worker on a core with {_SOCKETS_PER_WORKER} clients of 64 queries under way"
    return [Figure("ENUM throughput of 2 workers over 1", gain, "x", 1.7, "at least", detail)]


def _resting(pace: _Pace, ours: Server) -> list[Figure]:
    """What a server that nobody asks takes: it looks for deltas."""
    before = ours.cpu_total()
    time.sleep(pace.seconds)
    return [Figure("CPU of a server that nobody asks", 100 * (ours.cpu_total() - before) / pace.seconds, "% of a core")]


def _memory(asked: Asked, size: Size) -> list[Figure]:
    """Memory that a worker shares with nobody, once it has answered all the questions."""
    with servers.portdip(asked.store, asked.folder, asked.first, 2, set(servers.CORES)) as server:
        for protocol, datagrams in (("enum", asked.enum), ("pdb", asked.pdb)):
            askers.by_asker(asked.asker, server, protocol, datagrams, 5.0, 2 * _SOCKETS_PER_WORKER)
        askers.by_http(server, asked.numbers, 2.0)
        workers = [_private_bytes(pid) / 1e6 for pid in server.processes()[1:]]
    name = f"private memory of a worker, {size.numbers / 1e6:g} M"
    return [Figure(name, max(workers), "MB", 80, detail={"workers": workers})]


def _private_bytes(pid: int) -> int:
    """Unique set size."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
