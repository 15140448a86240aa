"""`python -m benchmarks [GROUP...]`: measure, print a table, keep it under benchmarks/results/."""

from __future__ import annotations

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import peers
from .figure import SMOKE, Figure, Size, measure
from .machine import fingerprint

RESULTS = Path(__file__).parent / "results"
_MILLION = 1_000_000
#: Group -> the sizes it is measured at.
GROUPS = {
    "dips": [Size(10 * _MILLION, 5 * _MILLION, 9), Size(100 * _MILLION, 10 * _MILLION, 9)],
    "building": [Size(100 * _MILLION, 0, 3)],
    "annotating": [Size(10 * _MILLION, 4 * _MILLION, 5)],
    "frames": [Size(10 * _MILLION, 10 * _MILLION, 3)],
    "annotating_files": [Size(10 * _MILLION, 4 * _MILLION, 5)],
    "rebuilding": [Size(10 * _MILLION, 0, 3), Size(100 * _MILLION, 0, 2)],
    "exchanging": [Size(100 * _MILLION, 1_000_000, 3)],
    "reconciling": [Size(100 * _MILLION, 0, 3)],
    "access": [Size(1 * _MILLION, 1_000_000, 5), Size(100 * _MILLION, 1_000_000, 1)],
    "porting": [Size(10 * _MILLION, 150_000, 5)],
    "porting_days": [Size(0, 150_000, 1)],
    "instructions": [Size(1 * _MILLION, 100_000, 1)],
    "peers": [Size(10 * _MILLION, 1 * _MILLION, 5)],
    "billion": [Size(1000 * _MILLION, 10 * _MILLION, 5)],
}


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="default: all")
    options.add_argument("--smoke", action="store_true", help="tiny sizes, nothing kept: only that it runs")
    asked = options.parse_args()
    console = Console()
    found: list[Figure] = []
    for group in asked.groups or GROUPS:
        for size in [SMOKE] if asked.smoke else GROUPS[group]:
            # A process of its own: a group's memory must not slow the next.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                figures = process.submit(measure, group, size).result()
            for figure in figures:
                console.print(_row(figure), markup=False, soft_wrap=True)
            found += figures
    table = Table("figure", "value", "bar", "verdict")
    for figure in found:
        bar = "" if figure.bar is None else f"{figure.sense} {figure.bar:g}"
        table.add_row(figure.name, f"{figure.value:.3g} {figure.unit}", bar, figure.verdict)
    console.print(table)
    if not asked.smoke:
        _keep(found, asked.groups or list(GROUPS))


def _row(figure: Figure) -> str:
    return f"{figure.name}: {figure.value:.3g} {figure.unit} {figure.verdict} {figure.detail or ''}"


def _keep(found: list[Figure], groups: list[str]) -> None:
    now = datetime.now(UTC)
    result = {
        "measured": now.isoformat(timespec="seconds"),
        "machine": fingerprint(),
        "figures": [figure.as_json() for figure in found],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-{'-'.join(groups)}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(path)
    if "peers" in groups:
        peers.report(path)


if __name__ == "__main__":
    main()
