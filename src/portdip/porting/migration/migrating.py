"""All that migrates the numbers of one store, put together once for the command line and the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from portdip.porting.database import Database
from portdip.porting.migration.runner import ReadTable, Runner
from portdip.porting.migration.undo import Undoing
from portdip.porting.publisher import OpenWriter, Publisher


@dataclass(frozen=True, slots=True)
class Migrating:
    """What does migrations and undoes them. For one thread."""

    runner: Runner
    undoing: Undoing

    @classmethod
    def over(cls, database: Database, open_writer: OpenWriter, read_table: ReadTable) -> Self:
        """For `database`, whose chain `open_writer` writes; `read_table` gives what is served at the chain's head."""
        publisher = Publisher(database, open_writer)
        runner = Runner(database, publisher.step, read_table)
        return cls(runner, Undoing(database, runner, publisher.step))
