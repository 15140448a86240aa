"""Children of this process that may be killed: forked, so that one costs milliseconds and starts warm."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import Self

Tell = Callable[[str], None]


class Child:
    """A forked process that does `work(tell)` and ends; `tell(line)` sends a line to us, whatever happens then."""

    def __init__(self, work: Callable[[Tell], None]) -> None:
        pipe, told = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads that Arrow has, and knows how to fork with
            self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                work(lambda line: _tell(told, line))
                code = 0
            except AssertionError as error:
                _tell(told, str(error) or traceback.format_exc())
            except BaseException:
                _tell(told, traceback.format_exc())
            finally:
                os._exit(code)
        os.close(told)
        self._lines = os.fdopen(pipe)

    def line(self) -> str:
        """Wait for the next line that it tells."""
        return self._lines.readline().rstrip()

    def kill(self) -> Self:
        """Kill it with SIGKILL, if it still is there."""
        os.kill(self._pid, signal.SIGKILL)
        return self

    def ended(self) -> tuple[int, list[str]]:
        """Wait for its end: its exit code, or minus the signal that killed it, and the lines it told since."""
        with self._lines:
            lines = self._lines.read().splitlines()
        _, status = os.waitpid(self._pid, 0)
        return os.waitstatus_to_exitcode(status), lines

    def ended_well(self) -> list[str]:
        """The lines it told, at its end; AssertionError, with what it said last, unless its exit code is 0."""
        code, lines = self.ended()
        assert code == 0, "\n".join(lines) or f"the child ended with {code}"
        return lines


def _tell(pipe: int, line: str) -> None:
    os.write(pipe, f"{line}\n".encode())
