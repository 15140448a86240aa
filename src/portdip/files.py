"""The only module that touches the disk: atomic replace, put if absent, sync, lock, read, map.

Publishing is always write temporary, sync, rename, sync directory, so a reader or a crash sees the old file or the
new one and nothing between. Nothing here knows what the bytes mean. Any thread may call anything here.

All of it goes through the calls of `disk` (`portdip.disk`), and tests put another one there. Only to ask whether a path
is there, pathlib will do.

A temporary is named as its target with a dot before and `.tmp` behind, and locked by who writes it. So the next writer
of a target takes over what a crash left of it, and two writers of one target never mix: the second gets
BlockingIOError.

Every OSError from here names the file.
"""

from __future__ import annotations

import contextlib
import errno
import io
import mmap
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from portdip.disk import Disk
from portdip.errors import StoreLockedError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_HUGE_PAGE = 2 << 20
_BUFFER_BYTES = 1 << 16
_LOCK_POLL_S = 0.02
_OWNER_BYTES = 200
_WRITING = os.O_WRONLY | os.O_CREAT
#: What the system says where a file is missing or its bytes are lost.
_LOSSES = {
    getattr(errno, name)
    for name in ("ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EIO", "EBADMSG", "EUCLEAN", "ENODATA")
    if hasattr(errno, name)
}

#: What all of this module goes through.
disk = Disk()


def is_loss(error: OSError) -> bool:
    """Whether the error says that a file is missing or its bytes are lost.

    Otherwise the system could not give them now, for want of a descriptor, of memory or of a permission, and the
    file may be as good as ever.
    """
    return error.errno is None or error.errno in _LOSSES


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under `path`, whole and synced, when the block ends without an error.

    On an error the temporary file is removed and whatever was under `path` stays; only where syncing the directory
    fails, last of all, is the new file there and may be gone after a power cut. Raises OSError at once where `path`
    is a directory or is in none.
    """
    with _appearing(path, new=False) as file:
        yield file


def write(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Put `content` under `path` atomically; `mode` as in `write_new`."""
    with _appearing(path, new=False, mode=mode) as file:
        file.write(content)


