"""`portdip keys`: who may sign the deltas of a store, and who may ask it over HTTP."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from portdip.cli import _api_keys, _moments

keys = typer.Typer(help="Who may sign the deltas of a store: its keys.", no_args_is_help=True)
keys.add_typer(_api_keys.api, name="api")

_Store = Annotated[Path, typer.Argument(help="The store.", metavar="STORE", show_default=False)]
_Owner = Annotated[str, typer.Option(help="Whose key it is, for people.", show_default=False)]
_Expires = Annotated[
    datetime | None,
    typer.Option(
        help="It may sign nothing made at that time or later.",
        parser=_moments.parse,
        metavar="TIME",
        show_default=False,
    ),
]


@keys.command("list")
def list_(
    store: _Store, as_json: Annotated[bool, typer.Option("--json", help="One JSON list, all fields in it.")] = False
) -> None:
    """List the keys that may sign or could once, and whether their private halves are here."""
    import json
    from datetime import UTC

    from portdip.exchange.key_ring import KeyRing
    from portdip.table.store import Store

    opened = Store.open(store)
    trust = opened.trust.read()
    private = set(KeyRing(opened.keys).ids())
    if as_json:
        listed = zip(trust.keys, trust.as_json(), strict=True)
        print(json.dumps([{"id": key, "private": key in private} | fields for key, fields in listed]))
        return
    sequence, now = opened.chain.head.sequence + 1, datetime.now(UTC)
    if not trust.signed:
        print("the dataset is unsigned")
    for key in trust.keys.values():
        state = key.why_not(sequence, now) or "in force"
        print(f"{key.id}  {state}{', private key here' if key.id in private else ''}  {key.owner}".rstrip())
    for identifier in sorted(private - set(trust.keys)):
        print(f"{identifier}  not trusted, private key here")


@keys.command()
def new(
    store: _Store,
    owner: _Owner = "",
    expires: _Expires = None,
    local: Annotated[
        bool, typer.Option("--local", help="Only make the pair; somebody else publishes the trust in it.")
    ] = False,
) -> None:
    """Make a key, and publish that it may sign from now on."""
    from portdip.exchange.key_ring import KeyRing
    from portdip.table.store import Store

    opened = Store.open(store)
    if local:
        made = KeyRing(opened.keys).make()
    else:
        with opened.writer() as writer:
            made = writer.new_key(owner=owner, expires=expires)
    print(f"key     {made.id}")
    print(f"public  {made.public}")
    print(f"private {KeyRing(opened.keys).file(made.id)}")


@keys.command()
def trust(
    store: _Store,
    public: Annotated[str, typer.Argument(help="The public key, 64 hex digits.", show_default=False)],
    owner: _Owner = "",
    expires: _Expires = None,
    since: Annotated[
        int, typer.Option(min=0, help="Only deltas after this sequence; those before may be unsigned.")
    ] = 0,
    publish: Annotated[
        bool, typer.Option("--publish", help="Tell everybody who follows, instead of only this store.")
    ] = False,
) -> None:
    """Trust a key: deltas signed by it are taken."""
    from portdip.exchange.keys import TrustedKey
    from portdip.table.store import Store

    opened = Store.open(store)
    if publish:
        if since:
            raise typer.BadParameter("a published key may sign what comes after that delta", param_hint="--since")
        with opened.writer() as writer:
            writer.trust_key(public, owner=owner, expires=expires)
    else:
        key = TrustedKey(public.lower(), owner, since, None, expires)
        opened.trust.change(opened.lock, lambda trust: trust.with_new_key(key))
    print(f"trusted {TrustedKey(public).id}")


@keys.command()
def revoke(
    store: _Store,
    identifier: Annotated[str, typer.Argument(help="The id of the key.", metavar="ID", show_default=False)],
    publish: Annotated[
        bool, typer.Option("--publish", help="Tell everybody who follows, instead of only this store.")
    ] = False,
) -> None:
    """End a key: no further delta signed by it is taken; those before stay good."""
    from portdip.table.store import Store

    opened = Store.open(store)
    if publish:
        with opened.writer() as writer:
            writer.revoke_key(identifier)
    else:
        until = opened.chain.head.sequence
        opened.trust.change(opened.lock, lambda trust: trust.without_key(identifier, until))
    print(f"revoked {identifier}")


@keys.command()
def rotate(store: _Store, owner: _Owner = "", expires: _Expires = None) -> None:
    """Replace the key that signs: publish trust in a new one, and then, signed by it, the end of the old one."""
    from portdip.table.store import Store

    with Store.open(store).writer() as writer:
        old = writer.signer
        made = writer.rotate(owner=owner, expires=expires)
    print(f"{old.id if old else ''} ended, {made.id} signs from sequence {writer.published[-1]} on")
    print(f"public  {made.public}")
    print(f"private {writer.key_ring.file(made.id)}")
