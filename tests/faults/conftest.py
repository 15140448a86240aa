"""The programs of this folder, run as a person would who repeats a failure."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def program():
    """Runs `python -m tests.faults.PROGRAM`; its exit code and what it printed."""

    def program(name: str, *arguments: object) -> tuple[int, str]:
        command = [sys.executable, "-m", f"tests.faults.{name}", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    return program
