"""A file system of 64 MiB that really is full, but for 0, 1, 2 ... pages.

    python -m tests.faults.full_disk SCENARIO [--seed SEED] [--step PAGES]

mounts it in a mount namespace of its own, so that it is gone with the process, and runs the scenario with ever more
room, from less than `step` pages on, until it succeeds. Before that each run must end in an error that names a file,
with the table served as before; once there is room the scenario must reach its end with nothing repaired. Exit code 77
where mounting is not permitted.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
from pathlib import Path

from portdip.errors import PortdipError
from tests.faults.mounting import APART, may_mount, mounted
from tests.faults.processes import Child, Tell
from tests.faults.scenario import Run, Undisturbed, scratch
from tests.faults.scenarios import ALL

NOT_PERMITTED = 77

_PAGE = 4096
_INSIDE = "PORTDIP_TEST_MOUNT_NAMESPACE"


def fill(volume: Path, pages: int) -> Path:
    """A file that leaves so many pages free."""
    filler = volume / "filler"
    free = os.statvfs(volume).f_bavail * os.statvfs(volume).f_frsize
    with open(filler, "wb") as file:
        if free > pages * _PAGE:
            os.posix_fallocate(file.fileno(), 0, free - pages * _PAGE)
    return filler


def run_out_of_space(undisturbed: Undisturbed, volume: Path, pages: int) -> bool:
    """Run with so many pages free; whether they were enough. AssertionError if not all is well.

    In children, so that nothing of an earlier run is still mapped and gives its pages back in the middle of this one.
    """
    path = shutil.copytree(undisturbed.prepared, volume / "store")
    filler = fill(volume, pages)

    def work(tell: Tell) -> None:
        run = Run(undisturbed.scenario, path, undisturbed.begun)
        failed: Exception | None = None
        try:
            run.to_the_end()
            tell("enough")
        except (OSError, PortdipError) as error:
            failed = error
        assert failed is None or os.strerror(errno.ENOSPC) in str(failed), repr(failed)
        assert not isinstance(failed, OSError) or failed.filename, f"the error names no file: {failed!r}"
        undisturbed.scenario.check(path, run.acknowledged)
        filler.unlink()
        undisturbed.check(path, run.acknowledged)

    enough = Child(work).ended_well() == ["enough"]
    shutil.rmtree(path)
    return enough


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.full_disk")
    parser.add_argument("scenario", choices=ALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--step", type=int, default=1, metavar="PAGES")
    arguments = parser.parse_args()
    if _INSIDE not in os.environ:
        if not may_mount():
            sys.exit(NOT_PERMITTED)
        command = [*APART, sys.executable, "-m", "tests.faults.full_disk", *sys.argv[1:]]
        os.execvpe(command[0], command, os.environ | {_INSIDE: "1"})
    with scratch() as directory:
        volume = directory / "volume"
        volume.mkdir()
        undisturbed = Undisturbed.of(ALL[arguments.scenario], directory, arguments.seed)
        pages = arguments.seed % arguments.step
        with mounted(volume):
            while not run_out_of_space(undisturbed, volume, pages):
                pages += arguments.step
        print(f"{arguments.scenario}: {pages} pages are enough, seed {arguments.seed}")


if __name__ == "__main__":
    main()
