"""Programs of other people, as processes of their own that have ended when the test has."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.faults.mounting import APART
from tests.service.nodes import PATIENCE_S


@contextlib.contextmanager
def running(command: list[str], log: Path, is_ready: Callable[[], bool]) -> Iterator[None]:
    """A server for the block, once it is ready. It and what it has started get SIGTERM in the end, and then SIGKILL."""
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE_S
        while not is_ready():
            assert process.poll() is None, f"{command} ended: {log.read_text()}"
            assert time.monotonic() < until, f"{command} does not answer: {log.read_text()}"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def output(*command: object, environment: Mapping[str, str] | None = None) -> str:
    """What a program says; AssertionError with all of it where it fails."""
    finished = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        env=os.environ | (environment or {}),
    )
    assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"
    return finished.stdout


def loopback_address() -> str:
    """An address of this machine that nobody else uses, so that port 53 is free there."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(2, 254)}"


def resolving_at(name_server: str, command: list[str], folder: Path) -> list[str]:
    """The command, in a mount namespace where /etc/resolv.conf names that server and no other."""
    named = folder / "resolv.conf"
    named.write_text(f"nameserver {name_server}\n")
    return [*APART, "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', str(named), *command]
