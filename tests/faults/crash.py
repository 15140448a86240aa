"""A process killed at every call that changes the disk, by SIGKILL, and in the middle of every write.

    python -m tests.faults.crash SCENARIO [--seed SEED] [--at POINT] [--quick]

runs the scenario as often as it has points, each time on a fresh copy and in a process that kills itself at the point;
another process then opens what is left, checks it, runs the scenario again to its end (`--quick`: after one crash
in four), and checks that nothing is left over. Failures are printed with the command that repeats them.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from tests.faults.disks import CHANGING, Call, WatchedDisk, in_use
from tests.faults.processes import Child, Tell
from tests.faults.scenario import Run, Undisturbed, scratch
from tests.faults.scenarios import ALL

_PROCESSES = 2


class KillingDisk(WatchedDisk):
    """Kills its process at point `at`: each changing call is a point before it, each write another one inside it.

    A sync is none: what it makes sure of outlives a killed process anyway.
    """

    def __init__(self, root: Path, at: int, chance: random.Random, tell: Tell) -> None:
        super().__init__(root)
        self.points = 0
        self._at = at
        self._chance = chance
        self._tell = tell

    def watch(self, call: Call, do: Callable[..., Any], *arguments: Any) -> Any:
        if call.name in CHANGING and call.name != "fsync" and self._reached():
            self._die(f"before {call}")
        if call.name == "write" and self._reached():
            handle, content, offset = arguments
            whole = memoryview(content).cast("B")
            do(handle, whole[: self._chance.randrange(len(whole))], offset)
            self._die(f"inside {call}")
        return do(*arguments)

    def _reached(self) -> bool:
        self.points += 1
        return self.points == self._at

    def _die(self, where: str) -> NoReturn:
        self._tell(f"point {where}")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed, and still here")


def points(undisturbed: Undisturbed, path: Path) -> int:
    """How many points a scenario has; `path` is for a copy."""
    shutil.copytree(undisturbed.prepared, path)

    def count(tell: Tell) -> None:
        disk = KillingDisk(path, 0, random.Random(), tell)
        with in_use(disk):
            Run(undisturbed.scenario, path, undisturbed.begun).to_the_end()
        tell(str(disk.points))

    return int(Child(count).ended_well()[-1])


def crash(undisturbed: Undisturbed, path: Path, point: int, seed: int, run_again: bool) -> None:
    """Crash at one point, in a copy at `path`; AssertionError if not all is well then."""
    shutil.copytree(undisturbed.prepared, path)

    def run(tell: Tell) -> None:
        with in_use(KillingDisk(path, point, random.Random(f"{seed} {point}"), tell)):
            undisturbed.scenario.run(path, lambda sequence: tell(f"acknowledged {sequence}"))

    code, lines = Child(run).ended()
    assert code == -signal.SIGKILL, "\n".join(lines)
    acknowledged = max([undisturbed.begun, *(int(line.split()[1]) for line in lines[:-1])])
    try:
        (undisturbed if run_again else undisturbed.scenario).check(path, acknowledged)
    except Exception as error:
        raise AssertionError(f"{lines[-1]}, {acknowledged} acknowledged: {error or repr(error)}") from error
    shutil.rmtree(path)


def explore(name: str, seed: int, at: int | None, quick: bool) -> list[str]:
    """Crash at every point, or at the point `at`: what went wrong, one text a point."""

    def share(which: int, tell: Tell) -> None:
        for point in wanted[which::_PROCESSES]:
            try:
                crash(undisturbed, directory / str(point), point, seed, not quick or (point + seed) % 4 == 0)
            except AssertionError as error:
                command = f"python -m tests.faults.crash {name} --seed {seed} --at {point}"
                tell(f"{error}\nrepeat with: {command}\n")

    with scratch() as directory:
        undisturbed = Undisturbed.of(ALL[name], directory, seed)
        wanted = range(1, points(undisturbed, directory / "counted") + 1) if at is None else [at]
        children = [Child(partial(share, which)) for which in range(_PROCESSES)]
        print(f"{name}: {len(wanted)} points, seed {seed}")
        return [line for child in children for line in child.ended_well()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.crash")
    parser.add_argument("scenario", choices=ALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", type=int, metavar="POINT")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    failures = explore(arguments.scenario, arguments.seed, arguments.at, arguments.quick)
    print("\n".join(failures))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
