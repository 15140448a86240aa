"""`portdip delta`: look at delta files, check them, and turn them into CSV and back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portdip.cli import _moments

if TYPE_CHECKING:
    from portdip.exchange.delta import Delta

delta = typer.Typer(help="Look at delta files, check them, and turn them into CSV and back.", no_args_is_help=True)

#: The exit code where a delta is refused.
REFUSED = 4

_File = Annotated[Path, typer.Argument(help="The delta.", metavar="FILE", show_default=False)]


@delta.command()
def show(
    file: _File,
    rows: Annotated[int, typer.Option(min=0, help="How many rows to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, all rows in it.")] = False,
) -> None:
    """Show what a delta says of itself, how many changes of each kind it has, and the first ones.

    Exit code 4 if its seal or a row is bad. Who signed it is not checked: see verify.
    """
    import json

    with _refusing():
        facts = _facts(_read(file))
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    for line in _lines(facts, rows):
        print(line)


@delta.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="The deltas.", metavar="FILE...", show_default=False)],
    store: Annotated[
        Path | None, typer.Option(help="Hold them against this store's chain and keys.", show_default=False)
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Signed by this public key, 64 hex digits.", metavar="PUBLIC", show_default=False),
    ] = None,
) -> None:
    """Check deltas: every byte, every row, who signed them, and that each continues the one before.

    Exit code 4 if one is refused.
    """
    from portdip.cli import _terminal
    from portdip.exchange import delta_files
    from portdip.exchange.keys import Trust, TrustedKey
    from portdip.table.store import Store

    chain, trust = None, None
    if store is not None:
        opened = Store.open(store)
        chain, trust = opened.chain, opened.trust.read()
    if key is not None:
        trust = (trust or Trust()).with_key(TrustedKey(key.lower()))
    refused = False
    for checked in delta_files.check(files, trust, chain):
        if checked.delta is None:
            refused = True
            _terminal.errors().print(f"portdip: {checked.error}", style="red", markup=False, soft_wrap=True)
            continue
        header = checked.delta.header
        gaps = f"; not checked: {', '.join(checked.unchecked)}" if checked.unchecked else ""
        print(
            f"ok  {checked.file}  sequence {header.sequence}, {header.rows:,} rows, {_signed_by(header.signer)}{gaps}"
        )
    if refused:
        raise typer.Exit(REFUSED)


@delta.command("to-csv")
def to_csv(
    file: _File,
    out: Annotated[Path | None, typer.Argument(help="The CSV; standard output if not given.")] = None,
) -> None:
    """Write a delta as CSV."""
    from portdip import files
    from portdip.exchange import delta_csv

    with _refusing():
        text = delta_csv.to_csv(_read(file))
    if out is None:
        print(text, end="")
    else:
        files.write(out, text.encode())


@delta.command("from-csv")
def from_csv(
    file: Annotated[Path, typer.Argument(help="The CSV.", metavar="FILE", show_default=False)],
    out: Annotated[Path, typer.Argument(help="The delta, a new file.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option(help="Sign with this private key (PEM).", metavar="PEM", show_default=False)
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="In place of the header's.", show_default=False)] = None,
    sequence: Annotated[int | None, typer.Option(help="In place of the header's.", show_default=False)] = None,
    previous: Annotated[
        str | None, typer.Option(help="Digest of the delta before; in place of the header's.", show_default=False)
    ] = None,
    created: Annotated[
        datetime | None,
        typer.Option(help="In place of the header's.", parser=_moments.parse, metavar="TIME", show_default=False),
    ] = None,
) -> None:
    """Make a delta of CSV, unsigned if there is no --key.

    The columns are those that to-csv writes. Where the first line is no header, --dataset, --sequence and --previous
    are needed.
    """
    import dataclasses

    from portdip import files
    from portdip.exchange import delta_csv
    from portdip.exchange.delta import encode
    from portdip.exchange.keys import SigningKey

    made = created.isoformat() if created else None
    given = {"dataset": dataset, "sequence": sequence, "previous": previous, "created": made}
    facts = {name: value for name, value in given.items() if value is not None}
    signer = SigningKey.read(key) if key else None
    header, rows = delta_csv.from_csv(files.read_bytes(file), str(file), **facts)
    if signer:
        header = dataclasses.replace(header, signer=signer.id)
    files.write_new(out, encode(header, rows, signer))
    print(f"{out}: sequence {header.sequence}, {header.rows:,} rows, {_signed_by(header.signer)}")


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """One line and exit code 4 for a delta that cannot be taken."""
    from portdip.cli import _terminal
    from portdip.errors import DeltaError

    try:
        yield
    except DeltaError as error:
        _terminal.errors().print(f"portdip: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(REFUSED) from error


def _read(file: Path) -> Delta:
    from portdip import files
    from portdip.exchange.delta import decode

    return decode(files.read_bytes(file), str(file))


def _signed_by(signer: str) -> str:
    return f"signed by {signer}" if signer else "unsigned"


def _facts(found: Delta) -> dict[str, Any]:
    from portdip.exchange.changes import Operation

    header = found.header
    rows = found.rows.to_pylist()
    for row in rows:
        row["operation"] = Operation(row["operation"]).label
        row["effective"] = row["effective"] and row["effective"].isoformat()
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["operation"]] = counts.get(row["operation"], 0) + 1
    return {
        "dataset": header.dataset,
        "sequence": header.sequence,
        "previous": header.previous,
        "digest": found.digest,
        "created": header.created.isoformat(),
        "signer": header.signer,
        "bytes": len(found.content),
        "counts": counts,
        "rows": rows,
    }


def _lines(facts: dict[str, Any], shown: int) -> Iterator[str]:
    yield f"dataset   {facts['dataset']}"
    yield f"sequence  {facts['sequence']}, made {facts['created']}"
    yield f"digest    {facts['digest']}"
    yield f"previous  {facts['previous']}"
    yield f"signer    {facts['signer'] or 'none'}"
    yield f"size      {len(facts['rows']):,} rows, {facts['bytes']:,} bytes"
    for operation, count in facts["counts"].items():
        yield f"  {count:>10,}  {operation}"
    for row in facts["rows"][:shown]:
        yield " ".join(_words(row))
    if len(facts["rows"]) > shown:
        yield f"... and {len(facts['rows']) - shown:,} more"


def _words(row: dict[str, Any]) -> Iterator[str]:
    """A row as people say it: `port 8613800138000 to CUCC/0B17 from CMCC, effective ...`."""
    yield row["operation"]
    if row["number"] is not None:
        yield f"{row['number']}-{row['last']}" if row["last"] is not None else str(row["number"])
    for word, carrier, digits in (("to", "carrier", "routing_number"), ("from", "donor", "donor_routing_number")):
        if row[carrier] is not None:
            yield f"{word} {row[carrier]}/{row[digits]}" if row[digits] else f"{word} {row[carrier]}"
    for name in ("text", "effective", "order", "version"):
        if row[name] is not None:
            yield f"{name} {row[name]}"
