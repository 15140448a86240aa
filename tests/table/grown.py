"""A store that has lived: changes, keys, imports, folds, a rotation; and what it said at every sequence."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from portdip.exchange.feeds.options import Options
from portdip.exchange.keys import Trust
from portdip.exchange.publish import Writer
from portdip.lookup.load import fold, import_feed, init_store
from portdip.table.backup_check import content_digest
from portdip.table.store import Store

NUMBERS = range(8613800000000, 8613800000400, 20)


@dataclass(frozen=True)
class Grown:
    """The store at `path`; by sequence what its table said and which keys it trusted; and copies of it on the way."""

    path: Path
    contents: dict[int, str]
    trusts: dict[int, Trust]
    copies: list[Path]

    @property
    def store(self) -> Store:
        return Store.open(self.path)

    @property
    def last(self) -> int:
        return max(self.contents)

    def deltas(self, last: int) -> dict[str, bytes]:
        """The files of the chain up to `last`, by name."""
        chain = self.store.chain
        return {chain.file(sequence).name: chain.file(sequence).read_bytes() for sequence in range(1, last + 1)}

    def at(self, sequence: int) -> Path:
        """A copy from when this was the last delta; not to be changed."""
        return next(copy for copy in self.copies if Store.open(copy).chain.head.sequence == sequence)

    def copy(self, path: Path) -> Grown:
        """The same in another place, to be changed."""
        return dataclasses.replace(self, path=Path(shutil.copytree(self.path, path)))


class Gardener:
    """Lets a store grow, and keeps what it is like at each sequence."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.grown = Grown(path / "store", {}, {}, [])
        init_store(self.grown.path, "test")
        self.note()

    def note(self) -> None:
        store = self.grown.store
        sequence = store.chain.head.sequence
        self.grown.contents[sequence] = content_digest(store)
        self.grown.trusts[sequence] = store.trust.read()
        copy = self._path / f"copy-{len(self.grown.copies)}"
        self.grown.copies.append(Path(shutil.copytree(self.grown.path, copy)))

    def publish(self, change: Callable[[Writer], object]) -> None:
        """One delta."""
        with self.grown.store.writer() as writer:
            change(writer)
        time.sleep(0.002)  # so that a time between two deltas can be named
        self.note()

    def port(self, carrier: str, digits: str, every: int = 1) -> None:
        def change(writer: Writer) -> None:
            for number in NUMBERS[::every]:
                writer.port(number, carrier, digits)

        self.publish(change)

    def bring(self, carrier: str) -> None:
        """Import numbers of a carrier."""
        file = self._path / "brought.csv"
        rows = (f"{number},{carrier},D{carrier}" for number in NUMBERS[::3])
        file.write_text("\n".join(["number,carrier,routing_number", *rows, ""]))
        import_feed(self.grown.path, "csv", [file], Options(), lambda count, share: None)
        self.note()

    def fold(self) -> None:
        assert fold(self.grown.path, lambda count, share: None) == self.grown.last
        self.note()


def grow(path: Path) -> Grown:
    """Sequences 1 to 13; the import of 5 is signed, that of 2 is not; snapshots were made at 4 and 9 besides."""
    gardener = Gardener(path)
    gardener.publish(lambda writer: writer.assign(NUMBERS[0], NUMBERS[-1], "CM", "D0"))  # 1
    gardener.bring("B")  # 2
    gardener.publish(lambda writer: writer.new_key(owner="first"))  # 3
    gardener.port("A", "D1")  # 4
    gardener.fold()
    gardener.bring("C")  # 5
    gardener.port("A", "D2", every=2)  # 6
    first = next(iter(gardener.grown.trusts[6].keys))
    gardener.publish(lambda writer: writer.new_key(owner="second"))  # 7
    gardener.publish(lambda writer: writer.revoke_key(first))  # 8
    gardener.publish(lambda writer: writer.mass_change("A", "E"))  # 9
    gardener.fold()
    gardener.publish(lambda writer: writer.release(NUMBERS[0]))  # 10
    gardener.bring("F")  # 11
    gardener.port("G", "", every=4)  # 12
    gardener.publish(lambda writer: writer.withdraw(NUMBERS[5], NUMBERS[7]))  # 13
    assert gardener.grown.last == 13
    return gardener.grown


#: The one of this run, once a test has asked for it.
_once: list[Grown] = []


@pytest.fixture(scope="session")
def grown(tmp_path_factory) -> Grown:
    """What no test may change: use `Grown.copy`. One for all modules that import this fixture."""
    if not _once:
        _once.append(grow(tmp_path_factory.mktemp("grown")))
    return _once[0]
