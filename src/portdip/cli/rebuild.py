"""The verb `rebuild`: the routing table of another system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

_RulesMax = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="The best table of at most so many rules that answers for no unallocated number; what it answers wrong is "
        "listed.",
    ),
]
_Traffic = Annotated[
    Path | None,
    typer.Option(
        help="With --max-rules: CSV of number (or prefix) and weight; else each counts 1. No rule is spent on numbers "
        "without weight: a row for the prefix of their range, of a small weight, gives them some."
    ),
]


def _tell(target: str | None) -> None:
    """Print what a target says of itself, and leave."""
    if target is None:
        return
    import inspect

    from portdip.batch.rebuild import targets

    module = targets.load(target)
    print(inspect.getdoc(module))
    print("\nOptions (--set NAME=VALUE) and what they are without:")
    for name, value in module.OPTIONS.items():
        print(f"  {name}={value}")
    raise typer.Exit


def rebuild(
    store: Annotated[Path, typer.Argument(help="The store to read.", metavar="STORE")],
    target: Annotated[str, typer.Option(help="The system: see below.")],
    out: Annotated[Path, typer.Option(help="The directory to make.", metavar="DIR")],
    option: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the target.", metavar="NAME=VALUE")
    ] = None,
    carriers: Annotated[
        Path | None, typer.Option(help="CSV with the columns carrier and value: what the target calls them.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only what changed since this sequence, or since the rebuild in this directory."),
    ] = None,
    aggregate: Annotated[
        str | None, typer.Option(help="exact: the smallest table of prefixes with the same answers.")
    ] = None,
    max_rules: _RulesMax = None,
    traffic: _Traffic = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
    about: Annotated[
        str | None,
        typer.Option(is_eager=True, callback=_tell, metavar="TARGET", help="Say what a target makes, and its options."),
    ] = None,
) -> None:
    """Write a routing table for another system, whole and checked, with a manifest.

    The targets: asterisk-csv, csv, enum-zone, freeswitch-lcr, kamailio-drouting, kamailio-mtree, opensips-drouting,
    parquet, pdbt-csv, redis; --about tells of one. DIR appears when all is written; where the target cannot take the
    table, nothing is. A table of prefixes answers for more digits than its numbers have too, which the engine calls
    unallocated.
    """
    import json
    import time

    from portdip.batch.rebuild import rebuild as making
    from portdip.batch.rebuild.carriers import read
    from portdip.cli import _terminal
    from portdip.errors import RebuildError

    if aggregate not in (None, "exact"):
        raise RebuildError("no such aggregation", where="--aggregate", expected="exact", got=aggregate)
    if traffic is not None and max_rules is None:
        raise RebuildError("calls count for the choice of rules only", where="--traffic", fix="Give --max-rules too.")
    unset = [text for text in option or [] if "=" not in text]
    if unset:
        raise RebuildError("not an option", where="--set", expected="NAME=VALUE", got=unset[0])
    plan = making.Plan(
        target,
        options=dict(text.split("=", 1) for text in option or []),
        carriers=read(carriers) if carriers else {},
        since=None if since is None else int(since) if since.isdecimal() else Path(since),
        exact=aggregate == "exact",
        rules_max=max_rules,
        traffic=traffic,
    )
    began = time.monotonic()
    with _terminal.progress("rebuild", "rules") as report:
        manifest = making.rebuild(store, out, plan, lambda what, count: report(count, None))
    if as_json:
        print(json.dumps(manifest, indent=1))
    else:
        _show(out, manifest, time.monotonic() - began)


def _show(out: Path, manifest: dict[str, Any], seconds: float) -> None:
    rules = f"{manifest['rules']['count']:,} rules of sequence {manifest['sequence']}"
    if changes := manifest["changes"]:
        since = manifest["since"]["sequence"]
        rules = f"{changes['set']:,} set and {changes['deleted']:,} deleted since sequence {since}, which makes {rules}"
    print(f"{out}: {rules} in {seconds:.1f} s")
    if wrong := manifest["wrong"]:
        print(f"{wrong['calls']:,.12g} calls wrong ({wrong['numbers']:,} numbers, see wrong.csv);", end=" ")
        print(f"no table of so many rules has fewer than {wrong['calls_at_least']:,.12g}", end=" ")
        print("unless it answers for unallocated numbers")
    for name, sealed in manifest["files"].items():
        print(f"{name:<24}{sealed['bytes']:>15,} bytes")
