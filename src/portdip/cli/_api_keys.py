"""`portdip keys api`: who may ask a node over HTTP."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from portdip.cli import _moments

api = typer.Typer(help="Who may ask a node over HTTP: its API keys.", no_args_is_help=True)

_Store = Annotated[Path, typer.Argument(help="The store that the node serves.", metavar="STORE", show_default=False)]


@api.command("list")
def list_(
    store: _Store, as_json: Annotated[bool, typer.Option("--json", help="One JSON list, all fields in it.")] = False
) -> None:
    """List the keys: what they are good for, and until when. Nobody can read a key itself any more."""
    import json
    from datetime import UTC

    from portdip.access.api_keys import ApiKeyFile
    from portdip.table.store import Store

    keys = ApiKeyFile(Store.open(store).path).read().values()
    if as_json:
        print(json.dumps([key.as_json() for key in keys], ensure_ascii=False))
        return
    now = datetime.now(UTC)
    if not keys:
        print("no API keys: a node that listens beyond loopback lets nobody in")
    for key in keys:
        ends = f", until {key.expires.isoformat()}" if key.expires else ""
        state = "expired" if key.expires and key.expires <= now else "in force"
        print(f"{key.id}  {state}{ends}  {','.join(key.scopes)}  {key.owner}".rstrip())


@api.command()
def new(
    store: _Store,
    scopes: Annotated[
        str, typer.Option("--scopes", help="What it is good for, of dip, bulk and admin, with commas between.")
    ] = "dip,bulk",
    owner: Annotated[str, typer.Option(help="Whose key it is, for people.", show_default=False)] = "",
    expires: Annotated[
        datetime | None,
        typer.Option(
            help="It is good for nothing from then on.", parser=_moments.parse, metavar="TIME", show_default=False
        ),
    ] = None,
) -> None:
    """Make a key and print it: this once, for only its SHA-256 is kept. Nodes let it in within a second."""
    from portdip.access.api_keys import ApiKey, ApiKeyFile
    from portdip.table.store import Store

    file = ApiKeyFile(Store.open(store).path)
    key, text = ApiKey.new([scope.strip() for scope in scopes.split(",")], owner, expires)
    file.add(key)
    print(text)


@api.command()
def revoke(
    store: _Store,
    identifier: Annotated[str, typer.Argument(help="The id of the key.", metavar="ID", show_default=False)],
) -> None:
    """End a key. Nodes refuse it within a second."""
    from portdip.access.api_keys import ApiKeyFile
    from portdip.table.store import Store

    print(f"revoked {ApiKeyFile(Store.open(store).path).revoke(identifier).id}")
