"""`portdip prune`: forget what is older than the retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer


def prune(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    older_than: Annotated[
        int | None,
        typer.Option(help="Days to keep; what the settings say if left out.", metavar="DAYS", show_default=False),
    ] = None,
) -> None:
    """Remove deltas and history older than the retention, as far as no snapshot needs them; noted in the store."""
    from portdip import settings
    from portdip.table.prune import prune as remove
    from portdip.table.store import Store

    days = settings.load().retention_days if older_than is None else older_than
    pruned = remove(Store.open(store), datetime.now(UTC) - timedelta(days=days))
    upto = f" up to sequence {pruned.last}" if pruned.deltas else ""
    print(f"removed {pruned.deltas:,} deltas{upto} and {len(pruned.stretches):,} stretches of history")
