"""`portdip reconcile`: what a store and an authority's full dump, or another node, do not agree on."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from portdip.cli import _moments
from portdip.cli.import_ import OnBadRows

if TYPE_CHECKING:
    import pyarrow as pa

    from portdip.exchange.feeds.options import BadRows
    from portdip.table.reconciling.in_force import InForce, Progress
    from portdip.table.reconciling.reconcile import Comparison, Other
    from portdip.table.reconciling.tally import Report, Tally

#: The exit code where something differs.
DIFFERENT = 1


def reconcile(
    store: Annotated[Path, typer.Argument(help="The store.", show_default=False)],
    dump: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FULL_DUMP]...", help="The files of an authority's full dump.", show_default=False),
    ] = None,
    feed: Annotated[
        str | None, typer.Option(help="How to read the dump, as for import; csv if not given.", show_default=False)
    ] = None,
    column_map: Annotated[
        Path | None, typer.Option("--map", help="TOML file that says where the values are.", show_default=False)
    ] = None,
    on_bad_rows: Annotated[OnBadRows, typer.Option(help="Stop at a malformed row, or skip it.")] = OnBadRows.STOP,
    reject: Annotated[Path, typer.Option(help="Where skipped rows go, as CSV.")] = Path("rejected.csv"),
    other: Annotated[
        Path | None,
        typer.Option("--with", help="In place of a dump: another store, or its file of digests.", show_default=False),
    ] = None,
    write_digests: Annotated[
        Path | None,
        typer.Option(help="Write this store's digests, and its rows of the blocks that differ.", show_default=False),
    ] = None,
    only_routes: Annotated[bool, typer.Option("--only-routes", help="Leave out donors and effective times.")] = False,
    examples: Annotated[int, typer.Option(min=0, help="How many differences of each class to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write all differences as CSV.", show_default=False)] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(help="Write changes that make this store equal, for portdip publish.", show_default=False),
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish those changes.")] = False,
    made: Annotated[
        datetime | None,
        typer.Option(
            parser=_moments.parse,
            metavar="TIME",
            help="When the dump was made: do not undo what has changed here since.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare what is in force in a store with an authority's full dump, or with another node.

    Classes: A missing there, B missing here, C another carrier or routing number, D another donor, E another range
    holder, F another effective time, G more than once there, H outside every range. What a dump is silent about is not
    compared; what has changed since it was made differs. Exit code 1 if there is anything of A to F.

    Two nodes far apart: one sends its --write-digests; the other answers with its own, written --with those, and the
    first compares itself --with the answer.
    """
    from portdip.exchange.feeds.options import BadRows

    bad_rows = BadRows(reject if on_bad_rows is OnBadRows.SKIP else None)
    asked = _Asked(only_routes, examples, csv, corrections, publish, made, write_digests)
    report = _run(store, _Other(other, dump or [], feed, column_map, bad_rows), asked, as_json)
    if report is not None and not report.equal:
        raise typer.Exit(DIFFERENT)


@dataclass(frozen=True)
class _Asked:
    """What to compare, and what to make of it."""

    only_routes: bool
    examples: int
    csv: Path | None
    corrections: Path | None
    publish: bool
    made: datetime | None
    digests: Path | None


@dataclass(frozen=True)
class _Other:
    """What to compare with."""

    node: Path | None
    dump: list[Path]
    feed: str | None
    column_map: Path | None
    bad_rows: BadRows

    def open(self) -> Other | None:
        """The other side, None if there is none."""
        from portdip.table.reconciling.digest_file import DigestFile
        from portdip.table.reconciling.dump import Dump

        is_dump = bool(self.dump) or self.feed is not None
        if self.node is not None and is_dump:
            raise typer.BadParameter("compare with a dump, or --with another node, not both")
        if self.node is not None:
            return _table(self.node) if self.node.is_dir() else DigestFile(self.node)
        return Dump(self.feed or "csv", self.dump, self.column_map, self.bad_rows) if is_dump else None


def _run(store: Path, other: _Other, asked: _Asked, as_json: bool) -> Report | None:
    """Compare, write and print; the report, None where there was nothing to compare with."""
    import json

    from portdip.cli import _terminal
    from portdip.table.reconciling import digest_file
    from portdip.table.reconciling.digests import Particulars
    from portdip.table.reconciling.reconcile import Comparison
    from portdip.table.reconciling.tally import Report, Tally

    with _terminal.progress("reconcile", "rows") as progress:
        ours, theirs = _table(store), other.open()
        if theirs is None:
            if asked.digests is None:
                raise typer.BadParameter("give a full dump, --with another node, or --write-digests")
            digest_file.write(asked.digests, ours, None, progress)
            print(f"{asked.digests}: digests of {ours.name}")
            return None
        with other.bad_rows:
            comparison = Comparison(ours, theirs, Particulars(not asked.only_routes, not asked.only_routes), progress)
        tally = Tally(asked.examples)
        corrected = _read(comparison, tally, other.bad_rows.count, asked, progress)
        if asked.digests is not None:
            digest_file.write(asked.digests, ours, comparison.differing, progress)
    report = Report.of(comparison, tally)
    facts = report.as_json() | corrected | {"rejected": other.bad_rows.count}
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        for line in _lines(facts):
            print(line)
    return report


