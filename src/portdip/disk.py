"""The calls of the system that touch the disk, as one class, so that tests can put another disk in its place.

One that dies at a chosen call, refuses it, or forgets what was not synced: `tests/faults`. Only `portdip.files` uses
it; all other code uses `portdip.files`. Any thread may call anything here.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer


class Disk:
    """The calls, one a method; a handle is a file descriptor. All raise OSError."""

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        """A handle on a file or directory, `flags` and `mode` those of os.open."""
        return os.open(path, flags, mode)

    def close(self, handle: int) -> None:
        """Let go of a handle and its lock."""
        os.close(handle)

    def read(self, handle: int, target: WriteableBuffer, offset: int) -> int:
        """Fill `target` from `offset` on; how many bytes came, which may be fewer, 0 at the end."""
        return os.preadv(handle, [target], offset)

    def write(self, handle: int, content: ReadableBuffer, offset: int) -> int:
        """Write from `offset` on; how many bytes went, which may be fewer."""
        return os.pwrite(handle, content, offset)

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(handle, size)

    def fsync(self, handle: int) -> None:
        """Bring a file's bytes, or a directory's entries, to the medium."""
        os.fsync(handle)

    def map(self, handle: int) -> mmap.mmap:
        """All of the file, mapped to be read; ValueError for an empty one."""
        return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)

    def lock(self, handle: int) -> None:
        """Take the exclusive lock; BlockingIOError where another handle has it."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file or directory another name, in the place of what has it."""
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        """Take a file's name away."""
        os.unlink(path)

    def mkdir(self, path: Path) -> None:
        """Make a directory; FileExistsError if the name is taken."""
        os.mkdir(path)

    def rmdir(self, path: Path) -> None:
        """Remove an empty directory."""
        os.rmdir(path)

    def entries(self, path: Path) -> list[tuple[str, bool]]:
        """The names in a directory, in order, and whether each is a directory."""
        with os.scandir(path) as entries:
            return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
