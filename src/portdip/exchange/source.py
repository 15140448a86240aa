"""Where deltas come from: what a source of them is, and the one that is a directory, here or in an object store.

A source offers what may be new and vouches for nothing: what it offers may be old, out of order, cut short or
forged. It keeps no state that outlives the process; where a node stands is what its chain says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import fs

from portdip.errors import LocationError
from portdip.exchange import delta
from portdip.exchange.chain import file_name, sequence_named
from portdip.exchange.location import open_location
from portdip.exchange.waiting import AHEAD_MAX

#: Seconds after which what is torn or cannot be read is thought to stay so.
PATIENCE = 30.0
#: The largest file that is read, in bytes; no delta is as large, not even one with every text at its longest.
SIZE_MAX = 128 << 20

_DIRECTORY = "deltas"
#: A directory is listed no more often than this, in seconds, and at most this share of the time.
_LIST_SECONDS = 1.0
_LIST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes that may be a delta, and what its source calls them.

    `settled` says that no more of it is to come as far as the source can tell. `problem`, with empty content, is why it
    could not be read for so long that the source thinks it never will.
    """

    name: str
    content: bytes
    settled: bool
    problem: LocationError | None = None


class Source(Protocol):
    """Where deltas come from. Calls do not block for news, but may for the network. For one thread.

    All raise OSError or LocationError while the source cannot be reached.
    """

    @property
    def name(self) -> str:
        """What people call it; the origin of an arrival is this, a slash and the arrival's name."""

    def arrivals(self, after: int, now: float) -> Iterator[Arrival]:
        """What may be new to a chain that ends with `after`, in order of sequence where the source knows it.

        `now` is seconds of a clock that never goes back. Each arrival is offered once; one that is not fetched from
        the iterator is offered by the next.
        """

    def watch(self, arrival: Arrival) -> None:
        """An arrival was not good as it is, or waits: offer it again when it has changed, and now and then anyway."""

    def again(self, arrival: Arrival, after: int) -> None:
        """An arrival was not taken: offer it again, once the chain has come to `after`."""

    def newest(self) -> int | None:
        """The highest sequence known to be there; None if none is known."""


@dataclass(slots=True)
class _File:
    """A file as it was when it was offered, since when it is so, and when to offer it again though it is still so."""

    version: tuple[fs.FileType, int | None, int | None]
    since: float
    at: float = math.inf
    after: float = math.inf


