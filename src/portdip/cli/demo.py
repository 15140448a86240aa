"""The verb `demo`: everything once, on the real Chinese numbering plan and synthetic ported numbers."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from portdip.exchange.population import Plan
    from portdip.intervals import Numbers
    from portdip.lookup.engine import Engine
    from portdip.table.snapshot import Snapshot
    from portdip.table.store import Store

_DATASET = "demo"
_SEED = 1
_PORTED = 2_000_000
_CALLS = 1_000_000
#: Ports published as a delta when the store is there.
_MOVED = 10_000
#: Inside the country code and outside every segment.
_UNALLOCATED = 8612345678901


def demo(
    directory: Annotated[Path, typer.Argument(help="Where to build it.", metavar="[DIR]")] = Path("demo"),
) -> None:
    """Build a store from the Chinese numbering plan and 2 million synthetic ported numbers, and use it.

    The directory may be one that does not exist, is empty, or was made by an earlier demo.
    """
    import numpy as np

    from portdip import open_engine
    from portdip.batch.annotate import annotate_file
    from portdip.cli import _terminal
    from portdip.exchange import population
    from portdip.exchange.feeds.options import Options
    from portdip.lookup.load import import_feed, init_store
    from portdip.table.store import Store

    console = _terminal.output()
    store, ported = directory / "store", directory / "ported.parquet"
    calls, routed = directory / "calls.parquet", directory / "calls-routed.parquet"
    _clear(directory, store)
    with _steps(console) as step:
        with step("read the Chinese plan") as done:
            init_store(store, _DATASET)
            report = import_feed(store, "phone-cn", [], Options(), _unheard)
            done(f"{report.taken:,} segments of 10,000 numbers")
        with step("draw ported numbers") as done:
            plan = population.plan("cn")
            chunks = list(population.draw(plan, _PORTED, _SEED))
            population.write(plan, chunks, ported)
            done(f"{_PORTED:,} numbers")
        with step("build the store") as done:
            report = import_feed(store, "parquet", [ported], Options(), _unheard)
            done(f"{report.taken / report.seconds:,.0f} numbers/s")
        with step("open the engine") as done:
            engine = open_engine(store)
            bytes_each = engine.index.nbytes / len(engine.index)
            done(f"{engine.index.nbytes / 1e6:.1f} MB, {bytes_each:.1f} bytes a number")
        numbers = np.concatenate([chunk.numbers for chunk in chunks])
        with step("make call records") as done:
            _write_calls(calls, numbers, plan)
            done(f"{_CALLS:,} in Parquet")
        with step("annotate the call records") as done:
            began = time.perf_counter()
            annotate_file(engine, calls, routed, "called_number")
            done(f"{_CALLS / (time.perf_counter() - began):,.0f} records/s")
        with step("publish signed ports") as done:
            moved = _publish(Store.open(store), numbers)
            done(f"{moved:,} ports in one delta of {_last_delta(store):,} bytes")
        with step("answer from them") as done:
            began = time.perf_counter()
            engine.refresh()
            done(f"{moved:,} changes in {(time.perf_counter() - began) * 1e3:.1f} ms, sequence {engine.sequence}")

    returned = next(int(chunk.returned[0]) for chunk in chunks if len(chunk.returned))
    examples = _examples(engine, Store.open(store).current(), plan, numbers, returned)
    _print_dips(console, engine, examples)
    _print_port(console, store, int(examples["never ported"]) + 1)
    _print_speed(console, engine, numbers, plan)
    _print_next(console, store, calls, examples["ported"])


def _publish(store: Store, ported: Numbers) -> int:
    """Make the dataset a signed one and port a few numbers on; how many."""
    moved = ported[:: max(len(ported) // _MOVED, 1)].tolist()
    with store.writer() as writer:
        writer.trust_key(writer.key_ring.make().public, owner="demo")
        writer.publish()
        for number in moved:
            writer.port(number, "CBN", "0D01")
    return len(moved)


def _last_delta(store: Path) -> int:
    """The size of the newest delta, in bytes."""
    from portdip.table.store import Store

    chain = Store.open(store).chain
    return chain.file(chain.head.sequence).stat().st_size


def _unheard(count: int, share: float | None) -> None:
    """A step shows no progress of its own."""


def _clear(directory: Path, store: Path) -> None:
    """Make room for a demo; StoreError where something else is in the directory."""
    from portdip import files
    from portdip.errors import StoreError
    from portdip.table.store import Store

    if directory.exists() and any(directory.iterdir()):
        try:
            ours = Store.open(store).dataset == _DATASET
        except StoreError:
            ours = False
        if not ours:
            raise StoreError(
                "something other than a demo is in this directory",
                where=str(directory),
                fix="Name another: portdip demo DIR.",
            )
        files.remove_directory(store)
    files.make_directory(directory)


def _write_calls(path: Path, ported: Numbers, plan: Plan) -> None:
    """Call records: half to ported numbers, most others to native ones, some to none that exists."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from portdip import files

    random = np.random.default_rng(_SEED)
    called = _questions(_CALLS, ported, plan)
    called[random.random(_CALLS) < 0.01] = _UNALLOCATED
    withheld = pa.array(random.random(_CALLS) < 0.005)
    seconds = random.exponential(150, _CALLS).astype(np.int32)
    table = pa.table(
        {
            "started": pa.array(np.datetime64("2025-12-01", "ms") + np.sort(random.integers(0, 86_400_000, _CALLS))),
            "calling_number": pa.array(_questions(_CALLS, ported, plan)).cast(pa.string()),
            "called_number": pc.if_else(withheld, "anonymous", pa.array(called).cast(pa.string())),
            "seconds": seconds,
        }
    )
    with files.replacing(path) as file:
        pq.write_table(table, file)


