"""What the service says of itself: one line each, through structlog, numbers masked at the sink."""

from __future__ import annotations

import structlog


def say(event: str, **facts: object) -> None:
    """Log an event with its facts."""
    structlog.get_logger("portdip").info(event, **facts)
