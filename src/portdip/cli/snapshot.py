"""`portdip snapshot`: the states of a store that were made whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

snapshot = typer.Typer(help="The states of a store that were made whole: its snapshots.", no_args_is_help=True)

_Store = Annotated[Path, typer.Argument(help="The store.", metavar="STORE", show_default=False)]


@snapshot.command()
def create(store: _Store) -> None:
    """Make a snapshot of all that the chain has brought so far, live at once; dips go on meanwhile."""
    from portdip.cli import _terminal
    from portdip.lookup.load import fold

    with _terminal.progress("snapshot", "numbers") as progress:
        sequence = fold(store, progress)
    print("nothing to make a snapshot of" if sequence is None else f"snapshot {sequence}")


@snapshot.command("list")
def list_(store: _Store) -> None:
    """List the snapshots, oldest first; * marks the live one."""
    from portdip.table.store import Store

    opened = Store.open(store)
    live = opened.current().manifest.sequence
    for sequence in opened.snapshots():
        manifest = opened.snapshot(sequence).manifest
        size = sum(seal.bytes for seal in manifest.files.values())
        print(
            f"{'*' if sequence == live else ' '} {sequence:>12}  as of {manifest.as_of:%Y-%m-%d %H:%M:%S}  "
            f"{manifest.counts['numbers']:>13,} numbers  {size:>15,} bytes  {manifest.digest[:16]}  "
            f"{'signed by ' + manifest.signer if manifest.signer else 'not signed'}"
        )


@snapshot.command()
def rollback(
    store: _Store, sequence: Annotated[int, typer.Argument(help="Where to go back to.", show_default=False)]
) -> None:
    """Answer from the table as it was at SEQUENCE, until `resume`. Deltas still come in and wait."""
    from portdip.table.store import Store

    Store.open(store).hold(sequence)
    print(f"held at {sequence}; end it with: portdip snapshot resume {store}")


@snapshot.command()
def resume(store: _Store) -> None:
    """Answer from all of the chain again."""
    from portdip.table.store import Store

    opened = Store.open(store)
    opened.resume()
    print(f"answers up to sequence {opened.chain.head.sequence} again")


@snapshot.command()
def prune(
    store: _Store, keep: Annotated[int, typer.Option(help="How many to keep besides the live one.", min=0)] = 1
) -> None:
    """Remove all snapshots but the live one and the newest others. Deltas and history stay."""
    from portdip.table.store import Store

    removed = Store.open(store).remove_snapshots(keep)
    print(f"removed {', '.join(map(str, removed)) or 'none'}")
