"""How verbs that go on for ever come to an end: SIGTERM and SIGINT end them after what they are doing."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def stopping() -> Iterator[Callable[[float], bool]]:
    """The block gets `wait(seconds)`, which says whether it is to end, at once when a signal comes.

    The second signal ends the process as it always does. For the main thread.
    """
    stop = threading.Event()
    usual = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end(number: int, _: object) -> None:
        signal.signal(number, usual[signal.Signals(number)])
        stop.set()

    for number in usual:
        signal.signal(number, end)
    try:
        yield stop.wait
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
