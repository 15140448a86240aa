"""The sample files under data/feeds, and what a feed makes of files in a form that is easy to compare."""

from dataclasses import dataclass, field
from pathlib import Path

from portdip.exchange import change_rules, feeds, rows
from portdip.exchange.changes import CHANGES, Operation
from portdip.exchange.feeds.options import BadRows, Options

SAMPLES = Path(__file__).parents[3] / "data" / "feeds"


@dataclass
class Taken:
    """The rows of a feed: names of carriers, ranges (first, last, carrier, routing number) and rows of numbers."""

    carriers: dict = field(default_factory=dict)
    ranges: list = field(default_factory=list)
    numbers: list = field(default_factory=list)

    def served(self):
        """(carrier, routing number) by number."""
        return {row["number"]: (row["carrier"], row["routing_number"]) for row in self.numbers}


def files_of(feed, *names):
    """All sample files of a feed, or those whose names begin with one of `names`."""
    return [path for path in sorted((SAMPLES / feed).iterdir()) if not names or path.name.startswith(names)]


def take(feed, files, bad_rows=None):
    """What a feed's `rows` gives of files, checked against the schemas."""
    taken = Taken()
    for batch in feeds.load(feed).rows(files, Options(bad_rows=bad_rows or BadRows())):
        batch.validate(full=True)
        if batch.schema == rows.CARRIERS:
            taken.carriers |= {row["id"]: row["name"] for row in batch.to_pylist()}
        elif batch.schema == rows.RANGES:
            taken.ranges += [tuple(row.values()) for row in batch.to_pylist()]
        else:
            assert batch.schema == rows.PLACED_NUMBERS
            taken.numbers += batch.to_pylist()
    return taken


def changes(feed, files, bad_rows=None):
    """What a feed's `changes` gives of files, checked against the rules: (operation, other columns that are there)."""
    found = []
    for batch in feeds.load_delta(feed).changes(files, Options(bad_rows=bad_rows or BadRows())):
        batch.validate(full=True)
        assert batch.schema == CHANGES
        assert not change_rules.wrong(batch).any()
        for row in batch.to_pylist():
            operation = Operation(row.pop("operation")).label
            found.append((operation, {name: value for name, value in row.items() if value is not None}))
    return found
