"""A chain of deltas in a directory: one file a delta, named by its sequence, and where the chain begins.

    DIRECTORY/BASE                    JSON: dataset, sequence, digest, created: what the first delta continues
    DIRECTORY/<sequence>.delta        20 digits

A delta is in the chain once its file has its name: it was written aside, synced and renamed, so it is there whole or
not at all, and a file is never changed. Any number of processes may read while one, which holds the store's lock,
appends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from portdip import files
from portdip.errors import DamagedDeltaError, ForeignDeltaError
from portdip.exchange import delta
from portdip.exchange.delta import Delta, Sealed

#: The file that says what the first delta continues.
BASE_FILE = "BASE"
_NAME_DIGITS = 20
#: Before the first delta of a dataset: nothing came earlier.
_NO_DIGEST = "00" * 32
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def file_name(sequence: int) -> str:
    """What the file of the delta of this sequence is called.

    >>> file_name(12)
    '00000000000000000012.delta'
    """
    return f"{sequence:0{_NAME_DIGITS}d}{delta.SUFFIX}"


def sequence_named(name: str) -> int | None:
    """The sequence that `file_name` gave this name, None for any other name."""
    stem = name.removesuffix(delta.SUFFIX)
    is_ours = stem != name and len(stem) == _NAME_DIGITS and stem.isascii() and stem.isdigit()
    return int(stem) if is_ours else None


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: the last delta's dataset, sequence, digest and time of making (UTC)."""

    dataset: str
    sequence: int
    digest: str
    created: datetime

    @classmethod
    def beginning(cls, dataset: str) -> Self:
        """Before delta 1 of a dataset."""
        return cls(dataset, 0, _NO_DIGEST, _BEGINNING)

    @classmethod
    def of(cls, last: Sealed) -> Self:
        """After the delta `last`."""
        return cls(last.header.dataset, last.sequence, last.digest, last.header.created)

    @classmethod
    def parse(cls, raw: bytes, where: str) -> Self:
        """What `render` wrote; DamagedDeltaError, naming `where`, for anything else."""
        try:
            content = json.loads(raw)
            created = datetime.fromisoformat(content["created"]).astimezone(UTC)
            return cls(str(content["dataset"]), int(content["sequence"]), str(content["digest"]), created)
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedDeltaError("the chain's beginning cannot be read", where=where, got=str(error)) from error

    def render(self) -> bytes:
        """The bytes of BASE."""
        content = {"dataset": self.dataset, "sequence": self.sequence, "digest": self.digest}
        return json.dumps(content | {"created": self.created.isoformat()}).encode()

    def check(self, following: Sealed, where: str) -> None:
        """Raise ForeignDeltaError unless `following` is the next delta of this chain."""
        header = following.header
        self.check_dataset(following, where)
        if header.sequence != self.sequence + 1:
            raise ForeignDeltaError(
                "the delta is not the next one",
                where=where,
                expected=f"sequence {self.sequence + 1}",
                got=str(header.sequence),
            )
        if header.previous != self.digest:
            raise ForeignDeltaError(
                "the delta continues another chain",
                where=where,
                expected=f"previous digest {self.digest}",
                got=header.previous,
                fix="Fetch the delta of this sequence from the publisher of this chain.",
            )
        if header.created < self.created:
            raise ForeignDeltaError(
                "the delta claims to be older than the one before it",
                where=where,
                expected=f"made at {self.created.isoformat()} or later",
                got=header.created.isoformat(),
            )

    def check_dataset(self, other: Sealed, where: str) -> None:
        """Raise ForeignDeltaError if `other` is of another dataset."""
        if other.header.dataset != self.dataset:
            raise ForeignDeltaError(
                "the delta is of another dataset", where=where, expected=self.dataset, got=other.header.dataset
            )


class Chain:
    """The chain in the directory `path`. Holds no file open; one object for one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head: Head | None = None

    @classmethod
    def create(cls, path: Path, base: Head) -> Self:
        """A chain without deltas that continues `base`, in a new directory."""
        files.make_directory(path)
        files.write(path / BASE_FILE, base.render())
        return cls(path)

    @property
    def base(self) -> Head:
        """What the first delta continues."""
        path = self.path / BASE_FILE
        try:
            return Head.parse(files.read_bytes(path), str(path))
        except OSError as error:
            raise DamagedDeltaError("the chain's beginning cannot be read", where=str(path), got=str(error)) from error

    @property
    def head(self) -> Head:
        """The last delta; looks at the directory for newer ones than it knew of.

        Raises DamagedDeltaError, the first time, where a delta in between is missing.
        """
        sequence = self._head.sequence if self._head else self._last_sequence()
        while self.has(sequence + 1):
            sequence += 1
        if self._head is None or self._head.sequence != sequence:
            self._head = Head.of(self.read(sequence)) if self.has(sequence) else self.base
        return self._head

    def _last_sequence(self) -> int:
        there = self.sequences()
        if not there:
            return self.base.sequence
        missing = set(range(there[0], there[-1])) - set(there)
        if missing:
            raise DamagedDeltaError(
                "a delta of the chain is missing",
                where=str(self.path),
                expected=self.file(min(missing)).name,
                fix="Fetch it from where the others came from, or from a backup.",
            )
        return there[-1]

    def file(self, sequence: int) -> Path:
        """Where the delta of this sequence is, or will be."""
        return self.path / file_name(sequence)

    def has(self, sequence: int) -> bool:
        """Whether the delta of this sequence is there. Costs one look at the directory."""
        return self.file(sequence).exists()

    def sequences(self) -> list[int]:
        """The sequences of the deltas that are there, in order."""
        named = (sequence_named(path.name) for path in self.path.glob(f"*{delta.SUFFIX}"))
        return sorted(sequence for sequence in named if sequence is not None)

    def read(self, sequence: int) -> Delta:
        """The delta of this sequence, its seal checked. Raises DeltaError, or FileNotFoundError."""
        path = self.file(sequence)
        found = delta.decode(files.read_bytes(path), str(path))
        if found.sequence != sequence:
            raise ForeignDeltaError("a delta is in the wrong place", where=str(path), got=f"sequence {found.sequence}")
        return found

    def after(self, head: Head) -> Iterator[Delta]:
        """The deltas that follow `head`, in order, as many as there are, each checked against the one before."""
        while self.has(head.sequence + 1):
            following = self.read(head.sequence + 1)
            head.check(following, str(self.file(following.sequence)))
            yield following
            head = Head.of(following)

    def append(self, following: Sealed) -> None:
        """Make `following` the last delta, on disk when this returns. The caller has checked who signed it.

        One that is the last already stays so: an earlier call may have failed after it had its name. Raises
        ForeignDeltaError if it is not the next one. For the holder of the store's lock.
        """
        path = self.file(following.sequence)
        if self.head.digest == following.digest:
            files.sync(self.path)
            return
        self.head.check(following, str(path))
        files.write_new(path, following.content)
        self._head = Head.of(following)
