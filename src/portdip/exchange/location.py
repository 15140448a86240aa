"""Places outside the store, local or remote, by one text: a path, or a URI of a file system that Arrow knows.

    /var/lib/npdb/drop                        a directory here
    file:///var/lib/npdb/drop                 the same
    s3://bucket/prefix?region=eu-west-1       an object store; access as the provider's own tools find it
    gs://bucket/prefix                        another one; also abfss:// and hdfs://

The forms of the URIs are those of `pyarrow.fs.FileSystem.from_uri`.

`Location` is what is read and written there: files by names relative to the place, such as `deltas/BASE`. A file is
there whole under its name or not at all: here it is written aside, synced and renamed; an object store shows an object
when it is complete; on any other file system it is written aside and moved. Names that begin with a dot are nobody's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pyarrow import fs

from portdip import files
from portdip.errors import LocationError

#: How much is read at a time, in bytes.
BLOCK_BYTES = 1 << 20
#: The largest file that `read_whole` reads, in bytes; no delta and no manifest is as large.
WHOLE_MAX = 128 << 20

#: File systems, as Arrow calls them, where an object appears when it is complete.
_OBJECT_STORES = {"s3", "gcs", "abfs"}
_READ_AHEAD_BYTES = 8 << 20


def open_location(text: str) -> tuple[fs.FileSystem, str]:
    """The file system of a location and the path in it. Nothing need be there yet.

    Raises LocationError for a URI that says no file system, or one that cannot be reached.

    >>> open_location("/tmp/drop/")[1]
    '/tmp/drop'
    """
    if "://" not in text:
        return fs.LocalFileSystem(), os.path.abspath(os.path.expanduser(text))
    try:
        filesystem, path = fs.FileSystem.from_uri(text)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise LocationError(
            "not a place to read or write",
            where=text,
            expected="a path, or a URI such as s3://bucket/prefix",
            got=str(error)[:200],
        ) from error
    return filesystem, path.rstrip("/") or "/"


class Location(Protocol):
    """The files of a place. All methods raise OSError, FileNotFoundError where a file is not there.

    For one thread at a time.
    """

    @property
    def name(self) -> str:
        """What people call the place."""

    def sizes(self, directory: str) -> dict[str, int]:
        """The sizes in bytes of the files in a directory, by name; '' is the place itself. Nothing there: none."""

    def directories(self, directory: str) -> list[str]:
        """The names of the directories in a directory, in order."""

    def size_of(self, count: int) -> int:
        """How many bytes a file of `count` bytes takes here."""

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, `BLOCK_BYTES` at a time; fewer only in the last block."""

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """Put a file there, whole, in the place of what has its name; directories are made as needed.

        Where `blocks` raises an error nothing is put.
        """


def location_at(text: str) -> Location:
    """The place that a text names; as `open_location`."""
    filesystem, path = open_location(text)
    if isinstance(filesystem, fs.LocalFileSystem):
        return LocalLocation(Path(path))
    return RemoteLocation(filesystem, path, text.rstrip("/"))


def read_whole(location: Location, name: str) -> bytes:
    """All bytes of a file. Raises LocationError for one larger than `WHOLE_MAX`, and OSError."""
    content = bytearray()
    for block in location.blocks(name):
        content += block
        if len(content) > WHOLE_MAX:
            raise LocationError(
                "the file is too large", where=f"{location.name}/{name}", expected=f"at most {WHOLE_MAX} bytes"
            )
    return bytes(content)


class LocalLocation:
    """A directory of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def sizes(self, directory: str) -> dict[str, int]:
        """As `Location`."""
        found = {}
        for path in self._inside(directory):
            with contextlib.suppress(FileNotFoundError):
                if not path.is_dir():
                    found[path.name] = path.stat().st_size
        return found

    def directories(self, directory: str) -> list[str]:
        """As `Location`."""
        return [path.name for path in self._inside(directory) if path.is_dir()]

    def size_of(self, count: int) -> int:
        """As `Location`."""
        return count

    def blocks(self, name: str) -> Iterator[bytes]:
        """As `Location`."""
        return files.read_blocks(self.path / name, BLOCK_BYTES)

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """As `Location`."""
        path = self.path / name
        files.make_directory(path.parent)
        with files.replacing(path) as file:
            for block in blocks:
                file.write(block)

    def _inside(self, directory: str) -> list[Path]:
        path = self.path / directory
        try:
            return [path / name for name in files.names(path) if not name.startswith(".")]
        except FileNotFoundError:
            return []


class RemoteLocation:
    """A directory of any other file system, which people call `name`."""

    def __init__(self, filesystem: fs.FileSystem, path: str, name: str) -> None:
        self._filesystem = filesystem
        self._path = path
        self._name = name
        self._made: set[str] = set()

    @property
    def name(self) -> str:
        """The URI."""
        return self._name

    def sizes(self, directory: str) -> dict[str, int]:
        """As `Location`."""
        return {info.base_name: info.size or 0 for info in self._inside(directory) if info.type == fs.FileType.File}

    def directories(self, directory: str) -> list[str]:
        """As `Location`."""
        found = self._inside(directory)
        return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)

    def size_of(self, count: int) -> int:
        """As `Location`."""
        return count

    def blocks(self, name: str) -> Iterator[bytes]:
        """As `Location`."""
        with self._filesystem.open_input_stream(
            f"{self._path}/{name}", compression=None, buffer_size=_READ_AHEAD_BYTES
        ) as stream:
            block = bytearray()
            while read := stream.read(BLOCK_BYTES - len(block)):
                block += read
                if len(block) == BLOCK_BYTES:
                    yield bytes(block)
                    block.clear()
            if block:
                yield bytes(block)

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """As `Location`.

        Arrow cannot take back an object that is half written: after an error in `blocks` it is there for a moment,
        and removed. So what is made of several files is complete when the one file is there that is put last.
        """
        parent, _, base = f"{self._path}/{name}".rpartition("/")
        if parent not in self._made:
            self._filesystem.create_dir(parent, recursive=True)
            self._made.add(parent)
        if self._filesystem.type_name in _OBJECT_STORES:
            self._write(f"{parent}/{base}", blocks)
        else:
            self._write(f"{parent}/.{base}.tmp", blocks)
            self._filesystem.move(f"{parent}/.{base}.tmp", f"{parent}/{base}")

    def _write(self, path: str, blocks: Iterable[bytes]) -> None:
        stream = self._filesystem.open_output_stream(path, compression=None)
        try:
            for block in blocks:
                stream.write(block)
        except BaseException:
            with contextlib.suppress(OSError):
                stream.close()
            with contextlib.suppress(OSError):
                self._filesystem.delete_file(path)
            raise
        stream.close()

    def _inside(self, directory: str) -> list[fs.FileInfo]:
        path = f"{self._path}/{directory}" if directory else self._path
        found = self._filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return [info for info in found if not info.base_name.startswith(".")]
