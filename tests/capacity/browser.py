"""A page in a real browser: what it says on its console, what it asks other machines for, what it looks like."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_S = 120
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--enable-logging=stderr",
    "--hide-scrollbars", "--no-pdf-header-footer",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """`console`: lines of the page's console. `fetched`: addresses that the page made the browser ask for."""

    console: list[str]
    fetched: list[str]
    picture: Path
    paper: Path


def look_at(page: Path, folder: Path, width: int = 1200, height: int = 1600) -> Seen:
    """Show a page, and print it."""
    picture, paper, net = folder / "page.png", folder / "page.pdf", folder / "net.json"
    common = [*_OPTIONS, f"--user-data-dir={folder / 'profile'}"]
    shown = _run(*common, f"--log-net-log={net}", f"--window-size={width},{height}", f"--screenshot={picture}", page)
    _run(*common, f"--print-to-pdf={paper}", page)
    console = [line for line in shown.splitlines() if "CONSOLE" in line]
    return Seen(console, sorted(_fetched(net)), picture, paper)


def _run(*arguments: object) -> str:
    command = ["chromium", *map(str, arguments[:-1]), Path(str(arguments[-1])).as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True).stderr


def _fetched(net: Path) -> set[str]:
    """Of all requests those that a page began: the browser's own have no origin."""
    found = set()
    for event in json.loads(net.read_text())["events"]:
        parameters = event.get("params") or {}
        if "initiator" in parameters and parameters["initiator"] != "not an origin":
            found.add(parameters["url"])
    return found
