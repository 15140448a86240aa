"""What asks servers: dnsperf, datagrams in batches, Redis commands, HTTP over kept connections, curl with a stream."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .servers import APEX, CLIENT_CORE, Server, pinned

Numbers = npt.NDArray[np.uint64]
MEDIA_TYPE = "application/vnd.apache.arrow.stream"
_NAPTR, _IN = 35, 1
#: Numbers in a record batch of an Arrow stream.
_ROWS = 65_536


@dataclass(frozen=True)
class Run:
    """What came of one run: answers, the server's CPU microseconds for each, and answers a second."""

    answered: int
    cpu_us: float
    rate: float
    reply_bytes: int = 0


def reversed_name(number: int) -> str:
    """A number's name below the apex.

    >>> reversed_name(8613)
    '3.1.6.8.e164.arpa'
    """
    return ".".join(reversed(str(number))) + f".{APEX}"


def enum_query(number: int, asked: int = 0) -> bytes:
    """A NAPTR query without EDNS."""
    labels = reversed_name(number).split(".")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    header = asked.to_bytes(2) + bytes([0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    return header + name + _NAPTR.to_bytes(2) + _IN.to_bytes(2)


def pdb_query(number: int, asked: int = 0) -> bytes:
    """A request of version 1."""
    digits = str(number).encode() + b"\0"
    return bytes([1, 0, 0, 6 + len(digits)]) + asked.to_bytes(2) + digits


def write_datagrams(datagrams: Iterable[bytes], path: Path) -> Path:
    """The file that `asker` reads."""
    path.write_bytes(b"".join(len(one).to_bytes(2, sys.byteorder) + one for one in datagrams))
    return path


def resp(*words: str) -> bytes:
    """A command of Redis.

    >>> resp("GET", "8613")
    b'*2\\r\\n$3\\r\\nGET\\r\\n$4\\r\\n8613\\r\\n'
    """
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in words)])


def write_stream(numbers: Numbers, path: Path) -> Path:
    """An Arrow IPC stream of the numbers."""
    column = pa.table({"number": numbers})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, column.schema) as writer:
        writer.write_table(column, max_chunksize=_ROWS)
    return path


def _printed(command: list[str | Path]) -> str:
    return subprocess.run(pinned(CLIENT_CORE, command), check=True, capture_output=True, text=True).stdout


def by_dnsperf(server: Server, questions: Path, seconds: float) -> Run:
    """Ask from 8 sockets, with 100 queries under way."""
    port = str(server.ports.get("enum", server.ports.get("udp")))
    before = server.cpu_total()
    options = ["-d", str(questions), "-l", f"{seconds:g}", "-q", "100", "-c", "8", "-T", "1"]
    said = _printed(["dnsperf", "-s", "127.0.0.1", "-p", port, *options])
    taken = server.cpu_total() - before
    completed = int(re.search(r"Queries completed: +(\d+)", said)[1])
    size = int(re.search(r"response (\d+)", said)[1])
    return Run(completed, taken / completed * 1e6, completed / seconds, size)


def by_asker(
    asker: Path,
    server: Server,
    protocol: str,
    datagrams: Path,
    seconds: float,
    sockets: int = 1,
    cores: set[int] = CLIENT_CORE,
) -> Run:
    """Ask by datagrams: from each socket 64 are under way, sent and received together."""
    port = str(server.ports.get(protocol, server.ports.get("udp")))
    before = server.cpu_total()
    command = pinned(cores, [asker, port, f"{seconds:g}", "64", datagrams])
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(sockets)]
    answered = sum(int(one.communicate()[0].split()[1]) for one in running)
    taken = server.cpu_total() - before
    return Run(answered, taken / answered * 1e6, answered / seconds)


def one_by_one(asker: Path, server: Server, protocol: str, datagrams: Path, seconds: float) -> tuple[int, int]:
    """Median and 99th percentile of the nanoseconds until an answer, one query under way."""
    port = str(server.ports[protocol])
    median, slow = _printed([asker, port, f"{seconds:g}", "1", datagrams]).split()[2:]
    return int(median), int(slow)


def by_http(server: Server, numbers: Path, seconds: float, connections: int = 32) -> Run:
    """Ask for single dips over connections that are kept, with one under way on each."""
    before = server.cpu_total()
    port = str(server.ports["http"])
    said = _printed([sys.executable, "-m", "benchmarks.http_asker", port, f"{seconds:g}", str(connections), numbers])
    taken = server.cpu_total() - before
    return Run(int(said), taken / int(said) * 1e6, int(said) / seconds)


def by_resp(
    asker: Path, server: Server, commands: Path, seconds: float, connections: int, pipeline: int
) -> tuple[Run, int]:
    """Ask a Redis with so many commands under way on each connection; with the median nanoseconds of a turn."""
    before = server.cpu_total()
    port = str(server.ports["redis"])
    said = _printed([asker, port, f"{seconds:g}", str(connections), str(pipeline), commands]).split()
    answered = int(said[1])
    return Run(answered, (server.cpu_total() - before) / answered * 1e6, answered / seconds), int(said[2])


def by_curl(server: Server, stream: Path, count: int) -> Run:
    """Send an Arrow stream of so many numbers with curl, which takes the answer meanwhile."""
    before = server.cpu_total()
    url = f"http://127.0.0.1:{server.ports['http']}/v1/dips"
    form = "%{http_code} %{time_total} %{size_download}"
    said = _printed(
        [
            "curl",
            "-sS",
            "-X",
            "POST",
            "-H",
            f"content-type: {MEDIA_TYPE}",
            "-T",
            stream,
            "-o",
            "/dev/null",
            "-w",
            form,
            url,
        ]
    )
    code, seconds, size = said.split()
    assert code == "200", said
    assert int(size) > count, "every number has an answer"
    return Run(count, (server.cpu_total() - before) / count * 1e6, count / float(seconds))
