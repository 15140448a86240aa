"""Refused deltas: their bytes as they came, and beside them why they were refused.

    DIRECTORY/<sequence>-<digest>.delta   the bytes; sequence 20 digits or `unknown`, digest the first 16 hex
                                          digits of their SHA-256
    DIRECTORY/<sequence>-<digest>.json    a `Refusal`

What could not even be read has no bytes, and its digest is that of where it came from. The same bytes are kept once,
however often they come. At most `REFUSALS_MAX` are kept, the newest, so that a broken source cannot fill the disk.
Nothing here is needed to go on: the directory may be emptied at any time. Any process may read it, and any put into
it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from portdip import files
from portdip.errors import PortdipError
from portdip.exchange import delta
from portdip.exchange.chain import sequence_named

REFUSALS_MAX = 1000

_DIGEST_DIGITS = 16
_SEQUENCE_DIGITS = 20
_TEXT_MAX = 1000
_RECORD = ".json"
_NAME = re.compile(rf"(\d{{{_SEQUENCE_DIGITS}}}|unknown)-[0-9a-f]{{{_DIGEST_DIGITS}}}")


def short_digest(content: bytes) -> str:
    """What names a file in the quarantine and in the waiting room: all bytes count, the signature too."""
    return hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a delta was refused: the error's sentence, kind and place, who brought the delta, and when (UTC).

    `name` is what its files are called. `sequence` is what its header says; where that cannot be read, what the name
    says under which it came, so that one can tell when it no longer matters; None if neither.
    """

    name: str
    sequence: int | None
    kind: str
    reason: str
    where: str
    origin: str
    refused_at: datetime

    def is_passed(self, head: int) -> bool | None:
        """Whether a chain up to `head` has a delta of this sequence by now; None where the sequence is not known."""
        return None if self.sequence is None else self.sequence <= head

    def as_json(self) -> dict[str, Any]:
        """What `of_json` reads."""
        return dataclasses.asdict(self) | {"refused_at": self.refused_at.isoformat()}

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Self:
        """The refusal that `as_json` wrote; TypeError, KeyError or ValueError if it is something else."""
        return cls(**content | {"refused_at": datetime.fromisoformat(content["refused_at"])})


class Quarantine:
    """The quarantine in the directory `path`, which need not be there yet. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, content: bytes, sequence: int | None, origin: str, error: PortdipError) -> Refusal | None:
        """Keep what was refused, on disk when this returns; None if the same bytes are kept already."""
        if sequence is None:
            sequence = sequence_named(origin.rpartition("/")[2])
        elif sequence >= 10**_SEQUENCE_DIGITS:
            sequence = None
        label = "unknown" if sequence is None else f"{sequence:0{_SEQUENCE_DIGITS}d}"
        name = f"{label}-{short_digest(content or origin.encode())}"
        if self._read(name) is not None:
            return None
        refusal = Refusal(
            name,
            sequence,
            type(error).__name__,
            str(error)[:_TEXT_MAX],
            error.where[:_TEXT_MAX],
            origin[:_TEXT_MAX],
            datetime.now(UTC),
        )
        files.make_directory(self.path)
        if content:
            self._write(name + delta.SUFFIX, content)
        self._write(name + _RECORD, json.dumps(refusal.as_json(), indent=1).encode())
        self._keep_newest()
        return refusal

    def refusals(self) -> list[Refusal]:
        """What is kept, the oldest first. Files that are no refusals are passed over."""
        found = [self._read(name) for name in self._names()]
        return sorted((refusal for refusal in found if refusal is not None), key=lambda refusal: refusal.refused_at)

    def _names(self) -> list[str]:
        try:
            names = files.names(self.path)
        except FileNotFoundError:
            return []
        return [
            name.removesuffix(_RECORD)
            for name in names
            if name.endswith(_RECORD) and _NAME.fullmatch(name.removesuffix(_RECORD))
        ]

    def _read(self, name: str) -> Refusal | None:
        try:
            return Refusal.of_json(json.loads(files.read_bytes(self.path / (name + _RECORD))))
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def _write(self, name: str, content: bytes) -> None:
        # Whoever writes the same name at this moment writes the same bytes.
        with contextlib.suppress(FileExistsError, BlockingIOError):
            files.write_new(self.path / name, content)

    def _keep_newest(self) -> None:
        if len(self._names()) <= REFUSALS_MAX:
            return
        for refusal in self.refusals()[:-REFUSALS_MAX]:
            for suffix in (delta.SUFFIX, _RECORD):
                with contextlib.suppress(FileNotFoundError):
                    files.remove(self.path / (refusal.name + suffix))
