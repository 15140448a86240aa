"""A store, a porting database and a publisher between them, and what they say in words: for the tests of migrations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from portdip.cli._served import Served
from portdip.lookup.load import init_store
from portdip.porting.actor import Actor, Role
from portdip.porting.clock import VirtualClock
from portdip.porting.database import Database
from portdip.porting.migration.plan import Plan, parse
from portdip.porting.migration.runner import Runner
from portdip.porting.migration.undo import Undoing
from portdip.porting.publisher import Publisher
from portdip.porting.states import ACTIVE, OPEN, State
from portdip.porting.tables.orders import ORDERS
from portdip.porting.tables.subscribers import SUBSCRIBERS
from portdip.table.store import Store

CENTRE = Actor("ops", Role.CENTRE)
START = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
BLOCK = 8613800000000


class World:
    """OLD holds ten thousand numbers, NEW the next ten thousand; some of each are ported."""

    def __init__(self, path: Path, database: Database, clock: VirtualClock) -> None:
        fresh = not path.exists()
        self.store: Store = init_store(path, "test") if fresh else Store.open(path)
        self.database, self.clock = database, clock
        self.publisher = Publisher(database, self.store.writer)
        self.runner = Runner(database, self.publisher.step, self.table)
        self.undoing = Undoing(database, self.runner, self.publisher.step)
        if fresh:
            self._found()

    def _found(self) -> None:
        with self.store.writer() as writer:
            writer.assign(BLOCK, BLOCK + 9_999, "OLD", "0B17")
            writer.assign(BLOCK + 10_000, BLOCK + 19_999, "NEW", "0C17")
            for offset in (1, 2, 3):
                writer.port(BLOCK + offset, "NEW", "0C17", donor="OLD")
            for offset in (10_001, 10_002):
                writer.port(BLOCK + offset, "OLD", "0B18", donor="NEW")
            writer.port(BLOCK + 10_003, "THIRD", "", donor="NEW")

    def table(self) -> Served:
        return Served(self.store, self.clock.now())

    def numbers(self) -> dict[int, tuple[str, str]]:
        """Carrier and routing number of each number with an entry, numbers counted from BLOCK."""
        rows = [row for batch in self.table().numbers() for row in batch.to_pylist()]
        return {row["number"] - BLOCK: (row["carrier"], row["routing_number"]) for row in rows}

    def ranges(self) -> list[tuple[int, int, str, str]]:
        rows = [row for batch in self.table().ranges() for row in batch.to_pylist()]
        return [(row["first"] - BLOCK, row["last"] - BLOCK, row["carrier"], row["routing_number"]) for row in rows]

    def state(self) -> tuple[dict[int, tuple[str, str]], list[tuple[int, int, str, str]]]:
        return self.numbers(), self.ranges()

    def do(self, plan: Plan) -> None:
        """The plan from its beginning to its end, which comes without waiting."""
        self.runner.begin(plan, CENTRE)
        progress = self.runner.run(plan.name, CENTRE)
        assert progress.migration.state == "done", progress

    def order(self, offset: int, state: State, **columns: object) -> None:
        """An order of a number counted from BLOCK, in the database as it would be in this state."""
        row = {
            "reference": f"order-{offset}-{state}", "kind": "port", "profile": "cn", "number": BLOCK + offset,
            "state": state.value, "revision": 1, "version": 1, "donor": "OLD", "recipient": "NEW",
            "range_holder": "OLD", "routing_number": "0C17", "is_open": state in OPEN, "is_active": state in ACTIVE,
            "disputed": False, "answered": False, "conflicts": 0, "reasons": [], "opened": START, "changed": START,
        }  # fmt: skip
        with self.database.transaction() as tx:
            tx.connection.execute(ORDERS.insert().values(row | columns))

    def orders(self) -> dict[int, tuple[str, str, str]]:
        """Recipient, routing number and range holder of the order of each number counted from BLOCK."""
        table = ORDERS.c
        query = select(table.number, table.recipient, table.routing_number, table.range_holder)
        with self.database.reading() as connection:
            return {row[0] - BLOCK: tuple(row[1:]) for row in connection.execute(query)}

    def subscriber(self, offset: int, carrier: str) -> None:
        row = {
            "number": BLOCK + offset, "carrier": carrier, "kind": "personal", "status": "normal", "area": "",
            "real_name": True, "identity": "h", "identity_last4": "1234", "arrears": 0, "unbilled": 0,
            "unbilled_agreed": True, "joined": START, "bars": [], "changed": START,
        }  # fmt: skip
        with self.database.transaction() as tx:
            tx.connection.execute(SUBSCRIBERS.insert().values(row))

    def subscribers(self) -> dict[int, str]:
        with self.database.reading() as connection:
            rows = connection.execute(select(SUBSCRIBERS.c.number, SUBSCRIBERS.c.carrier))
            return {row.number - BLOCK: row.carrier for row in rows}

    def published(self) -> list[dict[str, object]]:
        """All rows of the chain that a migration wrote."""
        rows = [
            row for sequence in self.store.chain.sequences() for row in self.store.chain.read(sequence).rows.to_pylist()
        ]
        return [row for row in rows if (row["order"] or "").startswith("migration")]


def plan(*steps: str, head: str = "") -> Plan:
    """A plan of steps as TOML."""
    return parse("\n".join(['name = "m"', 'reason = "because"', head, *("[[step]]\n" + step for step in steps)]))


def merge(**more: object) -> str:
    keys = {"kind": "merge", "carrier": "OLD", "into": "NEW", "routing_number": "0C00"} | more
    return "\n".join(
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in keys.items()
    )


KINDS = ["mass", "per number", "two steps over one number", "renumber", "take over"]


def kinds(tmp_path: Path) -> dict[str, list[str]]:
    """Steps of every kind, by a name of KINDS."""
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(f"number,carrier,routing_number\n{BLOCK + 1},X,0E\n{BLOCK + 7},NEW,0C17\n")
    return {
        "mass": [merge()],
        "per number": [merge(how="per-number")],
        "two steps over one number": [
            merge(how="per-number"),
            'kind = "re-home"\ncarrier = "NEW"\nrouting_number = "0C00"\nto = "0D"',
        ],
        "renumber": [f'kind = "renumber"\nfirst = {BLOCK}\nlast = {BLOCK + 9_999}\nto = {BLOCK + 50_000}'],
        "take over": [f'kind = "take-over"\nfeed = "csv"\nfiles = ["{theirs}"]\nwithin = "86"\nwhole = true'],
    }
