"""The scenarios: each thing portdip does to a store, over a table small enough to be done thousands of times."""

from __future__ import annotations

import contextlib
import functools
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np

from portdip import files
from portdip.errors import PortdipError
from portdip.exchange.feeds.options import Options
from portdip.exchange.location import LocalLocation
from portdip.lookup.engine import open_engine
from portdip.lookup.load import fold, import_feed, init_store, write_image
from portdip.lookup.verify import verify
from portdip.route import Status
from portdip.table.backup import Backup
from portdip.table.restore import restore
from portdip.table.store import Store
from tests.faults.canaries import CANARIES
from tests.faults.nodes import NODES
from tests.faults.scenario import NOTHING, Acknowledge, Scenario, scratch

#: Number -> (carrier, routing number).
Ported = dict[int, tuple[str, str]]

_NUMBERS = range(8613800000000, 8613800025000, 10)
#: How many of them are ported at first, and at each step.
_BASE, _STEP = 2_000, 50
_SEED = "seed"


def ports(path: Path, sequence: int, count: int) -> Ported:
    """The `count` numbers ported at `sequence`, drawn from 2,500 by the seed that lasts at `path`."""
    return _drawn((path / _SEED).read_text(), sequence, count)


@functools.cache
def _drawn(seed: str, sequence: int, count: int) -> Ported:
    chance = random.Random(f"{seed} {sequence}")
    numbers = chance.sample(_NUMBERS, count)
    return {number: (chance.choice("ABCDE"), f"D{chance.randrange(10)}") for number in numbers}


def served(store: Path, table: Callable[[int], Ported]) -> int:
    """The sequence that the store serves, once all of it is verified and every number answers as in `table` of it."""
    assert list(verify(store))
    engine = open_engine(store)
    expected = table(engine.sequence)
    codes = engine.route_codes(np.array(_NUMBERS, dtype=np.uint64)).tolist()
    routes = {code: (route.carrier.id, route.routing_number) for code, route in engine.routes.items()}
    answers = {number: routes[code] for number, code in zip(_NUMBERS, codes, strict=True) if code}
    assert answers == expected, f"the answers are not those of sequence {engine.sequence}"
    for number in (_NUMBERS[0], _NUMBERS[1], _NUMBERS[2]):
        dip = engine.dip(number)
        assert (dip.status is Status.PORTED) == (number in expected)
        assert dip.sequence == engine.sequence
    return engine.sequence


def write_ports(path: Path, sequence: int, count: int) -> None:
    """Put the numbers ported at `sequence` beside the store, as CSV."""
    rows = (f"{number},{carrier},{digits}" for number, (carrier, digits) in ports(path, sequence, count).items())
    (path / f"{sequence}.csv").write_text("\n".join(["number,carrier,routing_number", *rows, ""]))


def bring(path: Path, store: Path, sequence: int) -> None:
    """Import what `write_ports` has put beside the store."""
    report = import_feed(store, "csv", [path / f"{sequence}.csv"], Options(), lambda count, share: None)
    assert report.sequence == sequence


def _files() -> Scenario:
    """What `portdip.files` does, without a store: files that appear, are replaced and go, and directories."""

    def content(sequence: int) -> bytes:
        return random.Random(sequence).randbytes(10_000)

    def step(path: Path, sequence: int) -> None:
        part, directory = path / f"{sequence}.part", path / str(sequence)
        with contextlib.suppress(FileExistsError):
            files.write_new(part, content(sequence))
        files.remove_directory(directory)
        with files.new_directory(directory) as made, files.create(made / "inside") as file:
            file.write(content(sequence))
        with files.locked(path / "lock"):
            files.write(path / "CURRENT", str(sequence).encode())
        with contextlib.suppress(OSError):
            for name in files.names(path):
                if name.endswith(".part") and name != part.name:
                    files.remove(path / name)

    def prepare(path: Path, chance: random.Random) -> int:
        step(path, 1)
        return 1

    def run(path: Path, acknowledge: Acknowledge) -> None:
        while (sequence := int(files.read_bytes(path / "CURRENT"))) < 3:
            step(path, sequence + 1)
            acknowledge(sequence + 1)
        acknowledge(3)

    def check(path: Path, acknowledged: int) -> int:
        sequence = int((path / "CURRENT").read_bytes())
        assert sequence >= acknowledged
        for place in (path / f"{sequence}.part", path / str(sequence) / "inside"):
            assert place.read_bytes() == content(sequence), place
        return sequence

    return Scenario(prepare, run, check, lambda path: step(path, 4))


