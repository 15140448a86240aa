"""Measuring from a verb: how long it takes is said before, a bar shows how far it is, and SIGTERM leaves nothing."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from portdip.cli import _terminal

if TYPE_CHECKING:
    from portdip.capacity.result import Result
    from portdip.capacity.suite.running import Extent


def measured(extent: Extent, seed: int, directory: Path) -> Result:
    """What `portdip.capacity.suite.running.run` measures, and raises. For the main thread.

    SIGTERM ends it as SIGINT does: the server that is asked is stopped, and the stores are removed.
    """
    from portdip.capacity.suite import running

    _terminal.errors().print(
        f"measures for about {extent.seconds_all:.0f} seconds at most; loopback only", soft_wrap=True
    )
    usual = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _terminal.steps() as report:
            return running.run(extent, seed, directory, report)
    finally:
        signal.signal(signal.SIGTERM, usual)
