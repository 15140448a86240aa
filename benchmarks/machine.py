"""What machine a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from portdip import index

_PACKAGES = ("numpy", "pyarrow", "pandas", "polars", "duckdb", "cykhash")


def fingerprint() -> dict[str, Any]:
    """Processor, memory, kernel, versions and load: what decides whether two results may be compared."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "l3_cache": _text("/sys/devices/system/cpu/cpu0/cache/index3/size"),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "huge_pages": _text("/sys/kernel/mm/transparent_hugepage/enabled"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "instruction_set": index.kernel(),
        "load_average": list(os.getloadavg()),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _first(path: str, key: str) -> str:
    lines = _text(path).splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
