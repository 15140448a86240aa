"""What others answer dips with: rates and memory, each with its source (`published.toml`).

Rows that the developers measured are of the machine the file names, so their rates compare with the reference's, not
with those of another machine.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from portdip import files

_PATH = Path(__file__).parent / "published.toml"


@dataclass(frozen=True)
class System:
    """One row; see the head of `published.toml` for what the fields mean."""

    name: str
    kind: str
    asked: str
    core_rate: float
    total_rate: float
    bytes: float
    date: date
    source: str


def systems() -> list[System]:
    """All rows, in the order of the file."""
    return [System(**row) for row in tomllib.loads(files.read_bytes(_PATH).decode())["system"]]
