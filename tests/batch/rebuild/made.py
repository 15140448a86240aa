"""Stores made of a few rows, and tables asked as a switch asks them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from portdip.lookup.engine import Engine, open_engine
from portdip.lookup.load import init_store
from portdip.table.store import Store

#: First, last, and who holds it.
Range = tuple[int, int, str]


def store_of(path: Path, ranges: Iterable[Range], numbers: Iterable[tuple[int, str]]) -> Path:
    """A store with these ranges, the later over the earlier, and ported numbers; carriers 'X' or 'X;routing number'."""
    with init_store(path, "test").writer() as writer:
        for first, last, route in ranges:
            writer.assign(first, last, *route.split(";"))
        for number, route in numbers:
            writer.port(number, *route.split(";"))
    return path


def changed(path: Path, **changes: Iterable) -> None:
    """Publish rows by operation: the arguments of the writer's methods."""
    with Store.open(path).writer() as writer:
        for operation, rows in changes.items():
            for row in rows:
                getattr(writer, operation)(*row)


def of_engine(engine: Engine, number: int) -> str | None:
    """Carrier and routing number, None for no route."""
    dip = engine.dip(number)
    return f"{dip.carrier.id};{dip.routing_number}" if dip.carrier else None


def engine_of(path: Path) -> Engine:
    return open_engine(path)


def read(path: Path) -> dict[str, str | None]:
    """The rules in a rules.csv by prefix; None for nobody's."""
    with path.open(newline="") as file:
        return {
            row["prefix"]: f"{row['carrier']};{row['routing_number']}" if row["carrier"] else None
            for row in csv.DictReader(file)
        }


def read_ported(path: Path) -> dict[str, str | None]:
    """What the rules in a rules.csv say of being ported, by prefix; None for nobody's."""
    with path.open(newline="") as file:
        return {row["prefix"]: row["ported"] if row["carrier"] else None for row in csv.DictReader(file)}


def taken(rules: dict[str, str | None], path: Path) -> dict[str, str | None]:
    """The rules after the changes in a rules.csv."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["operation"] == "delete":
                del rules[row["prefix"]]
            else:
                rules[row["prefix"]] = f"{row['carrier']};{row['routing_number']}" if row["carrier"] else None
    return rules


def longest(rules: dict[str, str | None], number: int) -> str | None:
    """What the rule of the longest beginning says."""
    digits = str(number)
    return next((rules[digits[:count]] for count in range(len(digits), 0, -1) if digits[:count] in rules), None)
