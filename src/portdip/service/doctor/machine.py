"""Checks of the machine that is to answer dips."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

from portdip.index import kernel, kernels
from portdip.service.doctor.check import Finding, good, warning, wrong
from portdip.settings.access import Access

#: Files that a worker has open besides its connections.
_FILES_BESIDE = 200
#: What adjtimex returns while no time server keeps the clock.
_CLOCK_UNSYNCHRONISED = 5
_TIMEX_BYTES = 512


def instructions(_: Access) -> Iterator[Finding]:
    """Whether dips use the fastest instructions there are a build for."""
    used, best = kernel(), kernels()[0]
    if used != best:
        yield warning(f"dips run with {used}, {best} would do", "Unset what chose it: use_kernel().")
    elif used == "portable":
        yield warning("dips run with portable code", f"Use a processor with AVX2; this {platform.machine()} has none.")
    else:
        yield good(f"dips run with {used}")


def datagrams(_: Access) -> Iterator[Finding]:
    """Whether datagrams are moved in batches, and workers can share an address."""
    if not hasattr(socket, "SO_REUSEPORT"):
        yield wrong("processes cannot share an address here", "Use Linux 3.9 or newer, or a BSD.")
    elif platform.system() != "Linux":
        yield warning("datagrams move one by one", "Use Linux: recvmmsg and sendmmsg move 64 at a time.")
    else:
        yield good("recvmmsg, sendmmsg and SO_REUSEPORT are there")


def receive_buffer(access: Access) -> Iterator[Finding]:
    """Whether the kernel lets as many requests wait as the settings want."""
    limit = _number("/proc/sys/net/core/rmem_max")
    if limit is None or os.geteuid() == 0 or limit >= access.udp.receive_buffer:
        yield good(f"{access.udp.receive_buffer:,} bytes of requests may wait")
    else:
        yield warning(
            f"only {limit:,} of {access.udp.receive_buffer:,} bytes of requests may wait",
            f"sysctl -w net.core.rmem_max={access.udp.receive_buffer}, or give the service CAP_NET_ADMIN.",
        )


def overflows(_: Access) -> Iterator[Finding]:
    """Whether the kernel has dropped datagrams since the machine started."""
    lines = [line.split() for line in _text("/proc/net/snmp").splitlines() if line.startswith("Udp:")]
    figures = dict(zip(lines[0], lines[1], strict=False)) if len(lines) == 2 else {}
    dropped, received = int(figures.get("RcvbufErrors", 0)), int(figures.get("InDatagrams", 0))
    if dropped > received / 10_000:
        yield warning(
            f"the kernel dropped {dropped:,} of {dropped + received:,} datagrams, full buffers before them",
            "More workers, or a larger access.udp.receive_buffer.",
        )
    else:
        yield good(f"{dropped:,} datagrams dropped for full buffers, {received:,} received")


def open_files(access: Access) -> Iterator[Finding]:
    """Whether a worker may open as many files as it may have connections."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = access.http_server.connections + _FILES_BESIDE
    if limit < wanted:
        yield warning(
            f"{limit:,} open files are allowed, {wanted:,} may be needed",
            f"LimitNOFILE={wanted} in the systemd unit, or ulimit -n {wanted}.",
        )
    else:
        yield good(f"{limit:,} open files are allowed")


def processors(access: Access) -> Iterator[Finding]:
    """Whether there is a processor for each worker."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if access.workers > there:
        yield warning(f"workers: {access.workers}, processors: {there}", f"access.workers = {there}, or --workers.")
    else:
        yield good(f"workers: {access.workers}, processors: {there}")


def clock(_: Access) -> Iterator[Finding]:
    """Whether a time server keeps the clock: lag and changes to come are told by it."""
    if platform.system() != "Linux":
        yield good("not known here")
        return
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state == _CLOCK_UNSYNCHRONISED:
        yield warning("no time server keeps the clock", "Run chrony or systemd-timesyncd.")
    else:
        yield good("the clock is kept by a time server")


def huge_pages(access: Access) -> Iterator[Finding]:
    """Whether a resident index gets huge pages."""
    chosen = _text("/sys/kernel/mm/transparent_hugepage/enabled")
    if access.resident and "[never]" in chosen:
        yield warning(
            "a resident index gets no huge pages, and dips take up to three times as long",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        )
    else:
        yield good("huge pages are there" if chosen and "[never]" not in chosen else "huge pages are not asked for")


CHECKS = (instructions, datagrams, receive_buffer, overflows, open_files, processors, clock, huge_pages)


def _text(path: str) -> str:
    """What a file of the kernel says, '' where there is none."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None
