"""`python -m benchmarks.peers [RESULT]`: the table of a kept result, by default of the newest, and its picture anew."""

from __future__ import annotations

import sys
from pathlib import Path

from . import report

RESULTS = Path(__file__).parents[1] / "results"

if __name__ == "__main__":
    report(Path(sys.argv[1]) if len(sys.argv) > 1 else max(RESULTS.glob("*peers*.json")))
