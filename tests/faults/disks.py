"""Disks that fail: what a test puts into `portdip.files.disk`."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portdip import files
from portdip.disk import Disk

#: Calls after which a disk holds something else, or holds it more surely.
CHANGING = {"create", "write", "truncate", "fsync", "rename", "unlink", "mkdir", "rmdir"}


@dataclass(frozen=True)
class Call:
    """A call of the disk: its name, and the paths, from the scenario's directory, that it is about."""

    name: str
    path: str
    target: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.path}" + f" to {self.target}" * bool(self.target)


class WatchedDisk(Disk):
    """A disk below `root` that shows each call to `watch`, which may do it, or something else."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths: dict[int, Path] = {}

    def watch(self, call: Call, do: Callable[..., Any], *arguments: Any) -> Any:
        """Do the call; for others to override."""
        return do(*arguments)

    def relative(self, path: Path) -> str:
        return os.path.relpath(path, self._root)

    def _about(self, name: str, path: Path, *target: Path) -> Any:
        call = Call(name, self.relative(path), *map(self.relative, target))
        return self.watch(call, getattr(super(), name), path, *target)

    def _on(self, name: str, handle: int, *arguments: Any) -> Any:
        return self.watch(Call(name, self.relative(self._paths[handle])), getattr(super(), name), handle, *arguments)

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        call = Call("create" if flags & os.O_CREAT else "open", self.relative(path))
        handle: int = self.watch(call, super().open, path, flags, mode)
        self._paths[handle] = path
        return handle

    def close(self, handle: int) -> None:
        self._paths.pop(handle, None)
        super().close(handle)

    def read(self, handle: int, target: Any, offset: int) -> int:
        return self._on("read", handle, target, offset)

    def write(self, handle: int, content: Any, offset: int) -> int:
        return self._on("write", handle, content, offset)

    def truncate(self, handle: int, size: int) -> None:
        self._on("truncate", handle, size)

    def fsync(self, handle: int) -> None:
        self._on("fsync", handle)

    def map(self, handle: int) -> mmap.mmap:
        return self._on("map", handle)

    def lock(self, handle: int) -> None:
        self._on("lock", handle)

    def rename(self, source: Path, target: Path) -> None:
        self._about("rename", source, target)

    def unlink(self, path: Path) -> None:
        self._about("unlink", path)

    def mkdir(self, path: Path) -> None:
        self._about("mkdir", path)

    def rmdir(self, path: Path) -> None:
        self._about("rmdir", path)

    def entries(self, path: Path) -> list[tuple[str, bool]]:
        return self._about("entries", path)


@contextmanager
def in_use(disk: Disk) -> Iterator[None]:
    """Have portdip use this disk for the block."""
    before = files.disk
    files.disk = disk
    try:
        yield
    finally:
        files.disk = before