def _table(path: Path) -> InForce:
    from datetime import UTC

    from portdip.table.reconciling.in_force import InForce
    from portdip.table.store import Store

    return InForce(Store.open(path), datetime.now(UTC))


def _read(comparison: Comparison, tally: Tally, rejected: int, asked: _Asked, progress: Progress) -> dict[str, Any]:
    """Read the differences and do with them what was asked; what there is to say of corrections."""
    from portdip.table.reconciling import as_csv, corrections
    from portdip.table.reconciling.differences import DIFFERENCES

    made = corrections.Corrections(comparison.ours, comparison.covers, complete=not rejected, made=asked.made)
    published: list[int] = []
    with contextlib.ExitStack() as kept:
        file = asked.corrections
        if file is None and asked.publish:
            file = kept.enter_context(comparison.ours.scratch("corrections")) / "corrections.csv"
        with contextlib.ExitStack() as opened:
            takers: list[Callable[[pa.RecordBatch], None]] = [tally.add]
            if asked.csv is not None:
                takers.append(opened.enter_context(as_csv.writing(asked.csv, DIFFERENCES.names)))
            if file is not None:
                takers.append(opened.enter_context(made.writing(file)))
            for batch in comparison.differences(progress):
                for take in takers:
                    take(batch)
        if asked.publish:
            assert file is not None
            published = made.publish(file)
    if file is None:
        return {}
    return {"corrections": made.count, "left_alone": made.left_alone, "published": published}


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"ours      {facts['ours']}"
    yield f"theirs    {facts['theirs']}"
    for name in facts["not_told"]:
        yield f"          says nothing of {name}: not compared"
    if facts["rejected"]:
        yield f"          {facts['rejected']:,} rows could not be read"
    if facts["correct_percent"] is not None:
        yield f"numbers   {facts['numbers']:,} here, {facts['their_numbers']:,} there"
        yield f"blocks    {facts['blocks']:,}, {facts['blocks_differing']:,} differ"
    if facts["blocks_undecided"]:
        yield f"undecided {facts['undecided']:,} numbers in {facts['blocks_undecided']:,} blocks of unknown rows;"
        yield "          the other node writes them --with the digests of this one"
    for title, wrong, count, share in (
        ("correct", facts["wrong"] + facts["undecided"], facts["either"], facts["correct_percent"]),
        ("holders", facts["wrong_in_ranges"], facts["in_ranges"], facts["correct_in_ranges_percent"]),
    ):
        if share is not None:
            yield f"{title:<10}{_percent(share)} of {count:,} numbers" + (f"; {wrong:,} are not" if wrong else "")
    if not facts["reaches_legal_bar"]:
        yield f"          below the legal bar of {facts['legal_bar_percent']} %"
    yield from _classes(facts)
    if "corrections" in facts:
        yield from _corrected(facts)


def _percent(share: float) -> str:
    """Rounded down, so that what is not all correct does not look so.

    >>> _percent(99.99999), _percent(100.0)
    ('99.9999 %', '100 %')
    """
    return "100 %" if share == 100.0 else f"{math.floor(share * 10_000) / 10_000:.4f} %"


def _classes(facts: dict[str, Any]) -> Iterator[str]:
    from portdip.table.reconciling.differences import CLASSES

    for letter, count in facts["counts"].items():
        if count:
            yield f"{letter} {count:>15,}  {CLASSES[letter]}"
            for row in facts["examples"][letter]:
                yield f"    {_example(row)}"


def _example(row: dict[str, Any]) -> str:
    """A difference in a line: `8613800138000  here CUCC/0B17, there CMCC/0C01`."""
    number = str(row["number"]) if row["last"] is None else f"{row['number']}-{row['last']}"
    if row["where"] is not None:
        return f"{number}  {row['where']}"
    here, there = _side(row, ""), _side(row, "their_")
    return f"{number}  {here}" if here == there else f"{number}  here {here}, there {there}"


def _side(row: dict[str, Any], whose: str) -> str:
    carrier, digits, donor, effective = (
        row[f"{whose}{name}"] for name in ("carrier", "routing_number", "donor", "effective")
    )
    if carrier is None:
        return "nothing"
    words = [f"{carrier}/{digits}" if digits else carrier]
    words += [f"from {donor}"] if donor is not None else []
    words += [f"since {effective}"] if effective is not None else []
    return " ".join(words)


def _corrected(facts: dict[str, Any]) -> Iterator[str]:
    yield f"changes   {facts['corrections']:,} make this side equal"
    for reason, count in facts["left_alone"].items():
        yield f"          {count:,} left alone: {reason}"
    if published := facts["published"]:
        to = f" to {published[-1]}" if len(published) > 1 else ""
        yield f"          published as sequence {published[0]}{to}"
