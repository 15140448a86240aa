"""How far a migration is."""

from __future__ import annotations

from enum import StrEnum


class MigrationState(StrEnum):
    """`running` until its last step is done, then `done`, `verified` once what is served was found to be the plan's.

    Each of these may be undone: `undoing`, then `undone`, which is the end.
    """

    RUNNING = "running"
    DONE = "done"
    VERIFIED = "verified"
    UNDOING = "undoing"
    UNDONE = "undone"
