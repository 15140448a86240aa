"""What machine a figure was measured on: as `portdip bench` says it, and the packages that figures are against."""

from __future__ import annotations

from typing import Any

from portdip.capacity import machine

_PACKAGES = ("numpy", "pyarrow", "pandas", "polars", "duckdb", "cykhash")


def fingerprint() -> dict[str, Any]:
    """Processor, memory, kernel, versions and load: what decides whether two results may be compared."""
    return machine.fingerprint(packages=_PACKAGES)
