"""`portdip restore`: a store out of a backup."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from portdip.cli import _moments


def restore(
    backup: Annotated[
        str, typer.Argument(help="A path, or a URI such as s3://bucket/path.", metavar="BACKUP", show_default=False)
    ],
    store: Annotated[Path, typer.Argument(help="The store to make.", show_default=False)],
    to_sequence: Annotated[
        int | None, typer.Option(help="As it was at this sequence.", metavar="N", min=0, show_default=False)
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            help="As it was after the last delta made by then.",
            parser=_moments.parse,
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    decrypt_key: Annotated[
        Path | None, typer.Option(help="The file of the backup's key.", metavar="FILE", show_default=False)
    ] = None,
) -> None:
    """Make a store of a backup: its newest state, or an earlier one. Everything is checked on the way.

    The porting database, where the backup has it, comes as of its newest copy that tells of no later delta. What was
    done in it after that copy is lost; what was published of that is in the chain.
    """
    from portdip.cli import _companions, _terminal
    from portdip.exchange.encryption import FileKey
    from portdip.lookup.load import write_image
    from portdip.table.depot import open_backup
    from portdip.table.restore import restore as restore_store

    if to_sequence is not None and at is not None:
        raise typer.BadParameter("give a sequence or a time, not both", param_hint="--at")
    location = open_backup(backup, FileKey.read(decrypt_key) if decrypt_key else None)
    began = time.monotonic()
    restored = restore_store(store, location, write_image, to_sequence, at, _companions.names())
    for error in restored.passed_over:
        _terminal.errors().print(f"portdip: passed over: {error}", style="yellow", markup=False, soft_wrap=True)
    head = restored.head
    print(f"restored {store} in {time.monotonic() - began:.2f} s: dataset {head.dataset}, sequence {head.sequence}")
    print(f"digest   {head.digest}")
    print(f"snapshot {restored.snapshot}, last change made {head.created.isoformat()}")
    for line in _companions.told_of_restored(store, restored.companions, restored.companion_files):
        print(line)