def _questions(count: int, ported: Numbers, plan: Plan) -> Numbers:
    """Numbers at random, half of them ported, half from anywhere in the plan; the same in every demo."""
    import numpy as np

    random = np.random.default_rng([_SEED, count])
    anywhere = random.choice(plan.first, count) + random.integers(0, 10_000, count, dtype=np.uint64)
    return np.where(random.random(count) < 0.5, random.choice(ported, count), anywhere)


def _examples(engine: Engine, snapshot: Snapshot, plan: Plan, ported: Numbers, returned: int) -> dict[str, str]:
    """One number of each kind, by what it is."""

    def left_its_range_holder(number: int) -> bool:
        record = snapshot.record(number)
        return record is not None and record.donor == engine.dip(number).range_holder

    some = ported[len(ported) // 2 :].tolist()
    segment = int(plan.first[len(plan.first) // 2])
    numbers = {
        "ported": next(number for number in some if left_its_range_holder(number)),
        "ported twice": next(number for number in some if not left_its_range_holder(number)),
        "ported and back": returned,
        "never ported": next(number for number in range(segment, segment + 10_000) if number not in engine.index),
        "of a reseller": int(plan.first[plan.weight == 0][0]),
        "not allocated": _UNALLOCATED,
    }
    return {kind: f"+{number}" for kind, number in numbers.items()} | {"no number": "+86 138 OOPS"}


def _print_dips(console: Console, engine: Engine, examples: dict[str, str]) -> None:
    from portdip.cli.dip import STYLES

    table = _table(console, "number", "which is", "status", "carrier", "route", "holder")
    for kind, text in examples.items():
        dip = engine.dip(text)
        table.add_row(
            text,
            kind,
            f"[{STYLES[dip.status]}]{dip.status}[/]",
            dip.carrier.id if dip.carrier else "",
            dip.routing_number,
            dip.range_holder.id if dip.range_holder else "",
        )
    console.print("", table)


def _print_port(console: Console, store: Path, number: int) -> None:
    """Port the number, by a clock that is set back to shortly before the full hour, and show each step."""
    from portdip.cli._demo_port import port_one

    table = _table(console, "time", "step", "what came of it", "the dip then")
    for row in port_one(store, number):
        table.add_row(*row)
    console.print(
        f"\n+{number} is ported, by the rules of the profile cn and a clock that nears the full hour:\n", table
    )


def _print_speed(console: Console, engine: Engine, ported: Numbers, plan: Plan) -> None:
    """Dips per second of each way to ask, on one thread."""
    import pyarrow as pa
    from rich.text import Text

    batch = _questions(_CALLS, ported, plan)
    singles = batch[:100_000].tolist()
    texts = pa.array(batch).cast(pa.string())
    index = engine.index
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "engine.dip(number)": (len(singles), lambda: [engine.dip(number) for number in singles]),
        "engine.index[number]": (len(singles), lambda: [index[number] for number in singles]),
        "engine.annotate(strings)": (len(texts), lambda: engine.annotate(texts)),
        "engine.route_codes(integers)": (len(batch), lambda: engine.route_codes(batch)),
    }
    table = _table(console, "one thread", "dips/s", "each")
    for column in table.columns[1:]:
        column.justify = "right"
    for way, (count, ask) in ways.items():
        seconds = min(_seconds(ask) for _ in range(3))
        table.add_row(Text(way), f"{count / seconds:,.0f}", f"{seconds / count * 1e9:,.0f} ns")
    console.print("", table)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _print_next(console: Console, store: Path, calls: Path, number: str) -> None:
    """Commands to try, as they work in this directory."""
    program = "portdip" if shutil.which("portdip") else sys.argv[0]
    place, records = shlex.quote(str(store)), shlex.quote(str(calls))
    again = shlex.quote(str(calls.with_name("again.arrow")))
    console.print("\nTry next:")
    for line in (
        f"{program} dip {place} {number}",
        f"{program} explain {place} {number}",
        f"{program} history {place} {number}",
        f"{program} status {place}",
        f"{program} inspect {place}",
        f"{program} annotate {place} {records} {again} --column called_number",
        f"{program} generate more.parquet --plan cn --numbers 1000000 --seed 2",
    ):
        console.print(f"  {line}", markup=False, soft_wrap=True)


@contextlib.contextmanager
def _steps(console: Console) -> Iterator[Callable[[str], contextlib.AbstractContextManager[Callable[[str], None]]]]:
    """A table that grows by a row with each step; the block around a step says what came of it."""
    from rich.console import Group
    from rich.live import Live
    from rich.spinner import Spinner

    table = _table(console, "step", "what came of it", "seconds")
    table.columns[-1].justify = "right"

    with Live(table, console=console) as live:

        @contextlib.contextmanager
        def step(what: str) -> Iterator[Callable[[str], None]]:
            results: list[str] = []
            live.update(Group(table, Spinner("dots", f" {what}")))
            began = time.perf_counter()
            yield results.append
            table.add_row(what, *results, f"{time.perf_counter() - began:.1f}")
            live.update(table)

        yield step
    if not console.is_terminal:
        console.print()


def _table(console: Console, *columns: str) -> Table:
    """A table with lines on a terminal, and without elsewhere."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
