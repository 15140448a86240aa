"""`portdip follow`: keep a store current."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from portdip.exchange.keys import Trust
    from portdip.lookup.node import Node, Step
    from portdip.table.store import Store

#: It waits for a delta or a snapshot that is missing; a delta was refused.
WAITS, REFUSED = 3, 4

_AGAIN_SECONDS = 1.0


def follow(
    store: Annotated[Path, typer.Argument(help="The store; founded from SOURCE if it is not there.")],
    source: Annotated[
        str | None,
        typer.Argument(help="A store, a backup or a directory of deltas: a path, or a URI such as s3://bucket/path."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Take what is there, and leave.")] = False,
    key: Annotated[
        list[str] | None,
        typer.Option(help="A public key that is known to be good, 64 hex digits.", metavar="PUBLIC"),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(help="Seconds between two looks at SOURCE: 0.01, and 1 for a remote one.", min=0.001),
    ] = None,
) -> None:
    """Keep a store current: take in what comes at SOURCE, and make snapshots in the background.

    Without SOURCE it only makes snapshots, and takes in what waits: for a publisher's own store. It goes on until
    SIGTERM or SIGINT. With --once the exit code is 0 when the store has all that SOURCE has, 3 when it must wait for
    something missing, 4 when a delta was refused.
    """
    from portdip import settings
    from portdip.cli._stopping import stopping
    from portdip.exchange.keys import Trust, TrustedKey
    from portdip.lookup.node import Node

    anchors = Trust()
    for public in key or []:
        anchors = anchors.with_key(TrustedKey(public.lower()))
    chosen = settings.load()
    with stopping() as wait:
        opened = _opened(store, source, anchors, once, wait)
        if opened is None:
            raise typer.Exit(WAITS if once else 0)
        node = Node(opened, source, anchors, chosen)
        try:
            code = _run(node, once, interval or _usual(source), wait)
        finally:
            node.close()
    raise typer.Exit(code)


def _opened(path: Path, source: str | None, anchors: Trust, once: bool, wait: Callable[[float], bool]) -> Store | None:
    """The store, founded if need be; None if it is time to leave."""
    from portdip.errors import PortdipError
    from portdip.lookup.node import found
    from portdip.table.store import Store

    if source is None or (path.is_dir() and any(path.iterdir())):
        return Store.open(path)
    told = ""
    while True:
        try:
            founded = found(path, source, anchors)
            why = "nothing is there yet"
        except (PortdipError, OSError) as error:
            if once:
                raise
            founded, why = None, " ".join(str(error).splitlines())
        if founded is not None:
            break
        if why != told:
            print(f"waits for {source}: {why}", flush=True)
            told = why
        if once or wait(_AGAIN_SECONDS):
            return None
    print(f"founded {path} from {source} at sequence {founded.sequence}", flush=True)
    if founded.unproven:
        print(
            f"trusts {', '.join(founded.unproven)} on the word of {source}: name a key that you know with --key",
            flush=True,
        )
    return founded.store


def _usual(source: str | None) -> float:
    """How often to look at a place: asking for a file costs nothing here, and money in an object store."""
    from portdip.exchange.location import LocalLocation, location_at

    return 0.01 if source is None or isinstance(location_at(source), LocalLocation) else 1.0


def _run(node: Node, once: bool, interval: float, wait: Callable[[float], bool]) -> int:
    """Step until it is time to leave; the exit code."""
    code, told = 0, ""
    while True:
        step = node.step(time.monotonic())
        for line in _news(step):
            print(line, flush=True)
        state = _state(step)
        if state != told and state:
            print(state, flush=True)
        told = state
        if step.progress.refused:
            code = REFUSED
        if once and not step.came:
            if code == 0 and step.progress.problem is not None and not _is_awaited(step):
                raise step.progress.problem
            return code or (0 if step.progress.caught_up else WAITS)
        if not step.is_behind and not once and wait(interval):
            return 0


def _news(step: Step) -> Iterator[str]:
    """What happened."""
    if step.came:
        first, last = step.came[0].sequence, step.came[-1].sequence
        which = f"sequence {first}" if first == last else f"sequences {first} to {last}"
        yield f"{which}, {sum(came.rows for came in step.came):,} rows"
    for refusal in step.progress.refused:
        yield f"refused {refusal.origin}: {refusal.reason}"
    if step.folding:
        yield step.folding


def _state(step: Step) -> str:
    """What it is waiting for, '' for nothing."""
    progress = step.progress
    if progress.problem is not None:
        return " ".join(str(progress.problem).splitlines())
    waits = [f"{first} to {last}" if first != last else str(first) for first, last in progress.missing]
    waits += [f"the rest of {name}" for name in progress.torn]
    return f"waits for {', '.join(waits)}" if waits else ""


def _is_awaited(step: Step) -> bool:
    from portdip.errors import SnapshotAwaitedError

    return isinstance(step.progress.problem, SnapshotAwaitedError)
