"""All peers in one run: started and checked one after the other, then measured in turns."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import populations, servers
from ..asked import Asked, prepare
from ..figure import Figure, Size, Times, in_turns, ratio
from ..populations import Columns, columns, questions
from .hosted import Hosted, Question
from .name_server import NameServer
from .peer import Codes, Numbers
from .portdip_index import PortdipIndex
from .portdip_served import PortdipServed
from .redis_server import RedisServer
from .result import Row
from .service import Answer, Service, Way

#: Modules of the peers that answer in the process of who asks.
_INSIDE = [
    "portdip_index",
    "dictionary",
    "numpy_search",
    "pandas_index",
    "polars_join",
    "duckdb_join",
    "cykhash_map",
    "lmdb_store",
    "sqlite_table",
    "marisa",
]
_SERVED: list[Service] = [PortdipServed(), NameServer("knotd", "Knot"), NameServer("nsd", "NSD"), RedisServer()]
#: More would take a name server gigabytes, and minutes to load.
_SERVED_MAX = 1_000_000
_CHECKED = 1000
_ONE, _MANY = " one", " many"


class _Pace(NamedTuple):
    """Seconds that a measurement takes, in a process and of a server."""

    inside: float
    served: float


class _Started(NamedTuple):
    """A peer that answers: its row, and how to ask it."""

    row: Row
    way: Way


def figures(size: Size) -> list[Figure]:
    pace = _Pace(0.2, 1.0) if size.numbers >= _SERVED_MAX else _Pace(0.01, 0.05)
    missing: list[str] = []
    with ExitStack() as stack:
        started = [*_start_inside(stack, size, pace, missing), *_start_served(stack, size, pace, missing)]
        candidates = {
            row.peer + kind: run
            for row, way in started
            for kind, run in zip((_ONE, _MANY), way, strict=True)
            if run is not None
        }
        times = in_turns(candidates, size.rounds)
    rows = [
        replace(row, one_ns=_median(times, row.peer + _ONE), many_ns=_median(times, row.peer + _MANY))
        for row, _ in started
    ]
    return [
        Figure("peers that are not installed", len(missing), "", 0, detail={"missing": missing}),
        *_ratios(rows, times),
        *(Figure(row.peer, row.many_ns or row.one_ns or 0.0, "ns", detail={"row": asdict(row)}) for row in rows),
    ]


def _start_inside(stack: ExitStack, size: Size, pace: _Pace, missing: list[str]) -> Iterator[_Started]:
    """Build the peers that answer in a process, one after the other; packages that are `missing` are added there."""
    drawn = columns("cn", size.numbers, 0.16)
    folder = populations.CACHE / f"peers-{size.numbers}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    stack.callback(shutil.rmtree, folder)
    question = _write(drawn, questions(drawn, size.questions), folder)
    (core,) = servers.CLIENT_CORE
    hosted = {module: Hosted(module, core, pace.inside) for module in _INSIDE}
    for one in hosted.values():
        stack.callback(one.close)
    for module, peer in hosted.items():
        try:
            peer.imported.result()
        except ModuleNotFoundError as error:
            missing.append(str(error.name))
            continue
        built = peer.build(question, folder / module)
        row = Row(built.name, False, size.numbers, None, None, built.bytes_per_number, built.seconds, built.lacks)
        yield _Started(row, Way(peer.one, peer.many))


def _start_served(stack: ExitStack, size: Size, pace: _Pace, missing: list[str]) -> Iterator[_Started]:
    """Start the servers and check some of their answers; programs that are `missing` are added there."""
    smaller = replace(size, numbers=min(size.numbers, _SERVED_MAX))
    asked = prepare(columns("cn", smaller.numbers, 0.16), smaller)
    answers = _answers(asked)
    for service in _SERVED:
        absent = [program for program in service.programs if shutil.which(program) is None]
        if absent:
            missing += absent
            continue
        server, seconds, bytes_per_number = stack.enter_context(service.started(asked))
        service.check(server, asked, answers)
        lacks = tuple(map(str, service.lacks))
        for name, way in service.ways(server, asked, pace.served).items():
            yield _Started(Row(name, True, smaller.numbers, None, None, bytes_per_number, seconds, lacks), way)


def _write(drawn: Columns, asked: Numbers, folder: Path) -> Question:
    """The questions, and what their answers must be: searched in the columns."""
    own, of_range = _codes(drawn, asked)
    arrays = {"ranges": drawn.ranges, "asked": asked, "own": own, "all": np.where(own, own, of_range)}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    columns_of = (Path(str(column.filename)).absolute() for column in (drawn.numbers, drawn.codes))
    return Question(*columns_of, *(folder / f"{name}.npy" for name in arrays))


def _codes(drawn: Columns, asked: Numbers) -> tuple[Codes, Codes]:
    """The code of each number's own entry, and that of its range; 0 for none."""
    places = np.minimum(np.searchsorted(drawn.numbers, asked), len(drawn.numbers) - 1)
    own = np.where(drawn.numbers[places] == asked, drawn.codes[places], 0).astype(np.uint16)
    ranges = drawn.ranges[np.argsort(drawn.ranges[:, 0])]
    around = ranges[np.searchsorted(ranges[:, 0], asked, "right") - 1]
    return own, np.where((around[:, 0] <= asked) & (asked <= around[:, 1]), around[:, 2], 0).astype(np.uint16)


def _answers(asked: Asked) -> list[Answer]:
    """What some of the questions must be answered with."""
    numbers = asked.questions[:_CHECKED]
    routes = asked.drawn.plan.routes
    return [
        Answer(number, routes[own - 1] if own else None, routes[of_range - 1])
        for number, own, of_range in zip(
            numbers.tolist(), *(codes.tolist() for codes in _codes(asked.drawn, numbers)), strict=True
        )
    ]


def _median(times: Times, name: str) -> float | None:
    return statistics.median(times[name]) if name in times else None


def _ratios(rows: list[Row], times: Times) -> list[Figure]:
    """Ours against the best peer of each kind, whichever that is."""
    inside = [row for row in rows if not row.served and row.peer != PortdipIndex.name]
    (ours,) = (row for row in rows if row.peer == PortdipIndex.name)
    found = []
    for way, name, bar in ((_ONE, "one by one", 2.0), (_MANY, "in a batch", 4.0)):
        best, peer = min((ratio(times, row.peer + way, PortdipIndex.name + way), row.peer) for row in inside)
        found.append(Figure(f"fastest peer over portdip, {name}", best, "x", bar, "at least", {"peer": peer}))
    size, peer = min((row.bytes_per_number / ours.bytes_per_number, row.peer) for row in inside)
    found.append(Figure("smallest peer over portdip, bytes a number", size, "x", 1.5, "at least", {"peer": peer}))
    return found
