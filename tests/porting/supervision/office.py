"""A database with what supervision looks at, put there as a test wants it."""

from datetime import UTC, datetime, timedelta

from portdip.porting import profile
from portdip.porting.clock import VirtualClock
from portdip.porting.database import Database
from portdip.porting.privacy import Vault
from portdip.porting.states import ACTIVE, OPEN, State
from portdip.porting.tables.orders import ORDERS

START = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)  # a Monday, 10 in the morning in Shanghai
NUMBER = 8613800000000


class Office:
    """A database with a clock, the Chinese profile, and orders put there as the tests want them."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self.database, self.clock = database, clock
        self.profile = profile.load("cn")
        self.profiles = {"cn": self.profile}
        self.vault = Vault({"1": bytes(32)}, "1")

    def order(self, offset: int, state: State, **columns: object) -> int:
        now = self.clock.now()
        row = {
            "reference": f"order-{offset}", "kind": "port", "profile": "cn", "number": NUMBER + offset,
            "state": state.value, "revision": 1, "version": 1, "donor": "CMCC", "recipient": "CUCC",
            "range_holder": "CMCC", "routing_number": "0B", "is_open": state in OPEN, "is_active": state in ACTIVE,
            "disputed": False, "answered": False, "conflicts": 0, "reasons": [], "opened": now, "changed": now,
        }  # fmt: skip
        with self.database.transaction() as tx:
            return tx.connection.execute(ORDERS.insert().values(row | columns).returning(ORDERS.c.id)).scalar_one()

    def wait(self, **time: float) -> None:
        self.clock.advance(timedelta(**time))
