"""A process killed by SIGKILL at random moments, again and again over the same files.

    python -m tests.faults.random_kill SCENARIO [--seed SEED] [--kills COUNT]

A process runs the scenario and acknowledges each step on a pipe; we kill it after a random time, open what is left in
another process, check it against what was acknowledged, and go on from there. The moments hang on how fast the machine
is, so a failure cannot be repeated at will: the files it leaves are kept, and their place is printed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.processes import Child, Tell
from tests.faults.scenario import Scenario, scratch
from tests.faults.scenarios import ALL

#: Some steps of a scenario.
_SECONDS_MAX = 0.1


def kill(scenario: Scenario, path: Path, acknowledged: int, seconds: float) -> tuple[bool, int]:
    """Run on from what is at `path` for so long; whether the end was reached, and what is served then."""

    def run(tell: Tell) -> None:
        tell("begun")
        scenario.run(path, lambda sequence: tell(str(sequence)))

    def look(tell: Tell) -> None:
        tell(str(scenario.check(path, acknowledged)))

    child = Child(run)
    assert child.line() == "begun"
    time.sleep(seconds)
    code, lines = child.kill().ended()
    assert code <= 0, "\n".join(lines)
    acknowledged = max([acknowledged, *map(int, lines)])
    return code == 0, int(Child(look).ended_well()[-1])


def explore(name: str, seed: int, kills: int) -> str:
    """Kill so often; what went wrong, empty if nothing did."""
    chance = random.Random(seed)
    scenario = ALL[name]
    steps = 0
    with scratch() as directory:
        prepared, path = directory / "prepared", directory / "killed"
        prepared.mkdir()
        begun = scenario.prepare(prepared, chance)
        ended, served = True, begun
        for count in range(kills):
            if ended:
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(prepared, path)
                ended, served = False, begun
            before, seconds = served, chance.uniform(0, _SECONDS_MAX)
            try:
                ended, served = kill(scenario, path, served, seconds)
            except AssertionError as error:
                kept = shutil.move(path, tempfile.mkdtemp(prefix=f"{name}-killed-"))
                return f"kill {count} after {seconds:.4f} s, seed {seed}: {error}\nthe files are kept in {kept}"
            steps += served - before
    print(f"{name}: {kills} kills in {steps} steps, seed {seed}")
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.random_kill")
    parser.add_argument("scenario", choices=ALL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=200, metavar="COUNT")
    arguments = parser.parse_args()
    failure = explore(arguments.scenario, arguments.seed, arguments.kills)
    print(failure)
    sys.exit(bool(failure))


if __name__ == "__main__":
    main()
