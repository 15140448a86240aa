"""The only module that touches the disk: atomic replace, sync, lock, map.

Publishing is always write temporary, sync, rename, sync directory, so a reader or a crash sees the old file or the
new one and nothing between. Nothing here knows what the bytes mean.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from portdip.errors import StoreLockedError

_HUGE_PAGE = 2 << 20


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under `path`, whole and synced, when the block ends without an error.

    On an error the temporary file is removed and whatever was under `path` stays. Raises OSError at once
    where `path` is a directory or is in none.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write(path: Path, content: bytes) -> None:
    """Put `content` under `path` atomically."""
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """A scratch directory that becomes `path`, whole and synced, when the block ends without an error."""
    with scratch_directory(path.with_name(f".{path.name}.{os.getpid()}.tmp")) as scratch:
        yield scratch
        move_directory(scratch, path)


@contextlib.contextmanager
def scratch_directory(path: Path) -> Iterator[Path]:
    """An empty directory for the block, removed with all in it afterwards; what a crash left there goes first."""
    remove_directory(path)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        remove_directory(path)


def move_directory(scratch: Path, path: Path) -> None:
    """Give a finished directory its name `path`: all in it is synced first, so it appears whole or not at all."""
    for directory, _, names in os.walk(scratch):
        for name in names:
            sync_file(Path(directory, name))
        sync_directory(Path(directory))
    os.rename(scratch, path)
    sync_directory(path.parent)


def remove_directory(path: Path) -> None:
    """Remove a directory and all in it; nothing happens if it is not there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def create(path: Path) -> BinaryIO:
    """A new file for writing, to be closed by the caller; FileExistsError if it is there.

    For files inside a scratch directory: `move_directory` syncs them.
    """
    return open(path, "xb")


def sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Bring a directory's entries to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock file `path` for the block; it names its owner.

    Raises StoreLockedError at once when another process holds it. The lock goes with its process, so a crash
    leaves nothing to clean up.
    """
    with open(path, "a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            owner = file.read(200).decode(errors="replace").strip() or "unknown"
            raise StoreLockedError(
                "another process is writing", where=str(path), got=f"held by {owner}", fix="Wait for it, or stop it."
            ) from error
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {socket.gethostname()}\n".encode())
        file.flush()
        yield


def read_head(path: Path, count: int) -> tuple[bytes, int]:
    """The first `count` bytes (fewer if the file is shorter) and the file's size, without reading ahead."""
    with open(path, "rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        return file.read(count), os.fstat(file.fileno()).st_size


def map_readonly(path: Path) -> mmap.mmap:
    """The file's bytes, mapped and shared; reads nothing yet. An empty file raises ValueError, as mmap does."""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_into_huge_pages(path: Path) -> memoryview:
    """The file's bytes copied into private memory that starts on a 2 MiB page, huge pages where the kernel has them.

    Random access to it misses the translation cache about a third as often as in a mapped file. The memory is freed
    with the last reference to the returned view.
    """
    size = path.stat().st_size
    area = mmap.mmap(-1, size + _HUGE_PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            area.madvise(mmap.MADV_HUGEPAGE)
    view = memoryview(area)
    start = -_address(view) % _HUGE_PAGE
    target = view[start : start + size]
    with open(path, "rb", buffering=0) as file:
        filled = 0
        while filled < size:
            count = file.readinto(target[filled:])
            if not count:
                break
            filled += count
    return target[:filled]


def _address(view: memoryview) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(view))
