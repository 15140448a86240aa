"""What a target tells of its files: the text of a rule, what goes before and after, and what it cannot say.

Immutable; the functions in it may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from portdip.batch.rebuild._text import DIGITS, DOTTED
from portdip.route import Route

__all__ = ["DIGITS", "DOTTED", "Columns", "Job", "Kind", "Layout", "Limits", "Statements", "Text"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a system can take: `digits` in a prefix, and how many `rules`, None where nobody has said."""

    digits: int
    rules: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be written: of which dataset and state, by which options of the target.

    `carriers` is what the user's map says of carriers by id, `changes` whether only what changed is written.
    """

    dataset: str
    sequence: int
    digest: str
    options: Mapping[str, str]
    carriers: Mapping[str, str]
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What rules of one kind have in common: their route (None: the numbers are nobody's), how many digits, and
    whether the prefix is a ported number.
    """

    route: Route | None
    digits: int
    ported: bool


@dataclass(frozen=True, slots=True)
class Statements:
    """Rows in groups: each of at most `rows` has `head` before it, and the last `separator` becomes `foot`."""

    head: bytes
    separator: bytes
    foot: bytes
    rows: int = 500


@dataclass(frozen=True, slots=True)
class Text:
    """A text file with a row for each rule.

    `row` is the template of a row, `gone` that of a prefix with so many digits that has no rule any more; where there
    is none the target takes no changes. `gone_first` says that among changes a prefix is to be gone before it has a new
    rule. DIGITS stands for the prefix, DOTTED for its digits from the last on with dots.
    """

    name: str
    row: Callable[[Kind], bytes]
    head: bytes = b""
    foot: bytes = b""
    statements: Statements | None = None
    gone: Callable[[int], bytes] | None = None
    gone_first: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """A Parquet file: each column's name and what it holds, see `portdip.batch.rebuild.columns`."""

    name: str
    columns: Mapping[str, str]
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a target: one with a row for each rule, and `others` by name, of the routes that rules have.

    `may_block` says whether rules of nobody may be written, `says_ported` whether rules say that numbers are ported,
    `fault` what is wrong with a route ("" for nothing).
    `by_name` is set where rules are names of DNS (`portdip.batch.rebuild.names`).
    """

    rules: Text | Columns
    limits: Limits
    fault: Callable[[Route], str]
    may_block: bool = False
    says_ported: bool = False
    others: Mapping[str, Callable[[list[Route]], bytes]] = field(default_factory=dict)
    by_name: bool = False

    @property
    def takes_changes(self) -> bool:
        """Whether only what has changed can be written."""
        return isinstance(self.rules, Columns) or self.rules.gone is not None
