"""What machine a figure was measured on, and what its memory can do at best.

Two results may be compared where the fingerprints agree; the memory's latency and its gather limit say what no index
can beat. Reads /proc and /sys; where there is none the text is ''.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from portdip import index
from portdip.capacity._memory import chase, gather, spin

__all__ = [
    "Area",
    "busy_seconds",
    "chase",
    "differences",
    "fingerprint",
    "gather",
    "memory_area",
    "memory_available",
    "own_seconds",
    "spin",
]

_PACKAGES = ("portdip", "numpy", "pyarrow", "uvicorn", "uvloop")
_CPU = Path("/sys/devices/system/cpu/cpu0")
_THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_HUGE_PAGE = 2 << 20
_LINE = 64
#: What two machines must agree in for their figures to be compared, and what it is called.
_DECIDING = {
    "processor": "processor",
    "cores": "cores",
    "caches": "caches",
    "memory": "memory",
    "governor": "frequency governor",
    "huge_pages": "huge pages",
    "instruction_set": "instruction set",
    "system": "system",
    "python": "Python",
    "file_system": "file system of the stores",
}
#: Memory of two boots of one machine differs by what the kernel keeps.
_MEMORY_TOLERANCE = 0.02


def fingerprint(folder: Path | None = None, packages: tuple[str, ...] = _PACKAGES) -> dict[str, Any]:
    """Processor, caches, memory, kernel, versions and load; with `folder`, the file system that it is on."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": cores(),
        "caches": dict(_caches()),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "page_size": mmap.PAGESIZE,
        "huge_pages": _chosen(_text(_THP)),
        "governor": _text(_CPU / "cpufreq" / "scaling_governor") or "not told",
        "is_virtual": "hypervisor" in _first("/proc/cpuinfo", "flags").split(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "instruction_set": index.kernel(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "file_system": _file_system(folder) if folder else "",
        "packages": {name: _version(name) for name in packages},
    }


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What two fingerprints disagree in that makes their figures hard to compare, a line each; [] for nothing."""
    return [
        f"{name}: {theirs.get(key, 'not told')} then, {ours.get(key, 'not told')} now"
        for key, name in _DECIDING.items()
        if not _agree(key, ours.get(key), theirs.get(key))
    ]


def _agree(key: str, ours: Any, theirs: Any) -> bool:
    if key == "memory" and ours and theirs:
        one, other = (int(str(text).split()[0]) for text in (ours, theirs))
        return abs(one - other) <= _MEMORY_TOLERANCE * max(one, other)
    return bool(ours == theirs)


def cores() -> int:
    """Processors that this process may use."""
    return len(_allowed())


def _allowed() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def memory_available() -> int:
    """Bytes of memory that could be used now without swapping; 0 where the system does not say."""
    text = _first("/proc/meminfo", "MemAvailable")
    return int(text.split()[0]) * 1024 if text else 0


def busy_seconds() -> float | None:
    """CPU seconds that the processors this process may use have worked so far, None where the system does not say.

    What the host of a virtual machine gave to others (steal) counts; interrupts do not, which are the askers' too.
    """
    allowed = {f"cpu{core}" for core in _allowed()}
    rows = [line.split() for line in _text(Path("/proc/stat")).splitlines()]
    ticks = [list(map(int, row[1:9])) for row in rows if row and row[0] in allowed]
    if not ticks:
        return None
    return sum(user + nice + system + steal for user, nice, system, *_, steal in ticks) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """CPU seconds that this process has taken, and those of its children that have ended."""
    return sum(os.times()[:4])


@dataclass(frozen=True)
class Area:
    """Memory for measuring in: a random cycle of lines to chase through, and a random order to gather them in.

    `huge_share` is the part of it that the kernel really put on huge pages.
    """

    lines: npt.NDArray[np.uint64]
    order: npt.NDArray[np.uint64]
    huge_share: float

    def latency_ns(self, steps: int) -> float:
        """Nanoseconds from a line to the next, which is known only then."""
        began = time.perf_counter()
        chase(self.lines, steps)
        return (time.perf_counter() - began) / steps * 1e9

    def gather_ns(self) -> float:
        """Nanoseconds a line when all of `order` are known before."""
        began = time.perf_counter()
        gather(self.lines.view(np.uint8), self.order)
        return (time.perf_counter() - began) / len(self.order) * 1e9


def memory_area(size: int, huge: bool, gathers: int = 1 << 20) -> Area:
    """`size` bytes (a multiple of 64) on huge pages if wanted and had, else on small ones."""
    # Not shared, which is what mmap makes by itself: shared memory gets no transparent huge pages.
    area = mmap.mmap(-1, size + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    advice = getattr(mmap, "MADV_HUGEPAGE" if huge else "MADV_NOHUGEPAGE", None)
    if advice is not None:
        with contextlib.suppress(OSError):  # a kernel without huge pages: `huge_share` says so
            area.madvise(advice)
    whole = np.frombuffer(area, dtype=np.uint8)
    address = whole.ctypes.data
    start = -address % _HUGE_PAGE
    lines = whole[start : start + size].view(np.uint64)
    random = np.random.default_rng(1)
    cycle = random.permutation(size // _LINE).astype(np.uint64)
    lines[cycle * (_LINE // 8)] = np.roll(cycle, -1)
    order = random.integers(0, size // _LINE, gathers, dtype=np.uint64)
    return Area(lines, order, min(1.0, _huge_bytes(address + start, address + start + size) / size))


def _huge_bytes(begin: int, end: int) -> int:
    """Bytes on transparent huge pages in the mappings of this process that reach into the addresses given."""
    found = 0
    reaches = False
    for line in _text(Path("/proc/self/smaps")).splitlines():
        if not line.split(None, 1)[0].endswith(":"):
            first, last = (int(bound, 16) for bound in line.split(None, 1)[0].split("-"))
            reaches = first < end and last > begin
        elif reaches and line.startswith("AnonHugePages:"):
            found += int(line.split()[1]) * 1024
    return found


def _caches() -> Iterator[tuple[str, str]]:
    """Size by name: L1d, L1i, L2, L3."""
    for path in sorted((_CPU / "cache").glob("index*")):
        kind = {"Data": "d", "Instruction": "i"}.get(_text(path / "type"), "")
        yield f"L{_text(path / 'level')}{kind}", _text(path / "size")


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on: the longest mount point above it."""
    resolved = folder.resolve()
    found = ("", "")
    for line in _text(Path("/proc/mounts")).splitlines():
        _, point, kind, *_ = line.split()
        if (Path(point) == resolved or Path(point) in resolved.parents) and len(point) > len(found[0]):
            found = (point, kind)
    return found[1]


def _chosen(text: str) -> str:
    """`always [madvise] never`: madvise."""
    return text.partition("[")[2].partition("]")[0] or text


def _first(path: str, key: str) -> str:
    """What the first line that begins so says after its colon."""
    lines = _text(Path(path)).splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
