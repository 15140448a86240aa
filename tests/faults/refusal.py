"""A disk that refuses: any call of it, reading or writing, ends in an error or does half of its work.

    python -m tests.faults.refusal SCENARIO [--seed SEED] [--at CALL --fault FAULT]

runs the scenario once for each call and each fault that the call may meet. The run must succeed, or end in an error
that a caller can understand; the table served must be that of before, or the next one; and run again, with nothing
repaired, the scenario must reach its end. Failures are printed with the command that repeats them.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portdip.errors import PortdipError
from tests.faults.disks import CHANGING, Call, WatchedDisk, in_use
from tests.faults.scenario import Run, Undisturbed, scratch
from tests.faults.scenarios import ALL

#: Calls, and what each may meet: the name of an error, or "half" for half of the work. Behind "+" the state lasts.
FAULTS = {
    "open": ("EMFILE", "EIO", "EMFILE+", "EIO+"),
    "create": ("ENOSPC", "EMFILE", "EACCES", "ENOSPC+"),
    "read": ("EIO", "half", "EIO+"),
    "write": ("ENOSPC", "EIO", "half", "ENOSPC+", "EIO+"),
    "truncate": ("EIO",),
    "fsync": ("EIO", "ENOSPC", "EIO+"),
    "map": ("ENOMEM", "ENOMEM+"),
    "lock": ("ENOLCK",),
    "rename": ("ENOSPC", "EIO", "EIO+"),
    "unlink": ("EIO", "EIO+"),
    "mkdir": ("ENOSPC", "EACCES", "ENOSPC+"),
    "rmdir": ("EIO", "EIO+"),
    "entries": ("EMFILE", "EIO"),
}
#: What lasts, and the calls it stops.
_STOPPED = {
    "ENOSPC": {"create", "write", "mkdir"},
    "EMFILE": {"open", "create", "entries"},
    "ENOMEM": {"map"},
    "EIO": FAULTS.keys(),
}
#: When not everything is refused: the calls that are, and the share of the others.
_ALWAYS_REFUSED = CHANGING - {"fsync", "truncate"}
_SHARE_REFUSED = 0.15
#: How a system call names a path in its error, and the others do not.
_NAMELESS = {"read", "write", "truncate", "fsync", "map", "lock"}


class RefusingDisk(WatchedDisk):
    """Refuses call `at`, counted from 1, with `fault`; and, where that lasts, all later ones that it stops."""

    def __init__(self, root: Path, at: int, fault: str) -> None:
        super().__init__(root)
        self.calls: list[Call] = []
        self._at = at
        self._fault = fault.removesuffix("+")
        self._lasts = fault.endswith("+")

    def watch(self, call: Call, do: Callable[..., Any], *arguments: Any) -> Any:
        self.calls.append(call)
        count = len(self.calls)
        if count != self._at and not (self._lasts and count > self._at and call.name in _STOPPED[self._fault]):
            return do(*arguments)
        if self._fault == "half":
            handle, content, offset = arguments
            return do(handle, memoryview(content).cast("B")[: max(1, len(content) // 2)], offset)
        number = getattr(errno, self._fault)
        place = () if call.name in _NAMELESS else (str(self._root / call.path),)
        raise OSError(number, os.strerror(number), *place)


@dataclass(frozen=True)
class Refused:
    """A run in which `call` met `fault`: the error it ended in, if any, and whether the next table is served then."""

    call: Call
    fault: str
    error: str
    gone_on: bool


def refuse(undisturbed: Undisturbed, path: Path, at: int, fault: str, run_again: bool) -> Refused:
    """Run in a copy at `path` with call `at` refused, and look; AssertionError if not all is well."""
    shutil.copytree(undisturbed.prepared, path)
    run = Run(undisturbed.scenario, path, undisturbed.begun)
    disk = RefusingDisk(path, at, fault)
    failed: Exception | None = None
    try:
        with in_use(disk):
            run.to_the_end()
    except Exception as error:
        failed = error
    call = disk.calls[at - 1]
    try:
        if isinstance(failed, OSError):
            assert failed.filename, f"the error names no file: {failed!r}"
        else:
            assert failed is None or isinstance(failed, PortdipError), repr(failed)
        if fault == "half":
            assert failed is None, f"half of the work is no error, but: {failed!r}"
        assert failed or run.acknowledged == undisturbed.end
        served = (undisturbed if run_again else undisturbed.scenario).check(path, run.acknowledged)
    except Exception as error:
        raise AssertionError(f"{call} met {fault}, ended with {failed!r}: {error!r}") from error
    shutil.rmtree(path)
    return Refused(call, fault, repr(failed) if failed else "", served > run.acknowledged)


def calls(undisturbed: Undisturbed, path: Path) -> list[Call]:
    """The calls of an undisturbed run, in a copy at `path`."""
    shutil.copytree(undisturbed.prepared, path)
    disk = RefusingDisk(path, 0, "")
    with in_use(disk):
        Run(undisturbed.scenario, path, undisturbed.begun).to_the_end()
    return disk.calls


def explore(name: str, seed: int, everything: bool) -> tuple[list[Refused], list[str]]:
    """Refuse every call, with every fault: what came of each, and what went wrong.

    Without `everything`: every call that changes what the disk holds and some others, with one fault each, and only
    after one in four is the scenario run again.
    """
    refused, failures = [], []
    chance = random.Random(seed)
    with scratch() as directory:
        undisturbed = Undisturbed.of(ALL[name], directory, seed)
        for at, call in enumerate(calls(undisturbed, directory / "counted"), start=1):
            faults = FAULTS[call.name]
            if not everything:
                wanted = call.name in _ALWAYS_REFUSED or chance.random() < _SHARE_REFUSED
                faults = (chance.choice(faults),) if wanted else ()
            for fault in faults:
                try:
                    run_again = everything or chance.random() < 0.25
                    refused.append(refuse(undisturbed, directory / f"{at}-{fault}", at, fault, run_again))
                except AssertionError as error:
                    command = f"python -m tests.faults.refusal {name} --seed {seed} --at {at} --fault {fault}"
                    failures.append(f"{error}\nrepeat with: {command}\n")
    print(f"{name}: {len(refused)} refusals, seed {seed}")
    return refused, failures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.refusal")
    parser.add_argument("scenario", choices=ALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", type=int, metavar="CALL")
    parser.add_argument("--fault", choices=sorted({fault for faults in FAULTS.values() for fault in faults}))
    arguments = parser.parse_args()
    if arguments.at is not None:
        with scratch() as directory:
            undisturbed = Undisturbed.of(ALL[arguments.scenario], directory, arguments.seed)
            print(refuse(undisturbed, directory / "refused", arguments.at, arguments.fault, run_again=True))
    else:
        refused, failures = explore(arguments.scenario, arguments.seed, everything=True)
        print("served though an error was reported:", {str(each.call) for each in refused if each.gone_on})
        print("passed over:", {str(each.call) for each in refused if not each.error and each.fault != "half"})
        print("\n".join(failures))
        sys.exit(bool(failures))


if __name__ == "__main__":
    main()
