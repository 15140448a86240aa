"""Scenarios about nodes: founded from a store, and brought to its head through an import, a snapshot and a new key."""

from __future__ import annotations

import json
import random
from pathlib import Path

from portdip.errors import SnapshotAwaitedError
from portdip.exchange.feeds.options import Options
from portdip.exchange.keys import Trust
from portdip.exchange.location import LocalLocation
from portdip.lookup.engine import open_engine
from portdip.lookup.load import fold, import_feed, init_store, write_image
from portdip.table.backup_check import content_digest
from portdip.table.bootstrap import Supplier, found
from portdip.table.store import Store
from tests.faults.scenario import NOTHING, Acknowledge, Scenario

_NUMBERS = range(8613800000000, 8613800000200, 10)
_SAID = "said.json"


def _live(path: Path, chance: random.Random, last: int) -> None:
    """Let the store of the publisher go on up to sequence `last`, noting what it says at each.

    Changes at 1, 2 and 4, imports at 3 and 6, and a new key at 5; folded at 2.
    """
    store = Store.open(path / "publisher")
    said = json.loads((path / _SAID).read_text()) if (path / _SAID).exists() else [content_digest(store)]
    while (sequence := store.chain.head.sequence + 1) <= last:
        numbers = chance.sample(_NUMBERS, 5)
        if sequence in (3, 6):
            rows = [f"{number},B,D{chance.randrange(10)}" for number in numbers]
            (path / "rows.csv").write_text("\n".join(["number,carrier,routing_number", *rows, ""]))
            import_feed(store.path, "csv", [path / "rows.csv"], Options(), lambda count, share: None)
        else:
            with store.writer() as writer:
                if sequence == 5:
                    writer.new_key()
                else:
                    for number in numbers:
                        writer.port(number, "A", f"D{chance.randrange(10)}")
        if sequence == 2:
            fold(store.path, lambda count, share: None)
        said.append(content_digest(store))
    (path / _SAID).write_text(json.dumps(said))


def _found(path: Path) -> None:
    if not (path / "node").exists():
        assert found(path / "node", LocalLocation(path / "publisher"), Trust(), write_image)


def _take(path: Path, acknowledge: Acknowledge) -> None:
    """Bring all deltas of the publisher to the node, and the snapshots that they announce."""
    source, node = Store.open(path / "publisher"), Store.open(path / "node")
    intake, supply = node.intake(), Supplier(node, LocalLocation(source.path))
    for sequence in source.chain.sequences():
        content = source.chain.file(sequence).read_bytes()
        try:
            intake.offer(content, "publisher")
        except SnapshotAwaitedError as awaited:
            supply(awaited)
            intake.offer(content, "publisher")
        acknowledge(intake.sequence)


def _node(begins: int) -> Scenario:
    """A node that stands at sequence `begins`, or is founded, comes to 5."""

    def prepare(path: Path, chance: random.Random) -> int:
        init_store(path / "publisher", "test")
        if begins != NOTHING:
            _live(path, chance, begins)
            _found(path)
            _take(path, lambda sequence: None)
        _live(path, chance, 5)
        return begins

    def run(path: Path, acknowledge: Acknowledge) -> None:
        _found(path)
        _take(path, acknowledge)

    def check(path: Path, acknowledged: int) -> int:
        if acknowledged == NOTHING and not (path / "node").exists():
            return NOTHING
        sequence = open_engine(path / "node").sequence
        assert sequence >= acknowledged
        said = json.loads((path / _SAID).read_text())
        assert content_digest(Store.open(path / "node")) == said[sequence], f"it does not say what {sequence} says"
        return sequence

    def write_on(path: Path) -> None:
        _live(path, random.Random(1), 6)
        _take(path, lambda sequence: None)

    return Scenario(prepare, run, check, write_on)


NODES = {
    "found": _node(NOTHING),
    "follow": _node(2),
}