def _init() -> Scenario:
    """A new store, below directories that are new too."""

    def place(path: Path) -> Path:
        return path / "in" / "a" / "new" / "store"

    def run(path: Path, acknowledge: Acknowledge) -> None:
        if not place(path).exists():
            init_store(place(path), "test")
        acknowledge(0)

    def check(path: Path, acknowledged: int) -> int:
        if acknowledged == NOTHING and not place(path).exists():
            return NOTHING
        return served(place(path), lambda sequence: {})

    def prepare(path: Path, chance: random.Random) -> int:
        (path / _SEED).write_text("")
        write_ports(path, 1, _STEP)
        return NOTHING

    return Scenario(prepare, run, check, lambda path: bring(path, place(path), 1))


def _prepare(path: Path, chance: random.Random, last: int) -> int:
    """A store with 2,000 numbers, sequence 1, and beside it what is ported at each sequence up to `last`."""
    (path / _SEED).write_text(str(chance.random()))
    write_ports(path, 1, _BASE)
    for sequence in range(2, last + 1):
        write_ports(path, sequence, _STEP)
    init_store(path / "store", "test")
    bring(path, path / "store", 1)
    return 1


def _table(path: Path, sequence: int) -> Ported:
    """What is ported once all of `sequence` is."""
    ported: Ported = {}
    for step in range(1, sequence + 1):
        ported |= ports(path, step, _BASE if step == 1 else _STEP)
    return ported


def _check(path: Path, acknowledged: int) -> int:
    """The sequence served, which is `acknowledged` or later."""
    sequence = served(path / "store", lambda sequence: _table(path, sequence))
    assert sequence >= acknowledged
    return sequence


def _steps(step: Callable[[Path, int], None], last: int) -> Scenario:
    """Over a store with 2,000 numbers, `step(path, sequence)` brings 50 more for each sequence, up to `last`."""

    def run(path: Path, acknowledge: Acknowledge) -> None:
        while (sequence := open_engine(path / "store").sequence) < last:
            step(path, sequence + 1)
            acknowledge(sequence + 1)
        acknowledge(last)

    def write_on(path: Path) -> None:
        step(path, last + 1)

    return Scenario(lambda path, chance: _prepare(path, chance, last + 1), run, _check, write_on)


def _import(path: Path, sequence: int) -> None:
    bring(path, path / "store", sequence)


def _publish(path: Path, sequence: int) -> None:
    """Publish the ports of this sequence, as one delta."""
    with Store.open(path / "store").writer() as writer:
        for number, (carrier, digits) in ports(path, sequence, _STEP).items():
            writer.port(number, carrier, digits)
    assert writer.published == [sequence]


def _publish_and_fold(path: Path, sequence: int) -> None:
    """Publish, and every fourth time fold."""
    _publish(path, sequence)
    if sequence % 4 == 0:
        fold(path / "store", lambda count, share: None)


def _fold() -> Scenario:
    """Two deltas into a snapshot."""

    def prepare(path: Path, chance: random.Random) -> int:
        _prepare(path, chance, 4)
        _publish(path, 2)
        _publish(path, 3)
        return 3

    def run(path: Path, acknowledge: Acknowledge) -> None:
        fold(path / "store", lambda count, share: None)
        acknowledge(3)

    def write_on(path: Path) -> None:
        _publish(path, 4)
        fold(path / "store", lambda count, share: None)

    return Scenario(prepare, run, _check, write_on)


