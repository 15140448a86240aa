"""The power cut at any moment: everything a run does to the disk is recorded, then disks are made as they may be.

    python -m tests.faults.power_cut SCENARIO [--seed SEED] [--states COUNT] [--state NUMBER]

Each state is drawn by seed and number (`volume` says from what), put into a fresh directory, opened, checked, and some
run again to the end. Failures are printed with the command that repeats them.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.disks import CHANGING, Call, WatchedDisk, in_use
from tests.faults.scenario import Undisturbed, scratch
from tests.faults.scenarios import ALL
from tests.faults.volume import Volume, materialise

#: The share of the states from which the scenario is run again.
_RUN_AGAIN = 0.25


@dataclass(frozen=True)
class Event:
    """A call of the disk, done, or (`call` None) an acknowledgement of the sequence `number`.

    `number` of a call is its handle, and of a write or truncation `offset` and `content` are what was written.
    """

    call: Call | None
    number: int = 0
    offset: int = 0
    content: bytes = b""


class RecordingDisk(WatchedDisk):
    """Does everything, and keeps note of what changes the disk."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.events: list[Event] = []

    def watch(self, call: Call, do: Callable[..., Any], *arguments: Any) -> Any:
        result = do(*arguments)
        if call.name == "write":
            handle, content, offset = arguments
            self.events.append(Event(call, handle, offset, bytes(memoryview(content).cast("B")[:result])))
        elif call.name == "truncate":
            self.events.append(Event(call, *arguments))
        elif call.name in {"create", "open"}:
            self.events.append(Event(call, result))
        elif call.name in CHANGING:
            self.events.append(Event(call, arguments[0] if call.name == "fsync" else 0))
        return result

    def acknowledge(self, sequence: int) -> None:
        self.events.append(Event(None, sequence))


def replay(volume: Volume, events: list[Event]) -> None:
    """Do to the volume what the events say."""
    handles: dict[int, Any] = {}
    for event in events:
        if event.call is None:
            continue
        name, path, target = event.call.name, event.call.path, event.call.target
        if name in {"create", "open"}:
            if not volume.exists(path) and path != ".":
                volume.create(path)
            handles[event.number] = volume.node(path)
        elif name == "write":
            handles[event.number].write(event.offset, event.content)
        elif name == "truncate":
            handles[event.number].truncate(event.offset)
        elif name == "fsync":
            volume.sync(handles[event.number])
        elif target:
            getattr(volume, name)(path, target)
        else:
            getattr(volume, name)(path)


@dataclass(frozen=True)
class Recording:
    """A scenario's run, event by event."""

    undisturbed: Undisturbed
    events: list[Event]

    @classmethod
    def of(cls, undisturbed: Undisturbed, path: Path) -> Recording:
        """Run the scenario in a copy at `path`."""
        shutil.copytree(undisturbed.prepared, path)
        disk = RecordingDisk(path)
        with in_use(disk):
            undisturbed.scenario.run(path, disk.acknowledge)
        return cls(undisturbed, disk.events)

    def check(self, path: Path, chance: random.Random) -> None:
        """Cut the power at some moment and check what may be left, at `path`; AssertionError if not all is well."""
        cut = chance.randrange(len(self.events) + 1)
        before = self.events[:cut]
        volume = Volume(self.undisturbed.prepared)
        replay(volume, before)
        materialise(volume.after_power_cut(chance), path)
        acknowledged = max([self.undisturbed.begun, *(event.number for event in before if event.call is None)])
        try:
            (self.undisturbed if chance.random() < _RUN_AGAIN else self.undisturbed.scenario).check(path, acknowledged)
        except Exception as error:
            last = next((event.call for event in reversed(before) if event.call), "anything")
            raise AssertionError(f"power cut after {last}, {acknowledged} acknowledged: {error!r}") from error
        shutil.rmtree(path)


def explore(name: str, seed: int, states: Sequence[int]) -> list[str]:
    """Check the states of these numbers: what went wrong, one text a state."""
    failures = []
    with scratch() as directory:
        recording = Recording.of(Undisturbed.of(ALL[name], directory, seed), directory / "recorded")
        for state in states:
            try:
                recording.check(directory / str(state), random.Random(f"{seed} {state}"))
            except AssertionError as error:
                command = f"python -m tests.faults.power_cut {name} --seed {seed} --state {state}"
                failures.append(f"{error}\nrepeat with: {command}\n")
        print(f"{name}: {len(states)} states of {len(recording.events)} events, seed {seed}")
    return failures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.power_cut")
    parser.add_argument("scenario", choices=ALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--states", type=int, default=1000, metavar="COUNT")
    parser.add_argument("--state", type=int, metavar="NUMBER")
    arguments = parser.parse_args()
    states = range(arguments.states) if arguments.state is None else [arguments.state]
    failures = explore(arguments.scenario, arguments.seed, states)
    print("\n".join(failures))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
