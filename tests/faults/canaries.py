"""Ways to write a file that lose it: each must be found by the test that looks for it, or the test is worth nothing."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from portdip import files
from tests.faults.scenario import Acknowledge, Scenario

_LAST = 3
#: Some writes of a disk's sector, and more than one.
_REPEATS = 1200


def _counting(write: Callable[[Path, bytes], None]) -> Scenario:
    """A file that holds one number many times over, written again by `write` to count up."""

    def content(sequence: int) -> bytes:
        return b"%08d" % sequence * _REPEATS

    def prepare(path: Path, chance: random.Random) -> int:
        files.write(path / "counter", content(0))
        return 0

    def run(path: Path, acknowledge: Acknowledge) -> None:
        for sequence in range(int(files.read_bytes(path / "counter")[:8]) + 1, _LAST + 1):
            write(path / "counter", content(sequence))
            acknowledge(sequence)

    def check(path: Path, acknowledged: int) -> int:
        found = (path / "counter").read_bytes()
        sequence = int(found[:8] or b"-1")
        assert found == content(sequence), "torn"
        assert sequence >= acknowledged, f"lost {acknowledged}"
        return sequence

    return Scenario(prepare, run, check)


def _in_place(path: Path, content: bytes) -> None:
    """Overwrite the file."""
    handle = files.disk.open(path, os.O_WRONLY)
    files.disk.write(handle, content, 0)
    files.disk.fsync(handle)
    files.disk.close(handle)


def _beside(path: Path, content: bytes, *, sync_file: bool, sync_directory: bool) -> None:
    """Write a temporary and rename it, with one sync left out."""
    temporary = path.with_suffix(".tmp")
    handle = files.disk.open(temporary, os.O_WRONLY | os.O_CREAT)
    files.disk.write(handle, content, 0)
    if sync_file:
        files.disk.fsync(handle)
    files.disk.close(handle)
    files.disk.rename(temporary, path)
    if sync_directory:
        files.sync(path.parent)


def _deaf(path: Path, content: bytes) -> None:
    """Take every error for success."""
    try:
        files.write(path, content)
    except OSError:
        return


def _too_soon() -> Scenario:
    """Acknowledge before writing."""
    right = _counting(files.write)

    def run(path: Path, acknowledge: Acknowledge) -> None:
        for sequence in range(int(files.read_bytes(path / "counter")[:8]) + 1, _LAST + 1):
            acknowledge(sequence)
            time.sleep(0.01)
            files.write(path / "counter", b"%08d" % sequence * _REPEATS)

    return Scenario(right.prepare, run, right.check)


#: By what is wrong with each; "right" has nothing wrong.
CANARIES = {
    "right": _counting(files.write),
    "in-place": _counting(_in_place),
    "no-file-sync": _counting(lambda path, content: _beside(path, content, sync_file=False, sync_directory=True)),
    "no-directory-sync": _counting(lambda path, content: _beside(path, content, sync_file=True, sync_directory=False)),
    "deaf": _counting(_deaf),
    "too-soon": _too_soon(),
}