class DirectorySource:
    """A directory at `location` (see `portdip.exchange.location`) with a file for each delta.

    If there is a directory `deltas` in it that one is read, so a store or a backup may be a source. Names such as
    `00000000000000000012.delta` tell order and what is old or too far ahead to be read yet; any other `*.delta` is
    read too, but for names that begin with a dot or are no text. Each version of a file, told by size and time, is
    offered once. Files that cannot be read are tried again for `patience` seconds before one says so; what is watched
    is offered every `patience` seconds even unchanged, since a file may be mended without a trace in size and time.

    An idle `arrivals` asks for one file, the next; the directory is listed at most once a second, and only if it has
    changed where that can be told.
    """

    def __init__(self, location: str, patience: float = PATIENCE) -> None:
        self._name = location.rstrip("/") or location
        self._filesystem, self._path = open_location(location)
        self._patience = patience
        self._directory: str | None = None
        self._files: dict[str, _File] = {}
        self._newest: int | None = None
        self._now = -math.inf
        self._is_ahead = False
        self._listed_stamp: int | None = None
        self._list_from = self._list_by = -math.inf

    @property
    def name(self) -> str:
        """The location."""
        return self._name

    def newest(self) -> int | None:
        """The highest sequence that a name tells."""
        return self._newest

    def watch(self, arrival: Arrival) -> None:
        """Offer the file again when it has changed or `patience` seconds have passed."""
        if file := self._files.get(arrival.name):
            file.at = self._now + self._patience

    def again(self, arrival: Arrival, after: int) -> None:
        """Offer the file again once the chain has come to `after`."""
        if file := self._files.get(arrival.name):
            file.after = after

    def arrivals(self, after: int, now: float) -> Iterator[Arrival]:
        """The next files as long as they are there; then, if it is time to list the directory, all others."""
        self._now = now
        if self._directory is None:
            self._directory = self._find_directory()
        if len(self._files) > 2 * AHEAD_MAX:
            self._forget_up_to(after)
        sequence = after + 1
        while arrival := self._next(sequence, after):
            yield arrival
            sequence += 1
        if now < self._list_from:
            return
        stamp = self._look(self._directory).mtime_ns
        if now < self._list_by and stamp is not None and stamp == self._listed_stamp and not self._is_due(after):
            return
        begun = time.perf_counter()
        listing = self._list(after)
        taken = time.perf_counter() - begun
        for info in listing:
            if arrival := self._offered(info, after):
                yield arrival
        # Only now: what was not fetched from the iterator is in the next listing.
        self._listed_stamp = stamp
        self._list_from = now + max(_LIST_SECONDS, taken / _LIST_SHARE)
        self._list_by = now + self._patience

    def _find_directory(self) -> str:
        inner = f"{self._path}/{_DIRECTORY}"
        return inner if self._look(inner).type == fs.FileType.Directory else self._path

    def _look(self, path: str | fs.FileSelector) -> Any:
        """What is at a path, or all that a selector selects."""
        try:
            return self._filesystem.get_file_info(path)
        except pa.ArrowException as error:
            raise LocationError("the source cannot be read", where=self._name, got=str(error)) from error

    def _forget_up_to(self, after: int) -> None:
        self._files = {name: file for name, file in self._files.items() if _order(name) > after}

    def _is_due(self, after: int) -> bool:
        """Whether there are files to look at though the directory is as it was."""
        return self._is_ahead or any(
            file.at <= self._now or file.after <= after or (file.at < math.inf and not self._is_settled(file))
            for file in self._files.values()
        )

    def _is_settled(self, file: _File) -> bool:
        return self._now - file.since >= self._patience

    def _next(self, sequence: int, after: int) -> Arrival | None:
        info = self._look(f"{self._directory}/{file_name(sequence)}")
        if info.type == fs.FileType.NotFound:
            return None
        self._newest = max(self._newest or 0, sequence)
        return self._offered(info, after)

    def _list(self, after: int) -> list[fs.FileInfo]:
        """What is there and may be new, in order; forgets what has gone."""
        self._directory = self._find_directory()
        found = {
            name: info
            for info in self._look(fs.FileSelector(self._directory))
            if (name := _name(info)).endswith(delta.SUFFIX) and not name.startswith(".")
        }
        named = [sequence for name in found if (sequence := sequence_named(name)) is not None]
        self._newest = max(named, default=None)
        self._is_ahead = self._newest is not None and self._newest > after + AHEAD_MAX
        self._files = {name: file for name, file in self._files.items() if name in found}
        self._forget_up_to(after)
        order = {name: _order(name) for name in found}
        new = (name for name in found if after < order[name] <= after + AHEAD_MAX or order[name] == math.inf)
        return [found[name] for name in sorted(new, key=lambda name: (order[name], name))]

    def _offered(self, info: fs.FileInfo, after: int) -> Arrival | None:
        """The file, if it is to be offered now. Its version is from before it was read, so that no change is missed."""
        name, version = info.base_name, (info.type, info.size, info.mtime_ns)
        file = self._files.get(name)
        if file is None or file.version != version:
            file = self._files[name] = _File(version, self._now)
        elif self._now < file.at and after < file.after:
            return None
        file.at = file.after = math.inf
        try:
            return Arrival(name, self._content(info), self._is_settled(file))
        except FileNotFoundError:
            del self._files[name]
            return None
        except (OSError, pa.ArrowException) as error:
            problem = LocationError("the file cannot be read", where=f"{self._name}/{name}", got=str(error))
        except LocationError as error:
            problem = error
        if not self._is_settled(file):
            file.at = self._now  # tried again at every occasion
            return None
        file.at = self._now + self._patience
        return Arrival(name, b"", True, problem)

    def _content(self, info: fs.FileInfo) -> bytes:
        if info.type != fs.FileType.File:
            raise LocationError("not a file", where=info.path)
        if info.size > SIZE_MAX:
            raise LocationError(
                "the file is too large", where=info.path, expected=f"at most {SIZE_MAX} bytes", got=str(info.size)
            )
        with self._filesystem.open_input_stream(info.path, compression=None) as stream:
            content: bytes = stream.read(SIZE_MAX)
        return content


def _name(info: fs.FileInfo) -> str:
    """The file's name, '' if it is no text: there is no way to open such a file."""
    try:
        name: str = info.base_name
    except UnicodeDecodeError:
        return ""
    return name


def _order(name: str) -> float:
    """The sequence that a name tells, the infinite for a name that tells none."""
    sequence = sequence_named(name)
    return math.inf if sequence is None else sequence
