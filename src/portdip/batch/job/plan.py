"""The plan of a job: what is asked, of which state of the store, and the shards."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from portdip import files
from portdip.batch.place import COLUMNAR, DELIMITED, suffix_of
from portdip.batch.question import Question
from portdip.errors import AnnotateError
from portdip.lookup.pinned import Pin

FORMAT_VERSION = 1
#: What a job keeps beside its results; readers of datasets pass over names that begin so.
DIRECTORY = "_portdip"
_JOB, _LOCK = "job.json", "lock"
#: A shard of Parquet takes row groups until it has so many rows, or so many of them.
_ROWS_WANTED, _ROW_GROUPS_MAX = 1_000_000, 4


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the work: an input, of Parquet the row groups `first` up to but not `end`, and where its result goes.

    `target` is relative to the job's directory. `size` (bytes) and `changed` (nanoseconds since 1970) are those of the
    input when the job began.
    """

    source: str
    target: str
    size: int
    changed: int
    first: int | None = None
    end: int | None = None

    @property
    def row_groups(self) -> range | None:
        """The row groups; None for all of the input."""
        return None if self.first is None or self.end is None else range(self.first, self.end)

    def check(self) -> None:
        """Raise AnnotateError if the input is not what it was when the job began."""
        status = Path(self.source).stat()
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
            raise AnnotateError(
                "an input has changed since the job began",
                where=self.source,
                fix="Begin the job anew, in another directory.",
            )


@dataclass(frozen=True, slots=True)
class Job:
    """A job under way in a directory."""

    store: str
    pin: Pin
    question: Question
    shards: tuple[Shard, ...]

    def begin(self, out: Path) -> None:
        """Begin it: its directory must be empty or not there, else AnnotateError."""
        in_the_way = AnnotateError(
            "there is something in the way",
            where=str(out),
            expected="a directory that is empty or not there",
            fix="Use --resume to go on with a job that was stopped.",
        )
        if out.exists() and (not out.is_dir() or files.names(out)):
            raise in_the_way
        try:
            self._put(out, files.write_new)
        except (FileExistsError, BlockingIOError) as error:  # by another job, begun in this moment
            raise in_the_way from error

    def write(self, out: Path) -> None:
        """Put it into its directory in place of the one that was begun there."""
        self._put(out, files.write)

    def _put(self, out: Path, write: Callable[[Path, bytes], None]) -> None:
        files.make_directory(out / DIRECTORY)
        content = {"format": FORMAT_VERSION, "store": self.store, "pin": self.pin.as_json()}
        content |= {"question": asdict(self.question), "shards": [asdict(shard) for shard in self.shards]}
        write(out / DIRECTORY / _JOB, json.dumps(content, indent=1).encode())

    @classmethod
    def read(cls, out: Path) -> Self:
        """The job in a directory; AnnotateError if none can be read there."""
        path = out / DIRECTORY / _JOB
        try:
            content: dict[str, Any] = json.loads(files.read_bytes(path))
            if content["format"] != FORMAT_VERSION:
                raise ValueError(f"format {content['format']}")
            shards = tuple(Shard(**shard) for shard in content["shards"])
            return cls(str(content["store"]), Pin.parse(content["pin"]), Question(**content["question"]), shards)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnnotateError("no job to resume", where=str(path), got=str(error)) from error

    def check_same(self, begun: Job, out: Path) -> None:
        """Raise AnnotateError unless the job begun in `out` asks the same of the same store."""
        for what in ("store", "question"):
            wanted, found = getattr(self, what), getattr(begun, what)
            if wanted != found:
                raise AnnotateError(
                    f"the job that was begun there has another {what}",
                    where=str(out),
                    expected=str(wanted),
                    got=str(found),
                    fix="Give the same arguments to go on with it, or another directory for a new one.",
                )


def alone(out: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the directory of a job for a block; StoreLockedError where another process does."""
    return files.locked(out / DIRECTORY / _LOCK)


def shards(inputs: list[Path], out: Path) -> tuple[tuple[Shard, ...], list[Path]]:
    """The inputs cut into shards, and the files among them whose names tell no format: those are passed over.

    A directory stands for all files in it, at any depth and through symbolic links; names that begin with '_' or '.'
    are none. Raises AnnotateError where there is nothing to do, or two results would have one name, or `out` is inside
    an input.
    """
    found: dict[str, Shard] = {}
    passed_over = []
    for given in inputs:
        if out.resolve().is_relative_to(given.resolve()):
            raise AnnotateError("the results would lie among the inputs", where=str(out), fix="Choose another place.")
        for path in sorted(_files(given)) if given.is_dir() else [given]:
            if given.is_dir() and suffix_of(path) is None:
                passed_over.append(path)
                continue
            for shard in _cut(path, path.relative_to(given) if given.is_dir() else Path(path.name)):
                if shard.target in found:
                    raise AnnotateError(
                        "two inputs have one name",
                        where=str(out / shard.target),
                        got=f"{found[shard.target].source} and {shard.source}",
                        fix="Annotate them apart, or give a directory that holds both.",
                    )
                found[shard.target] = shard
    if not found:
        raise AnnotateError(
            "nothing to annotate",
            where=", ".join(map(str, inputs)),
            expected=f"files whose names end in {', '.join(COLUMNAR + DELIMITED)}",
        )
    return tuple(found.values()), passed_over


def _files(directory: Path) -> Iterator[Path]:
    """The files below a directory, links that lead nowhere too: whoever opens them says so."""
    for place, folders, names in os.walk(directory, followlinks=True):
        here = Path(place)
        above = {here.resolve(), *here.resolve().parents}
        # A link to where we came from would go on without end.
        folders[:] = [name for name in folders if not _hidden(name) and (here / name).resolve() not in above]
        paths = (here / name for name in names if not _hidden(name))
        yield from (path for path in paths if path.is_file() or path.is_symlink())


def _hidden(name: str) -> bool:
    return name.startswith(("_", "."))


def _cut(path: Path, name: Path) -> Iterator[Shard]:
    status = path.stat()
    whole = Shard(str(path.absolute()), str(name), status.st_size, status.st_mtime_ns)
    parts = _row_groups(path) if suffix_of(path) == ".parquet" else []
    if len(parts) < 2:
        yield whole
        return
    for place, (first, end) in enumerate(parts):
        target = name.with_name(f"{name.stem}-{place:05d}{name.suffix}")
        yield Shard(whole.source, str(target), whole.size, whole.changed, first, end)


def _row_groups(path: Path) -> list[tuple[int, int]]:
    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError):  # whoever reads the shard says what is wrong with it
        return []
    parts, first, rows = [], 0, 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        if rows >= _ROWS_WANTED or group + 1 - first == _ROW_GROUPS_MAX:
            parts.append((first, group + 1))
            first, rows = group + 1, 0
    if first < metadata.num_row_groups:
        parts.append((first, metadata.num_row_groups))
    return parts
