"""What a caller may say to a feed, and what becomes of rows that cannot be read."""

from __future__ import annotations

import contextlib
import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from portdip import files
from portdip.errors import BadRowError, FeedError


class BadRows:
    """The policy for malformed rows: stop at the first, or skip them into a reject file.

    `BadRows()` raises BadRowError at the first. `BadRows(reject=path)` counts each and writes it as CSV
    (file, row, reason, content); the file appears under `path` when the `with` block around the import ends
    without an error, and not at all when no row was bad. For one import, in one thread.
    """

    def __init__(self, reject: Path | None = None) -> None:
        self.reject = reject
        self.count = 0
        self._closing = contextlib.ExitStack()
        self._writer: Any = None

    def refuse(self, file: Path | str, row: int, reason: str, content: str) -> None:
        """Take note of one bad row, `row` 1-based as a person finds it in `file`; under stop, BadRowError."""
        if self.reject is None:
            raise BadRowError(
                reason,
                where=f"{file}, row {row}",
                got=content[:200],
                fix="Correct the row, or set bad rows aside with --on-bad-rows skip.",
            )
        self.count += 1
        try:
            self._write(self.reject, [file, row, reason, content])
        except OSError as error:
            raise FeedError(
                "the reject file cannot be written", where=str(self.reject), got=error.strerror or ""
            ) from error

    def _write(self, path: Path, row: list[object]) -> None:
        if self._writer is None:
            file = self._closing.enter_context(files.replacing(path))
            text = io.TextIOWrapper(file, "utf-8", newline="")
            self._closing.callback(text.detach)
            self._writer = csv.writer(text)
            self._writer.writerow(["file", "row", "reason", "content"])
        self._writer.writerow(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.__exit__(kind, error, trace)


class Overlooked(BadRows):
    """Takes no note of bad rows, for a reading before the one in which they are refused."""

    def refuse(self, file: Path | str, row: int, reason: str, content: str) -> None:
        """Count the row."""
        self.count += 1


@dataclass(frozen=True)
class Options:
    """What a caller may say to a feed: a column map file (TOML) and what to do with bad rows."""

    map_file: Path | None = None
    bad_rows: BadRows = field(default_factory=BadRows)
