"""`portdip doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from portdip.service.doctor import Finding

_KEY = "PORTDIP_API_KEY"
_STYLES = {"good": "green", "warning": "yellow", "wrong": "red"}


def doctor(
    what: Annotated[
        str | None,
        typer.Argument(
            help="A store, or the URL of a running service; without it, this machine and its settings.",
            metavar="[STORE|URL]",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """Say what is wrong with a machine, a store or a running service, and what to do about it.

    Nothing is changed. The exit code is 1 if something is wrong. A service that wants a key gets that of the variable
    PORTDIP_API_KEY.
    """
    import json
    from dataclasses import asdict

    from portdip.cli import _terminal
    from portdip.service.doctor import Level

    findings = list(_examined(what))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        paint = _terminal.painter()
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            level = paint(f"{finding.level:<7}", _STYLES[finding.level])
            print(f"{level}  {finding.check:<{width}}  {finding.found}")
            if finding.fix:
                print(f"{'':<{9 + width}}  → {finding.fix}")
        counts = [sum(finding.level == level for finding in findings) for level in Level]
        print(f"{counts[0]} good, {counts[1]} warnings, {counts[2]} wrong")
    if any(finding.level == Level.WRONG for finding in findings):
        raise typer.Exit(1)


def _examined(what: str | None) -> Iterator[Finding]:
    from portdip import settings
    from portdip.service.doctor import examine, machine, running, serving, stores
    from portdip.service.remote import Remote
    from portdip.table.store import Store

    if what is not None and "://" in what:
        yield from examine(running.Running(Remote(what, os.environ.get(_KEY, ""))), running.CHECKS)
        return
    loaded = settings.load()
    yield from examine(loaded.access, machine.CHECKS)
    if what is not None:
        path = Store.open(what).path
        yield from examine(serving.Plan(path, loaded), [*stores.CHECKS, *serving.CHECKS])
