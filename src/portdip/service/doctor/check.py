"""A check, what it finds, and how checks are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from portdip.errors import PortdipError

Subject = TypeVar("Subject")


class Level(StrEnum):
    """How bad it is. `WRONG`: dips fail or are wrong, or soon will; `WARNING`: they could."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found: `found` is one line, `fix` what to do, '' where all is good."""

    level: Level
    found: str
    fix: str = ""
    check: str = ""


def good(found: str) -> Finding:
    """All is as it should be."""
    return Finding(Level.GOOD, found)


def warning(found: str, fix: str) -> Finding:
    """Something may go wrong."""
    return Finding(Level.WARNING, found, fix)


def wrong(found: str, fix: str) -> Finding:
    """Something is wrong."""
    return Finding(Level.WRONG, found, fix)


def examine(subject: Subject, checks: Iterable[Callable[[Subject], Iterator[Finding]]]) -> Iterator[Finding]:
    """What each of the checks finds about `subject`, in order; a check is named after its function.

    A check that cannot look because of an error has found just that; those that fail of the same one say nothing more.
    """
    told: set[str] = set()
    for check in checks:
        name = getattr(check, "__name__", "").replace("_", " ")
        try:
            for found in check(subject):
                yield Finding(found.level, found.found, found.fix, name)
        except PortdipError as error:
            message = "; ".join(filter(None, (error.what, error.where, error.got and f"got {error.got}")))
            fix = error.fix or "See `portdip verify`, and restore what is damaged."
        except OSError as error:
            message = f"{error.strerror or error}{f' at {error.filename}' if error.filename else ''}"
            fix = "See that this user may read it, and that the disk is there."
        else:
            continue
        if message not in told:
            told.add(message)
            yield Finding(Level.WRONG, message, fix, name)
