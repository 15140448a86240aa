"""The porting layer: the burst of the full hour, moves a second, one number's file among millions.

Whole simulated days are a group of their own, `benchmarks.porting_days`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import portdip
from portdip.lookup.load import init_store
from portdip.porting import audit, profile
from portdip.porting.actor import Actor, Role
from portdip.porting.clock import VirtualClock
from portdip.porting.cutover import CutOver
from portdip.porting.database import Database
from portdip.porting.orders import Order, Orders
from portdip.porting.publisher import Publisher
from portdip.porting.states import Act

from .figure import Figure, Size, ratio
from .populations import CACHE

CENTRE = Actor("benchmark", Role.CENTRE)
FIRST = 8610000000000
#: Orders due at one instant.
BURST = 20_000
#: How often a desk does something beside the burst, in seconds.
DESK_PAUSE = 0.02
_TOGETHER = 1_000
#: Moves, and commits, of one round.
MOVES = 500


def figures(size: Size) -> list[Figure]:
    smoke = size.questions < 10_000
    path = CACHE / "porting"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    rounds = 1 if smoke else 4 * size.rounds
    try:
        return told(
            _burst(path / "burst", 200 if smoke else BURST),
            _moves("SQLite", f"sqlite:///{path / 'moves.db'}", _sqlite_commits(path / "bare.db"), rounds),
            _moves_on_postgresql(rounds),
            _file(path / "file.db", size.numbers // 100 if smoke else size.numbers),
        )
    finally:
        shutil.rmtree(path)


def told(*measured: Iterator[Figure]) -> list[Figure]:
    """All figures, each printed as soon as it is measured: the whole takes long."""
    found = []
    for figure in chain.from_iterable(measured):
        print(f"{figure.name}: {figure.value:.3g} {figure.unit} {figure.detail or ''}", flush=True)
        found.append(figure)
    return found


def _orders() -> Orders:
    return Orders(profile.load_all())


def _open(tx: Any, orders: Orders, offset: int) -> Order:
    values = {"donor": "CMCC", "recipient": "CUCC", "routing_number": "0B17", "range_holder": "CMCC"}
    return orders.open(tx, CENTRE, "benchmark", profile="cn", number=FIRST + offset, **values)


def _burst(path: Path, count: int) -> Iterator[Figure]:
    """From the instant at which orders are due to the last of them answered elsewhere, with a desk at work beside."""
    store = init_store(path, "benchmark")
    url, orders = f"sqlite:///{path / 'porting.db'}", _orders()
    with Database.open(url) as database:
        for first in range(0, count, _TOGETHER):
            with database.transaction() as tx:
                made = [_open(tx, orders, offset) for offset in range(first, min(first + _TOGETHER, count))]
                made = orders.move_all(tx, [(order, {}) for order in made], Act.AUTHORIZE, CENTRE, "benchmark")
                orders.move_all(tx, [(order, {"slot": tx.now}) for order in made], Act.SCHEDULE, CENTRE, "benchmark")
        context = multiprocessing.get_context("spawn")
        answered, desk = context.Queue(), context.Queue()
        stop = context.Event()
        processes = [
            context.Process(target=_answer, args=(path, count, answered)),
            context.Process(target=_work_at_a_desk, args=(url, count, desk, stop)),
        ]
        for process in processes:
            process.start()
        answered.get(), desk.get()
        cut_over = CutOver(database, orders, Publisher(database, store.writer), timedelta(minutes=15))
        began = time.monotonic()
        progress = cut_over.step()
        stepped = time.monotonic() - began
        assert progress.begun == progress.arrived == count
        seconds = answered.get() - began
        stop.set()
        times = desk.get()
        for process in processes:
            process.join()
    p99 = statistics.quantiles(times, n=100)[-1] if len(times) > 1 else times[0]
    detail = {
        "until_all_active_s": stepped,
        "desk_transactions": len(times),
        "desk_median_ms": statistics.median(times) * 1e3,
    }
    yield Figure(
        f"{count:,} orders due at once: instant to answered by a following engine", seconds, "s", 5.0, detail=detail
    )
    yield Figure(f"p99 of a desk's transactions beside {count:,} orders", p99 * 1e3, "ms", 200.0)


def _answer(path: Path, count: int, tell: Any) -> None:
    """Say when the last of the numbers is answered with its new carrier."""
    with portdip.open_engine(path, live=True) as engine:
        engine.dip(FIRST)
        tell.put("ready")
        probes = [FIRST + offset for offset in range(0, count, max(count // 100, 1))] + [FIRST + count - 1]
        while probes:
            carrier = engine.dip(probes[-1]).carrier
            if carrier is not None and carrier.id == "CUCC":
                probes.pop()
            else:
                time.sleep(0.001)
        tell.put(time.monotonic())


def _work_at_a_desk(url: str, count: int, tell: Any, stop: Any) -> None:
    """Look a number up, open an order for it and move it, over and over; how long each time took, in seconds."""
    orders, times = _orders(), []
    with Database.open(url) as database:
        tell.put("ready")
        offset = count
        while not stop.is_set() or not times:
            offset += 1
            began = time.monotonic()
            with database.transaction() as tx:
                assert orders.open_of(tx, FIRST + offset) is None
                orders.move(tx, _open(tx, orders, offset), Act.QUERY, CENTRE, "benchmark")
            times.append(time.monotonic() - began)
            time.sleep(DESK_PAUSE)
    tell.put(times)


def _moves(name: str, url: str, commits: Callable[[int], None], rounds: int) -> Iterator[Figure]:
    """Moves of the layer against commits of the same database that change one row and do nothing else."""
    count = MOVES if rounds > 1 else MOVES // 10
    times: dict[str, list[float]] = {"moves": [], "commits": []}
    layer = _orders()
    with Database.open(url) as database:
        with database.transaction() as tx:
            order = layer.move(tx, _open(tx, layer, 0), Act.QUERY, CENTRE, "benchmark")
        for counted in [False, *[True] * rounds]:
            began = time.perf_counter()
            for _ in range(count):
                with database.transaction() as tx:
                    order = layer.move(tx, order, Act.QUERY, CENTRE, "benchmark")
            moved = time.perf_counter()
            commits(count)
            if counted:
                times["moves"].append(moved - began)
                times["commits"].append(time.perf_counter() - moved)
    detail = {what: round(count / statistics.median(taken)) for what, taken in times.items()}
    share = ratio(times, "commits", "moves")
    yield Figure(f"moves over bare commits, {name}", share, "x", 0.25, "at least", detail)


def _sqlite_commits(path: Path) -> Callable[[int], None]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE one (count INTEGER)")
    connection.execute("INSERT INTO one VALUES (0)")

    def commits(count: int) -> None:
        for _ in range(count):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE one SET count = count + 1")
            connection.execute("COMMIT")

    return commits


def _moves_on_postgresql(rounds: int) -> Iterator[Figure]:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")):
        return
    import psycopg

    with _postgresql() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (count INTEGER)")
        connection.execute("INSERT INTO one VALUES (0)")

        def commits(count: int) -> None:
            for _ in range(count):
                with connection.transaction():
                    connection.execute("UPDATE one SET count = count + 1")

        yield from _moves("PostgreSQL", url, commits, rounds)


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    """A server of its own that waits for the disk, as one in service does."""
    from tests.porting.postgresql import owner, run

    directory, user = Path(tempfile.mkdtemp(prefix="portdip-pg-")), owner()
    shutil.chown(directory, user)
    data = directory / "data"
    try:
        run(user, "initdb", "-D", data, "-U", "portdip", "--auth=trust", "--encoding=UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c unix_socket_directories='{directory}'"
        run(user, "pg_ctl", "-D", data, "-w", "-l", directory / "log", "-o", options, "start")
        try:
            yield f"postgresql://portdip@/postgres?host={directory}"
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                run(user, "pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _file(path: Path, count: int) -> Iterator[Figure]:
    """All orders and audit records of one number, among `count` orders, against one read by primary key."""
    clock, orders = VirtualClock(datetime(2026, 6, 1, tzinfo=UTC)), _orders()
    with Database.open(f"sqlite:///{path}", clock) as database, database.transaction() as tx:
        for _ in range(3):
            order = orders.move(tx, _open(tx, orders, 0), Act.QUERY, CENTRE, "benchmark")
            order = orders.move(tx, order, Act.CANCEL, CENTRE, "benchmark")
    _fill(path, count)
    with Database.open(f"sqlite:///{path}", clock) as database:
        reads, files = [], []
        with database.reading() as connection:
            for turn in range(200):
                began = time.perf_counter()
                connection.exec_driver_sql("SELECT * FROM orders WHERE id = ?", (turn * count // 200 + 1,)).one()
                read = time.perf_counter()
                found = orders.of_number(connection, FIRST)
                records = [record for one in found for record in audit.of_subject(connection, one.reference)]
                files.append(time.perf_counter() - read)
                reads.append(read - began)
            assert (len(found), len(records)) == (3, 9)
    taken = statistics.median(files) / statistics.median(reads)
    detail = {"read_us": statistics.median(reads) * 1e6, "file_us": statistics.median(files) * 1e6}
    yield Figure(
        f"one number's file over a read by primary key, {count / 1e6:g} M orders", taken, "x", 10.0, detail=detail
    )


def _fill(path: Path, count: int) -> None:
    """Copies of the first order under other ids, numbers and references, straight into the table."""
    connection = sqlite3.connect(path)
    names = [row[1] for row in connection.execute("PRAGMA table_info(orders)")]
    last = connection.execute("SELECT max(id) FROM orders").fetchone()[0]
    changed = {"id": "n", "number": f"{FIRST} + n", "reference": "printf('filled %010d', n)"}
    columns = ", ".join(changed.get(name, name) for name in names)
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000")
    connection.execute(
        f"INSERT INTO orders WITH RECURSIVE count(n) AS (SELECT {last + 1} UNION ALL SELECT n + 1 FROM count"
        f" WHERE n < {last + count}) SELECT {columns} FROM count, (SELECT * FROM orders WHERE id = 1)"
    )
    connection.commit()
    connection.close()
