"""`portdip init`: make a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    store: Annotated[Path, typer.Argument(help="The directory to make.", show_default=False)],
    dataset: Annotated[str, typer.Option(help="What the numbers are, such as cn-mobile.", show_default=False)],
) -> None:
    """Make an empty store."""
    from portdip.cli import _terminal
    from portdip.lookup.load import init_store

    init_store(store, dataset)
    _terminal.output().print(f"empty store {store} for dataset {dataset}", soft_wrap=True)
