"""Publishing: changes in, the next deltas of a chain out.

There is one writer of a chain at a time. Rows are checked as they come; every `delta.ROWS_MAX` of them become a delta
that is put aside, and all of them join the chain, in order, when the writer's block ends or `Writer.publish` is
called. So an error while changes are still coming publishes nothing. Each delta is signed where the dataset has
keys, by the private key here that was trusted last.

A crash, or a full disk, between two deltas of one call leaves those before it published: publishing the same changes
again is right, for a change that is made twice is made once.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from portdip import files
from portdip.errors import KeyFileError
from portdip.exchange import change_rules, delta
from portdip.exchange.chain import Chain, Head
from portdip.exchange.changes import CHANGES, Operation
from portdip.exchange.collector import ChangeCollector
from portdip.exchange.delta import Header
from portdip.exchange.key_ring import KeyRing
from portdip.exchange.keys import SigningKey, Trust, TrustedKey, TrustFile

Admit = Callable[[pa.RecordBatch], None]

#: How long to wait for another process that writes: one that takes deltas in is soon done.
_PATIENCE_S = 5

_NUMBER, _LAST = CHANGES.get_field_index("number"), CHANGES.get_field_index("last")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A delta that waits to be published, in memory or in a file; the keys trusted after it; rows by operation."""

    content: bytes | Path
    trust: Trust
    counts: Counter[Operation]


class Writer(ChangeCollector):
    """The one writer of `chain`, for a `with` block in one thread.

    `trust` and `keys` (a directory) say who may sign and with what, `lock` is the file whose lock makes the writer
    the only one. `room_for` is called when the lock is held, and what it gives is shown every batch of changes before
    it is published: what that raises stops all of them.

        with store.writer() as writer:
            writer.port("+8613800138000", "CUCC", "0B17", donor="CMCC")
            writer.release(8613900139000)

    Entering raises StoreLockedError while another process writes; making deltas raises KeyFileError where the dataset
    is signed and no private key here may sign it.
    """

    def __init__(self, chain: Chain, trust: TrustFile, keys: Path, lock: Path, room_for: Callable[[], Admit]) -> None:
        super().__init__()
        #: The private keys at hand.
        self.key_ring = KeyRing(keys)
        #: What is written to.
        self.chain = chain
        #: The sequences published so far, and how many rows in them, by operation.
        self.published: list[int] = []
        self.counts: Counter[Operation] = Counter()
        self._trust_file = trust
        self._lock = lock
        self._room_for = room_for
        self._admit: Admit | None = None
        self._opened = contextlib.ExitStack()
        self._scratch: Path | None = None
        self._batches: list[pa.RecordBatch] = []
        self._count = 0
        self._ready: list[_Ready] = []
        # What the next delta continues, and who is trusted there: the chain and what waits to join it.
        self._head = Head.beginning("")
        self._trust = Trust()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            opening.enter_context(files.locked(self._lock, patience=_PATIENCE_S))
            self._head = self.chain.head
            self._trust = self._trust_file.catch_up(self.chain, self._head.sequence - 1)
            self._opened = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._opened:
            if kind is None:
                self.publish()

    @property
    def trust(self) -> Trust:
        """The keys trusted after what is published, and after what waits for it."""
        return self._trust

    @property
    def signer(self) -> SigningKey | None:
        """The private key that is to sign the next delta, None where the dataset is unsigned; else KeyFileError."""
        return self.key_ring.signer(self._trust, self._head.sequence + 1, self._now())

    def trust_key(self, public: str, *, owner: str = "", expires: datetime | None = None) -> None:
        """The key, given as 64 hex digits, may sign what comes after this change, if made before `expires`.

        Raises KeyFileError for what is no key, or one that is in the list already, revoked or not.
        """
        self._trust.with_new_key(TrustedKey(public))
        super().trust_key(public.lower(), owner=owner, expires=expires)
        self._seal_all()

    def revoke_key(self, identifier: str) -> None:
        """The key may sign nothing that comes after this change.

        Raises KeyFileError for an unknown key, or where nothing could be signed afterwards.
        """
        self._seal_all()
        after = self._trust.without_key(identifier, self._head.sequence + 1)
        self.key_ring.signer(after, self._head.sequence + 2, self._now())
        super().revoke_key(identifier)
        self._seal_all()

    def new_key(self, *, owner: str = "", expires: datetime | None = None) -> SigningKey:
        """Make a key that may sign what comes after this change; its private half is on disk first."""
        _ = self.signer  # a key that nobody here could make known is not made
        new = self.key_ring.make()
        self.trust_key(new.public, owner=owner, expires=expires)
        return new

    def rotate(self, *, owner: str = "", expires: datetime | None = None) -> SigningKey:
        """Replace the key that signs by a new one, which signs the end of the old one. The new key.

        Raises KeyFileError where the dataset is unsigned.
        """
        old = self.signer
        if old is None:
            raise KeyFileError("the dataset is unsigned", fix="Make a first key with portdip keys new.")
        new = self.new_key(owner=owner, expires=expires)
        self.revoke_key(old.id)
        return new

    def publish(self) -> list[int]:
        """Put all changes so far into the chain; the sequences that they got, none if there was no change.

        On an error those before it are in the chain (see `published`), and calling again goes on from there.
        """
        self._seal_all()
        before = len(self.published)
        while self._ready:
            first = self._ready[0]
            content = first.content if isinstance(first.content, bytes) else files.read_bytes(first.content)
            following = delta.open_sealed(content, str(self.chain.path))
            self.chain.append(following)
            if first.trust != self._trust_file.read():
                self._trust_file.write(first.trust)
            del self._ready[0]
            self.published.append(following.sequence)
            self.counts += first.counts
        return self.published[before:]

    def _now(self) -> datetime:
        """When the next delta is made: no delta may claim to be older than the one before it."""
        return max(datetime.now(UTC), self._head.created)

    def _take(self, changes: pa.RecordBatch) -> None:
        """Changes that keep the rules: one row a number, into deltas as they become full."""
        for part in _one_number_each(changes):
            if self._admit is None:
                self._admit = self._room_for()
            self._admit(part)
            self._batches.append(part)
            self._count += len(part)
            while self._count >= delta.ROWS_MAX:
                rows = pa.concat_batches(self._batches)
                self._batches, self._count = [rows.slice(delta.ROWS_MAX)], len(rows) - delta.ROWS_MAX
                self._seal(rows.slice(0, delta.ROWS_MAX), aside=True)

    def _seal_all(self) -> None:
        """Make a delta of the changes so far, if there are any."""
        self._hand_on()
        if self._count:
            rows = pa.concat_batches(self._batches)
            self._batches, self._count = [], 0
            self._seal(rows, aside=False)

    def _seal(self, rows: pa.RecordBatch, *, aside: bool) -> None:
        """Make a delta, in memory or put aside in a file."""
        signer, created = self.signer, self._now()
        head = self._head
        header = Header(head.dataset, head.sequence + 1, head.digest, len(rows), created, signer.id if signer else "")
        content = delta.encode(header, rows, signer)
        made = delta.decode(content, "the delta just made")  # nothing is published that nobody would take
        trust = self._trust.after(made)
        kept = self._put_aside(header.sequence, content) if aside else content
        self._ready.append(_Ready(kept, trust, _counts(rows)))
        self._head, self._trust = Head.of(made), trust

    def _put_aside(self, sequence: int, content: bytes) -> Path:
        if self._scratch is None:
            path = self.chain.path.with_name(f"{self.chain.path.name}.scratch")
            self._scratch = self._opened.enter_context(files.scratch_directory(path))
        path = self._scratch / str(sequence)
        with files.create(path) as file:
            file.write(content)
        return path


