"""How far behind its source a node is, in a small file that any process may read while one follows.

    STORE/following.json   a `Following`, written about once a second

The file tells of a moment and is worth nothing after it, so no care is taken that it outlives a power cut.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from portdip import files
from portdip.exchange.waiting import Gap


@dataclass(frozen=True, slots=True)
class Following:
    """What a node that follows `source` knew at `polled_at` (UTC).

    `newest` is the highest sequence known at the source, `missing` the gaps between the chain and what waits,
    `problem` why the last look did not come to its end ('' if it did). `caught_up_at` is when nothing newer was known
    at the source for the last time; None if never.
    """

    source: str
    polled_at: datetime
    newest: int | None
    missing: list[Gap]
    caught_up_at: datetime | None
    problem: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What the file at `path` says; None if it is not there or says nothing."""
        try:
            content: dict[str, Any] = json.loads(files.read_bytes(path))
            caught_up_at = content["caught_up_at"]
            return cls(
                **content
                | {
                    "polled_at": datetime.fromisoformat(content["polled_at"]),
                    "missing": [(int(first), int(last)) for first, last in content["missing"]],
                    "caught_up_at": None if caught_up_at is None else datetime.fromisoformat(caught_up_at),
                }
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, path: Path) -> None:
        """Put it under `path`, in the place of what was there."""
        content = dataclasses.asdict(self) | {
            "polled_at": self.polled_at.isoformat(),
            "caught_up_at": None if self.caught_up_at is None else self.caught_up_at.isoformat(),
        }
        files.write(path, json.dumps(content, indent=1).encode())
