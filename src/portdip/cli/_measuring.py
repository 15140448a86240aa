"""Measuring from a verb: how long it takes is said before, a bar shows how far it is, and no signal leaves anything."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from portdip.cli import _terminal
from portdip.errors import CapacityError

if TYPE_CHECKING:
    from portdip.capacity.result import Result
    from portdip.capacity.suite.running import Extent

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def measured(extent: Extent, seed: int, directory: Path) -> Result:
    """What `portdip.capacity.suite.running.run` measures, and raises. For the main thread.

    Ended by SIGINT, SIGTERM or SIGHUP it stops the server that is asked and removes the stores.
    """
    from portdip.capacity.suite import running

    _terminal.errors().print(
        f"measures for about {extent.seconds_all:.0f} seconds at most; loopback only", soft_wrap=True
    )
    with _ending_once(), _terminal.steps() as report:
        return running.run(extent, seed, directory, report)


def check_writable(path: Path, option: str) -> None:
    """Raise CapacityError where no file can be written at `path`: to be known before anything is measured for it."""
    if path.exists() and not path.is_file():
        problem, where = "no regular file", path
    elif not path.parent.is_dir():
        problem, where = "no such directory", path.parent
    elif not os.access(path.parent, os.W_OK | os.X_OK):
        problem, where = "no permission to write there", path.parent
    else:
        return
    raise CapacityError(problem, where=f"{option} {where}")


@contextmanager
def _ending_once() -> Iterator[None]:
    """Signals that end a process end the block by an exception, and do not interrupt what it cleans up then.

    A terminal that is closed sends more than one. What is ignored (`nohup`) stays so.
    """
    usual = {number: signal.getsignal(number) for number in _ENDING}
    heard = [number for number in _ENDING if usual[number] is not signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, usual[number])