def _counts(rows: pa.RecordBatch) -> Counter[Operation]:
    counts = np.bincount(rows.column("operation").to_numpy())
    return Counter({Operation(value): int(counts[value]) for value in np.flatnonzero(counts).tolist()})


def _one_number_each(changes: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The changes, each port of a range spread over a row for each number, in batches of some `delta.ROWS_MAX`."""
    spread = change_rules.port_ranges(changes)
    if not spread.any():
        yield changes
        return
    first, last = (changes.column(name).fill_null(0).to_numpy() for name in ("number", "last"))
    counts = np.where(spread, last - first + np.uint64(1), np.uint64(1)).astype(np.int64)
    ends = np.cumsum(counts)
    begin = 0
    while begin < len(changes):
        limit = (ends[begin - 1] if begin else 0) + delta.ROWS_MAX
        end = max(int(np.searchsorted(ends, limit, side="right")), begin + 1)
        yield _spread(changes.slice(begin, end - begin), spread[begin:end], counts[begin:end])
        begin = end


def _spread(changes: pa.RecordBatch, spread: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]) -> pa.RecordBatch:
    row = np.repeat(np.arange(len(changes)), counts)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    spread = spread[row]
    columns: list[Any] = changes.take(pa.array(row)).columns
    number, last = (columns[position] for position in (_NUMBER, _LAST))
    missing = ~number.is_valid().to_numpy(zero_copy_only=False)
    columns[_NUMBER] = pa.array(number.fill_null(0).to_numpy() + offset.astype(np.uint64), mask=missing)
    columns[_LAST] = pa.array(
        last.fill_null(0).to_numpy(), mask=spread | ~last.is_valid().to_numpy(zero_copy_only=False)
    )
    return pa.record_batch(columns, schema=CHANGES)
