"""A small file system in memory, in a mount namespace of its own: gone with the process that has it."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.scenario import scratch

#: Runs a command in such a namespace; as a user who is root there, where we are not.
APART = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
_MOUNT = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs"]


@functools.cache
def may_mount() -> bool:
    """Whether file systems can be mounted here."""
    with scratch() as path:
        try:
            return subprocess.run([*APART, *_MOUNT, path], capture_output=True).returncode == 0
        except FileNotFoundError:
            return False


@contextmanager
def mounted(path: Path) -> Iterator[None]:
    """A file system of 64 MiB at `path`, an empty directory, for the block. For processes run by `APART`."""
    subprocess.run([*_MOUNT, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
