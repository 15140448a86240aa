"""A publisher whose chain is in memory, and nodes that take deltas in, for the tests of intake, source and fetch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from portdip.disk import Disk
from portdip.exchange.chain import Chain, Head, file_name
from portdip.exchange.changes import Operation, batch
from portdip.exchange.delta import Delta, Header, encode, open_sealed
from portdip.exchange.intake import Intake, Kind
from portdip.exchange.keys import SigningKey, Trust, TrustedKey, TrustFile

DATASET = "cn"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def releases(*numbers: int) -> pa.RecordBatch:
    return batch(operation=[Operation.RELEASE] * len(numbers), number=list(numbers))


def trusting(key: SigningKey, expires: datetime | None = None) -> pa.RecordBatch:
    return batch(operation=[Operation.TRUST_KEY], text=[key.public], effective=[expires])


def revoking(key: SigningKey) -> pa.RecordBatch:
    return batch(operation=[Operation.REVOKE_KEY], text=[key.id])


class Publisher:
    """Makes the deltas of one chain; `contents` has their bytes by sequence."""

    def __init__(self, key: SigningKey | None = None, dataset: str = DATASET) -> None:
        self.key = key
        self.heads = [Head.beginning(dataset)]
        self.contents: dict[int, bytes] = {}

    @property
    def head(self) -> Head:
        return self.heads[-1]

    def make(
        self,
        rows: pa.RecordBatch | None = None,
        *,
        sequence: int | None = None,
        previous: str | None = None,
        created: datetime | None = None,
        key: SigningKey | None = None,
    ) -> bytes:
        """The next delta, or another one of a sequence there is; it does not join the chain."""
        sequence = sequence or self.head.sequence + 1
        rows = rows or releases(8613800000000 + sequence)
        key = key or self.key
        header = Header(
            self.head.dataset,
            sequence,
            previous or self.heads[sequence - 1].digest,
            len(rows),
            created or BEGAN + timedelta(minutes=sequence),
            key.id if key else "",
        )
        return encode(header, rows, key)

    def publish(self, rows: pa.RecordBatch | None = None, key: SigningKey | None = None) -> bytes:
        """The next delta of the chain."""
        content = self.make(rows, key=key)
        self.heads.append(Head.of(open_sealed(content, "publisher")))
        self.contents[self.head.sequence] = content
        return content

    def fork(self, after: int) -> Publisher:
        """Another history with the same key that shares the first `after` deltas."""
        other = Publisher(self.key, self.head.dataset)
        other.heads = self.heads[: after + 1]
        other.contents = {sequence: self.contents[sequence] for sequence in range(1, after + 1)}
        return other


def signed_publisher(count: int) -> Publisher:
    publisher = Publisher(SigningKey.new())
    for _ in range(count):
        publisher.publish()
    return publisher


def damaged(content: bytes, offset: int = 100) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


class Node:
    """The directories of a store as far as an intake needs them, and an intake on them."""

    def __init__(self, path: Path, *trusted: SigningKey | None, admit: Callable[[Delta], None] = lambda delta: None):
        self.path = path
        self.deltas = path / "deltas"
        self.lock = path / "lock"
        self.waiting = path / "waiting"
        self.quarantine = path / "quarantine"
        self.trust = TrustFile(path / "trusted.json")
        self.admit = admit
        if not path.exists():
            Chain.create(self.deltas, Head.beginning(DATASET))
            keys = [TrustedKey(key.public) for key in trusted if key]
            self.trust.write(Trust({key.id: key for key in keys}))
        self.restart()

    def restart(self) -> None:
        self.chain = Chain(self.deltas)
        self.intake = self.another_intake()

    def another_intake(self) -> Intake:
        """As another process on the same store has it."""
        return Intake(Chain(self.deltas), self.trust, self.lock, self.waiting, self.quarantine, self.admit)

    @property
    def contents(self) -> dict[int, bytes]:
        """The bytes of the chain's deltas, by sequence."""
        return {sequence: self.chain.file(sequence).read_bytes() for sequence in self.chain.sequences()}

    @property
    def waits(self) -> dict[int, list[bytes]]:
        """The bytes of what waits, by sequence."""
        found: dict[int, list[bytes]] = {}
        for path in sorted(self.waiting.glob("*")):
            found.setdefault(int(path.name.partition("-")[0]), []).append(path.read_bytes())
        return found

    @property
    def quarantined(self) -> set[bytes]:
        """The bytes of what was refused."""
        return {path.read_bytes() for path in self.quarantine.glob("*.delta")}


def offer(node: Node | Intake, publisher: Publisher, *sequences: int) -> list[Kind]:
    intake = node.intake if isinstance(node, Node) else node
    return [intake.offer(publisher.contents[sequence], f"src/{sequence}").kind for sequence in sequences]


def drop(directory: Path, publisher: Publisher, *sequences: int) -> None:
    """Put deltas of a publisher into a directory, under the names they have in a chain."""
    directory.mkdir(parents=True, exist_ok=True)
    for sequence in sequences:
        (directory / file_name(sequence)).write_bytes(publisher.contents[sequence])


class UnsyncedDisk(Disk):
    """For tests that cut no power: nothing waits for the medium."""

    def fsync(self, handle: int) -> None:
        pass
