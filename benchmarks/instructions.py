"""Instructions for one dip, counted by callgrind: figures that do not wobble with the machine's other work.

A script asks N and then 3 N questions; the difference over 2 N is what one costs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from .figure import Figure, Size
from .populations import CACHE, columns, questions

_SCRIPT = """
import sys
import numpy as np
from portdip.index import Index

def ask(index, numbers, how):
    if how == "find_many":
        index.find_many(numbers)
    else:
        for number in numbers.tolist():
            index[number]

image, asked, how, times = sys.argv[1:]
index, numbers = Index.open(image), np.load(asked)
index.verify()
for _ in range(int(times)):
    ask(index, numbers, how)
"""
_CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
_ASKED_MAX = 100_000


def figures(size: Size) -> list[Figure]:
    if not shutil.which("valgrind"):
        return []
    found = []
    for share, line in ((0.16, "bitmap lines"), (0.02, "list lines")):
        drawn = columns("cn", size.numbers, share)
        path = CACHE / "asked.npy"
        np.save(path, questions(drawn, min(size.questions, _ASKED_MAX)))
        for how in ("find_many", "index[number]"):
            count = _instructions(drawn.image, path, how)
            found.append(Figure(f"instructions of {how}, {line}", count, "instructions"))
    return found


def _instructions(image: Path, asked: Path, how: str) -> float:
    once, thrice = (_count(image, asked, how, times) for times in (1, 3))
    return round((thrice - once) / (2 * len(np.load(asked))), 1)


def _count(image: Path, asked: Path, how: str, times: int) -> int:
    done = subprocess.run(
        [*_CALLGRIND, sys.executable, "-c", _SCRIPT, str(image), str(asked), how, str(times)],
        env={**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    assert collected, done.stderr
    return int(collected[1])
