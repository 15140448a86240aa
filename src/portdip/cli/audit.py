"""`portdip audit`: the audit chain of the porting layer, verified, signed, exported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from portdip.cli import _porting
from portdip.cli._porting import StoreArgument

audit = typer.Typer(help="The audit chain of the porting layer: who did what, when and why.", no_args_is_help=True)

#: The exit code where the chain is not what it should be.
BROKEN = 4


@audit.command()
def verify(
    store: StoreArgument,
    head: Annotated[
        list[Path] | None,
        typer.Option(help="Signed heads that were kept elsewhere: files of `portdip audit sign`.", metavar="FILE"),
    ] = None,
) -> None:
    """Check every record of the chain, and the heads that were signed. Exit code 4, naming the record, if one is bad.

    Keys that the store trusts may have signed. That the end of a chain was cut off shows only against a head that
    was kept elsewhere.
    """
    from portdip.errors import AuditError
    from portdip.porting import audit as chain
    from portdip.table.store import Store

    keys = Store.open(store).trust.read().keys.values()
    with _porting.opened(store) as layer:
        try:
            heads = [chain.SignedHead.of_json(line) for file in head or () for line in file.read_bytes().splitlines()]
            found = chain.verify(layer.database, keys, heads)
        except AuditError as error:
            print(f"broken: {error}", file=sys.stderr)
            raise typer.Exit(BROKEN) from None
    print(
        f"{found.records:,} records, {found.erased:,} of them without details by retention, {found.heads} signed heads"
    )


@audit.command()
def sign(
    store: StoreArgument,
) -> None:
    """Sign the head with the store's private key, and print it as a line of JSON, to be kept elsewhere."""
    from datetime import UTC, datetime

    from portdip.errors import KeyFileError
    from portdip.exchange.key_ring import KeyRing
    from portdip.porting import audit as chain
    from portdip.table.store import Store

    found = Store.open(store)
    key = KeyRing(found.keys).signer(found.trust.read(), found.chain.head.sequence + 1, datetime.now(UTC))
    if key is None:
        raise KeyFileError(
            "the store has no key to sign with", where=str(store), fix="Make one: portdip keys new STORE."
        )
    with _porting.opened(store) as layer:
        print(chain.sign_head(layer.database, key).to_json().decode(), end="")


@audit.command()
def export(
    store: StoreArgument,
    first: Annotated[int, typer.Option("--from", min=1, help="The first record.")] = 1,
    subject: Annotated[
        str, typer.Option(help="Only records of this, such as an order's reference.", show_default=False)
    ] = "",
) -> None:
    """Write the records to standard output as lines of JSON, digests and all, for others to check."""
    from portdip.porting import audit as chain

    with _porting.opened(store) as layer:
        chain.export(layer.database, sys.stdout.buffer, first, subject)
