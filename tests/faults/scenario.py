"""A scenario: something done to files, and what must be true of them whatever happens on the way.

The tests of this folder run every scenario of `scenarios.SCENARIOS` on disks that fail, in every way and at every
call. A further one is three functions and a line there.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: The sequence of what is not there yet.
NOTHING = -1

Acknowledge = Callable[[int], None]


@dataclass(frozen=True)
class Scenario:
    """Three functions over one directory `path`, which is all that lasts between them.

    `prepare(path, chance)` fills the empty directory before anything fails and returns the sequence served then,
    NOTHING if there is none. `run(path, acknowledge)` goes on from whatever is there to the end, and acknowledges
    each sequence as soon as it is promised to stay. `check(path, acknowledged)` opens what is there as a new process
    would and returns the sequence served; AssertionError or PortdipError where that is less than `acknowledged`, not
    whole, not verified, or not what the oracle of that sequence says. `write_on(path)` is one more write after the
    end: what a crash left over must be gone after it.
    """

    prepare: Callable[[Path, random.Random], int]
    run: Callable[[Path, Acknowledge], None]
    check: Callable[[Path, int], int]
    write_on: Callable[[Path], None] = lambda path: None


class Run:
    """One run: remembers what was acknowledged last."""

    def __init__(self, scenario: Scenario, path: Path, acknowledged: int) -> None:
        self.acknowledged = acknowledged
        self._scenario = scenario
        self._path = path

    def to_the_end(self) -> None:
        self._scenario.run(self._path, self.acknowledge)

    def acknowledge(self, sequence: int) -> None:
        self.acknowledged = sequence


@dataclass(frozen=True)
class Undisturbed:
    """A scenario prepared at `prepared`, serving `begun`, and how it ends when nothing fails.

    `end` is the sequence served then, `names` every file and directory there is after one more write.
    """

    scenario: Scenario
    prepared: Path
    begun: int
    end: int
    names: frozenset[str]

    @classmethod
    def of(cls, scenario: Scenario, directory: Path, seed: int) -> Undisturbed:
        """Prepare the scenario below `directory`, and run it there."""
        prepared = directory / "prepared"
        prepared.mkdir()
        begun = scenario.prepare(prepared, random.Random(seed))
        path = shutil.copytree(prepared, directory / "undisturbed")
        return cls(scenario, prepared, begun, *_end(scenario, path, begun))

    def check(self, path: Path, acknowledged: int) -> int:
        """The sequence served at `path`.

        AssertionError or PortdipError unless all is well there, and ends as it should when run again.
        """
        served = self.scenario.check(path, acknowledged)
        assert served <= self.end, f"sequence {served} is served, beyond the end"
        end, names = _end(self.scenario, path, served)
        assert end == self.end, f"run again, it ends at sequence {end}, not {self.end}"
        assert not names ^ self.names, f"run again, it leaves more or less behind: {sorted(names ^ self.names)}"
        return served


def _end(scenario: Scenario, path: Path, acknowledged: int) -> tuple[int, frozenset[str]]:
    run = Run(scenario, path, acknowledged)
    run.to_the_end()
    end = scenario.check(path, run.acknowledged)
    assert end == run.acknowledged, f"sequence {run.acknowledged} was acknowledged, {end} is served"
    scenario.write_on(path)
    return end, frozenset(str(inner.relative_to(path)) for inner in path.rglob("*"))


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory in memory where there is one, so that thousands of stores cost no writing."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as path:
        yield Path(path)
