"""`portdip status`: where a store or a running service stands, and how stale it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from portdip.lookup.status import StoreStatus


def status(
    store: Annotated[
        str, typer.Argument(help="A store, or the URL of a running service.", metavar="STORE|URL", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show where a store stands: sequence, digest, newest change, lag, what is missing, what was refused.

    Of a running service: what it answers from, and its workers. If it wants a key, it gets that of the variable
    PORTDIP_API_KEY. The exit code is then 1 while the service does not want to be asked.
    """
    import json
    from dataclasses import asdict

    if "://" in store:
        _show_service(store, as_json)
        return
    from portdip.lookup.status import status as look
    from portdip.table.store import Store

    found = look(Store.open(Path(store)))
    if as_json:
        print(json.dumps(asdict(found), default=lambda moment: moment.isoformat(), ensure_ascii=False))
        return
    for line in _lines(found):
        print(line)


def _lines(found: StoreStatus) -> Iterator[str]:
    behind = found.head - found.sequence
    yield f"dataset        {found.dataset}"
    yield f"sequence       {found.sequence}" + (f", {behind} behind the chain" if behind else "")
    if found.held is not None:
        yield f"held at        {found.held}: end it with portdip snapshot resume"
    yield f"digest         {found.digest}"
    yield f"newest change  {found.newest_change.isoformat() if found.newest_change else 'none'}"
    yield f"lag            {found.lag:.1f} s"
    yield f"signed         {'by ' + (', '.join(found.keys) or 'no key in force') if found.signed else 'no: unsigned'}"
    yield f"snapshot       {found.snapshot}, {found.changed:,} numbers changed since, {found.to_come:,} changes to come"
    if found.source:
        yield f"follows        {found.source}" + (f": {found.problem}" if found.problem else "")
    missing = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in found.missing)
    yield f"missing        {missing or 'none'}"
    yield f"quarantined    {len(found.quarantined) or 'none'}"
    for refusal in found.quarantined:
        yield f"  {refusal.name}: {refusal.reason}"


def _show_service(url: str, as_json: bool) -> None:
    import json

    from portdip.service.remote import Remote

    found = Remote(url, os.environ.get("PORTDIP_API_KEY", "")).status()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for line in _service_lines(found):
            print(line)
    if not found["ready"]:
        raise typer.Exit(1)


def _service_lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"dataset        {found['dataset']}"
    yield f"version        portdip {found['version']}"
    yield f"sequence       {found['sequence']}"
    yield f"digest         {found['digest']}"
    yield f"as of          {found['as_of']}"
    yield f"snapshot       {found['snapshot']}"
    yield f"lag            {'not known' if found['lag'] is None else format(found['lag'], '.1f') + ' s'}"
    yield f"ready          {'yes' if found['ready'] else 'no: ' + found['reason']}"
    for what in ("trouble", "keys_trouble"):
        if found[what]:
            yield f"trouble        {found[what]}"
    for worker in found["workers"]:
        state = "ready" if worker["ready"] else "not ready"
        yield f"worker {worker['pid']:<7} {state}, sequence {worker['sequence']}, since {worker['started']}"
