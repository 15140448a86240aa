"""Moments as people give them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import typer


def parse(text: str) -> datetime:
    """A moment in ISO 8601; without a zone it is UTC. For `typer.Option(parser=...)`: raises typer.BadParameter.

    >>> parse("2026-01-02T03:00+08:00").astimezone(UTC).isoformat()
    '2026-01-01T19:00:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-01-02T03:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