def _apply(last: int) -> Scenario:
    """The deltas of a publisher up to sequence `last` into the store of a node; of each three the first comes last."""
    order = [sequence for first in range(2, last + 1, 3) for sequence in (first + 1, first + 2, first)]

    def prepare(path: Path, chance: random.Random) -> int:
        _prepare(path, chance, last + 1)
        shutil.copytree(path / "store", path / "node")
        for sequence in range(2, last + 2):
            _publish(path, sequence)
            shutil.copy(Store.open(path / "store").chain.file(sequence), path / f"{sequence}.delta")
        shutil.rmtree(path / "store")
        (path / "node").rename(path / "store")
        return 1

    def offer(path: Path, sequences: list[int]) -> Iterator[int]:
        intake = Store.open(path / "store").intake()
        for sequence in sequences:
            if sequence > intake.sequence:
                intake.offer((path / f"{sequence}.delta").read_bytes(), "publisher")
            yield intake.sequence

    def run(path: Path, acknowledge: Acknowledge) -> None:
        for sequence in offer(path, order + order):  # again, for what got lost while it waited
            acknowledge(sequence)

    def write_on(path: Path) -> None:
        assert list(offer(path, [last + 1])) == [last + 1]
        shutil.rmtree(path / "store" / "quarantine", ignore_errors=True)  # which may tell of what got lost

    return Scenario(prepare, run, _check, write_on)


def _back_up(path: Path, acknowledge: Acknowledge) -> None:
    backup = Backup(Store.open(path / "store"), LocalLocation(path / "backup"), timedelta(0), private_keys=False)
    for sequence in backup.copy_deltas():
        acknowledge(sequence)
    for _ in backup.copy_others():
        pass
    acknowledge(backup.sequence)


def _backup() -> Scenario:
    """A backup of a store; what it serves is what it restores."""

    def prepare(path: Path, chance: random.Random) -> int:
        _prepare(path, chance, 3)
        _publish(path, 2)
        return NOTHING

    def check(path: Path, acknowledged: int) -> int:
        with scratch() as beside:
            try:
                restore(beside / "restored", LocalLocation(path / "backup"), write_image)
            except (PortdipError, OSError):
                if acknowledged == NOTHING:
                    return NOTHING
                raise
            sequence = served(beside / "restored", lambda sequence: _table(path, sequence))
        assert sequence >= acknowledged
        return sequence

    def write_on(path: Path) -> None:
        _publish(path, 3)
        _back_up(path, lambda sequence: None)

    return Scenario(prepare, _back_up, check, write_on)


def _restore() -> Scenario:
    """A store from a backup of another."""

    def prepare(path: Path, chance: random.Random) -> int:
        _prepare(path, chance, 3)
        _publish(path, 2)
        _back_up(path, lambda sequence: None)
        shutil.rmtree(path / "store")
        return NOTHING

    def run(path: Path, acknowledge: Acknowledge) -> None:
        if not (path / "store").exists():
            restore(path / "store", LocalLocation(path / "backup"), write_image)
        acknowledge(2)

    def check(path: Path, acknowledged: int) -> int:
        if acknowledged == NOTHING and not (path / "store").exists():
            return NOTHING
        return _check(path, acknowledged)

    return Scenario(prepare, run, check, lambda path: _import(path, 3))


#: Done again at every call of the disk.
SCENARIOS = {
    "files": _files(),
    "init": _init(),
    "import": _steps(_import, 2),
    "publish": _steps(_publish, 3),
    "fold": _fold(),
    "apply": _apply(4),
    "backup": _backup(),
    "restore": _restore(),
    **NODES,
}

#: Goes on for a while, for faults at random times.
LONG_SCENARIOS = {
    "imports": _steps(_import, 200),
    "publishes": _steps(_publish_and_fold, 300),
    "applies": _apply(40),
}

#: All of them, and the canaries.
ALL = SCENARIOS | LONG_SCENARIOS | CANARIES
