"""Work killed by SIGKILL at any boundary: before and after every statement and commit of the database, and before
every call that changes a file, so that nothing ever happens between two points."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from portdip.porting import prepared
from tests.faults.disks import CHANGING, Call, WatchedDisk, in_use
from tests.faults.processes import Child, Tell

Work = Callable[[], None]


class Points:
    """Counts boundaries; at the one numbered `at` this process dies. 0: it does not."""

    def __init__(self, at: int, tell: Tell) -> None:
        self.count = 0
        self._at = at
        self._tell = tell

    def reached(self, where: str) -> None:
        self.count += 1
        if self.count == self._at:
            self._tell(f"killed {where}")
            os.kill(os.getpid(), signal.SIGKILL)


class _Disk(WatchedDisk):
    def __init__(self, root: Path, points: Points) -> None:
        super().__init__(root)
        self._points = points

    def watch(self, call: Call, do: Callable[..., Any], *arguments: Any) -> Any:
        if call.name in CHANGING:
            self._points.reached(f"before {call}")
        return do(*arguments)


def _watch_statements(points: Points) -> None:
    """For good: only ever called in a child."""

    def statement(connection, cursor, statement, parameters, context, many):
        points.reached(f"around {statement[:60]}")

    def executed(form, driver, rows):
        points.reached(f"around {form.text[:60]}")
        cursor = execute(form, driver, rows)
        points.reached(f"around {form.text[:60]}")
        return cursor

    execute, prepared._Form.executed = prepared._Form.executed, executed
    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "after_cursor_execute", statement)
    event.listen(Engine, "commit", lambda connection: points.reached("before a commit"))


def points(work: Work, root: Path) -> int:
    """How many points `work` has, which works on files below `root`. It is done, in a child."""

    def count(tell: Tell) -> None:
        counting = Points(0, tell)
        _watch_statements(counting)
        with in_use(_Disk(root, counting)):
            work()
        tell(str(counting.count))

    return int(Child(count).ended_well()[-1])


def kill(work: Work, root: Path, at: int) -> str:
    """Do `work` in a child that dies at the point `at`; where that was."""

    def run(tell: Tell) -> None:
        dying = Points(at, tell)
        _watch_statements(dying)
        with in_use(_Disk(root, dying)):
            work()

    code, lines = Child(run).ended()
    assert code == -signal.SIGKILL, "\n".join(lines)
    return lines[-1]