def write_new(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Put `content` under `path` atomically if nothing is there, else FileExistsError.

    Of several that write here, one wins; what others than portdip do meanwhile is not seen. `mode` are the file's
    permissions, less the process's umask.
    """
    with _appearing(path, new=True, mode=mode) as file:
        file.write(content)


@contextlib.contextmanager
def _appearing(path: Path, new: bool, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file for the block to write beside `path`, whose name it gets when it is synced."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent))
    temporary = _temporary(path)
    with _syncing(path.parent), _buffered(temporary, handle := _claim(temporary, _WRITING, mode)) as file:
        try:
            if new and os.path.lexists(path):  # nobody else writes it while the temporary is ours
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            if os.fstat(handle).st_size:  # left by a crash
                with _naming(temporary):
                    disk.truncate(handle, 0)
            yield file
            file.flush()
            with _naming(temporary):
                disk.fsync(handle)
            disk.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                disk.unlink(temporary)
            raise


@contextlib.contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """A scratch directory that becomes `path`, whole and synced, when the block ends without an error."""
    make_directory(path.parent)
    with scratch_directory(_temporary(path)) as scratch:
        yield scratch
        move_directory(scratch, path)


@contextlib.contextmanager
def scratch_directory(path: Path) -> Iterator[Path]:
    """An empty directory for the block, removed with all in it afterwards; what a crash left there goes first.

    Where it cannot be removed afterwards it stays for the next one to clear: that is no error of the block.
    """
    with contextlib.suppress(FileExistsError):
        disk.mkdir(path)
    handle = _claim(path, os.O_RDONLY)
    try:
        _empty_directory(path)
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):
                remove_directory(path)
    finally:
        disk.close(handle)


def make_directory(path: Path) -> None:
    """Make `path` and the directories above it that are missing, for good; nothing happens if it is there."""
    if path.is_dir():
        return
    make_directory(path.parent)
    with _syncing(path.parent):
        try:
            disk.mkdir(path)
        except FileExistsError:
            if not path.is_dir():
                raise


def move_directory(scratch: Path, path: Path) -> None:
    """Give a finished directory its name `path`: all in it is synced first, so it appears whole or not at all."""
    _sync_tree(scratch)
    with _syncing(path.parent):
        disk.rename(scratch, path)


def remove_directory(path: Path) -> None:
    """Remove a directory and all in it; nothing happens if it is not there. Symbolic links are not followed."""
    if path.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, "a symbolic link, not a directory", str(path))
    with contextlib.suppress(FileNotFoundError):
        _empty_directory(path)
        disk.rmdir(path)


def create(path: Path, mode: int = 0o666) -> BinaryIO:
    """A new file for writing, to be closed by the caller; FileExistsError if it is there.

    For files inside a scratch directory, which `move_directory` syncs, and for those that need not outlive a crash.
    `mode` as for `write_new`.
    """
    return _buffered(path, disk.open(path, _WRITING | os.O_EXCL, mode))


def remove(path: Path) -> None:
    """Remove a file, for good; FileNotFoundError if it is not there."""
    with _syncing(path.parent):
        disk.unlink(path)


def remove_unfinished(path: Path) -> None:
    """Remove what a process that was killed had written of a file; nothing happens where one writes it still."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError), _opened(_temporary(path), os.O_WRONLY) as handle:
        disk.lock(handle)
        remove(_temporary(path))


def sync(path: Path) -> None:
    """Bring a file's bytes to the disk, or a directory's entries."""
    with _opened(path) as handle, _naming(path):
        disk.fsync(handle)


@contextlib.contextmanager
def locked(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the exclusive lock file `path` for the block; it names its owner.

    Raises StoreLockedError when another process holds it, and goes on doing so for `patience` seconds. The lock
    goes with its process, so a crash leaves nothing to clean up.
    """
    deadline = time.monotonic() + patience
    with _opened(path, os.O_RDWR | os.O_CREAT) as handle:
        with _naming(path):
            while True:
                try:
                    disk.lock(handle)
                    break
                except BlockingIOError as error:
                    if time.monotonic() >= deadline:
                        raise _locked(path, handle) from error
                time.sleep(_LOCK_POLL_S)
            # Of one length, so that nothing of an older name stays: truncating would cost as much as the rest.
            disk.write(handle, f"pid {os.getpid()} on {socket.gethostname()}".encode().ljust(_OWNER_BYTES), 0)
        yield


def _locked(path: Path, handle: int) -> StoreLockedError:
    name = bytearray(_OWNER_BYTES)
    owner = name[: _fill(path, handle, memoryview(name))].decode(errors="replace").strip() or "unknown"
    return StoreLockedError(
        "another process is writing", where=str(path), got=f"held by {owner}", fix="Wait for it, or stop it."
    )


def names(path: Path) -> list[str]:
    """The names of what is in a directory, in order."""
    return [name for name, _ in disk.entries(path)]


def read_bytes(path: Path) -> bytes:
    """All bytes of a file, as many as it had when it was opened."""
    return b"".join(read_blocks(path, 1 << 20))


def read_blocks(path: Path, count: int) -> Iterator[bytes]:
    """The bytes of a file, `count` at a time; fewer only in the last block. What is appended meanwhile is left out."""
    with _opened(path) as handle:
        size = max(os.fstat(handle).st_size, 1)  # what has none, such as a pipe, raises when it is read
        block, offset = memoryview(bytearray(min(count, size))), 0
        while filled := _fill(path, handle, block[: size - offset], offset):
            yield bytes(block[:filled])
            offset += filled


def read_head(path: Path, count: int) -> tuple[bytes, int]:
    """The first `count` bytes (fewer if the file is shorter) and the file's size, without reading ahead."""
    with _opened(path) as handle:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
        head = bytearray(count)
        filled = _fill(path, handle, memoryview(head))
        return bytes(head[:filled]), os.fstat(handle).st_size


def map_readonly(path: Path) -> mmap.mmap:
    """The file's bytes, mapped and shared; reads nothing yet. An empty file raises ValueError, as mmap does."""
    with _opened(path) as handle, _naming(path):
        return disk.map(handle)


def read_into_huge_pages(path: Path) -> memoryview:
    """The file's bytes copied into private memory that starts on a 2 MiB page, huge pages where the kernel has them.

    Random access to it misses the translation cache about a third as often as in a mapped file. The memory is freed
    with the last reference to the returned view.
    """
    import ctypes

    with _opened(path) as handle, _naming(path):
        size = os.fstat(handle).st_size
        # Not shared, which mmap makes by itself: the kernel gives shared memory no transparent huge pages.
        area = mmap.mmap(-1, size + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):
                area.madvise(mmap.MADV_HUGEPAGE)
        view = memoryview(area)
        start = -ctypes.addressof(ctypes.c_char.from_buffer(view)) % _HUGE_PAGE
        target = view[start : start + size]
        return target[: _fill(path, handle, target)]


class _Writer(io.RawIOBase):
    """A file open for writing, unbuffered. It has no `fileno`, so that nobody writes past the disk."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._position = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: os.fstat(self._handle).st_size}
        self._position = starts[whence] + offset
        return self._position

    def write(self, content: ReadableBuffer) -> int:
        with _naming(self._path):
            count = disk.write(self._handle, content, self._position)
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            disk.close(self._handle)


def _buffered(path: Path, handle: int) -> BinaryIO:
    return io.BufferedWriter(_Writer(path, handle), _BUFFER_BYTES)


@contextlib.contextmanager
def _opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    handle = disk.open(path, flags)
    try:
        yield handle
    finally:
        disk.close(handle)


@contextlib.contextmanager
def _syncing(directory: Path) -> Iterator[None]:
    """Sync the directory after the block. It is opened before, so that then nothing but the medium can fail."""
    with _opened(directory) as handle:
        yield
        with _naming(directory):
            disk.fsync(handle)


def _claim(temporary: Path, flags: int, mode: int = 0o666) -> int:
    """A handle on a temporary, locked; BlockingIOError where it is being written."""
    while True:
        handle = disk.open(temporary, flags, mode)
        try:
            with _naming(temporary):
                disk.lock(handle)
            # Whoever had it may have renamed or removed it between our two calls.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(temporary)):
                    return handle
        except BaseException:
            disk.close(handle)
            raise
        disk.close(handle)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _fill(path: Path, handle: int, target: memoryview, offset: int = 0) -> int:
    """Read until `target` is full or the file ends; how many bytes there are."""
    filled = 0
    with _naming(path):
        while filled < len(target):
            count = disk.read(handle, target[filled:], offset + filled)
            if not count:
                break
            filled += count
    return filled


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in an error that the system gives for a handle."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _sync_tree(directory: Path) -> None:
    for name, is_directory in disk.entries(directory):
        if is_directory:
            _sync_tree(directory / name)
        else:
            sync(directory / name)
    sync(directory)


def _empty_directory(directory: Path) -> None:
    for name, is_directory in disk.entries(directory):
        if is_directory:
            _empty_directory(directory / name)
            disk.rmdir(directory / name)
        else:
            disk.unlink(directory / name)
