"""`portdip verify`: check every byte of a store, and the index against the table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(store: Annotated[Path, typer.Argument(help="The store.", show_default=False)]) -> None:
    """Check every byte of a store, and the index against the table; exit code 1 at the first damage."""
    from portdip.cli import _terminal
    from portdip.errors import DamagedSnapshotError, ImageError
    from portdip.lookup import verify as checks

    console = _terminal.output()
    seconds = 0.0
    try:
        for checked in checks.verify(store):
            seconds += checked.seconds
            line = f"ok  {checked.seconds:6.2f} s  {checked.what}: {checked.extent}"
            console.print(line, soft_wrap=True, markup=False)
    except (DamagedSnapshotError, ImageError) as error:
        _terminal.errors().print(f"portdip: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"good in {seconds:.2f} s", soft_wrap=True)
