"""A small country to port numbers in: carriers ALPHA, BETA, GAMMA, their ranges, subscribers, desks."""

from datetime import datetime, timedelta

from sqlalchemy import select

from portdip.porting import profile as profiles
from portdip.porting import resources
from portdip.porting.actor import SYSTEM, Actor, Role
from portdip.porting.applying import Application, Applications
from portdip.porting.clock import VirtualClock
from portdip.porting.database import Database
from portdip.porting.donor_systems import DonorSystem, DonorSystems
from portdip.porting.eligibility import Claim
from portdip.porting.orders import Order, Orders
from portdip.porting.privacy import Vault
from portdip.porting.states import Act, State
from portdip.porting.steps import Steps
from portdip.porting.subscribers import COLUMNS, import_csv
from portdip.porting.tables.audit import AUDIT
from portdip.porting.tables.orders import EVENTS

CARRIERS = ("ALPHA", "BETA", "GAMMA")
ROUTES = {"ALPHA": "A1", "BETA": "B2", "GAMMA": "C3"}
IDENTITY = "11010519491231002X"
NAME = "王小明"
CLAIM = Claim(identity=IDENTITY, name=NAME)

#: Numbers of each profile's country, the first carrier's first; a thousand a carrier.
FIRST = {"cn": 8610000000000, "nanp": 12025550000, "nl": 31600000000, "in": 919000000000}

#: A subscriber against whom nothing speaks, as the file to import has it.
GOOD = {
    "kind": "personal",
    "status": "normal",
    "area": "",
    "real_name": "yes",
    "identity": IDENTITY,
    "name": NAME,
    "arrears": "0",
    "unbilled": "0",
    "unbilled_agreed": "no",
    "contract_until": "",
    "joined": "2020-01-01T00:00:00+00:00",
    "bars": "",
}

CENTRE = Actor("centre", Role.CENTRE)
REGULATOR = Actor("regulator", Role.REGULATOR)


def desk(carrier: str) -> Actor:
    return Actor(f"{carrier} desk", Role.DESK, carrier)


def donor(carrier: str = "ALPHA") -> Actor:
    return Actor(f"{carrier} porting", Role.DONOR, carrier)


def recipient(carrier: str = "BETA") -> Actor:
    return Actor(f"{carrier} porting", Role.RECIPIENT, carrier)


def range_holder(carrier: str = "ALPHA") -> Actor:
    return Actor(f"{carrier} numbering", Role.RANGE_HOLDER, carrier)


class World:
    """All that is needed to port numbers, in one database."""

    def __init__(
        self, database: Database, clock: VirtualClock, country: str = "cn", remote: dict[str, DonorSystem] | None = None
    ) -> None:
        self.database = database
        self.clock = clock
        self.vault = Vault({"1": bytes(32)}, "1")
        self.profiles = profiles.load_all()
        self.profile = self.profiles[country]
        self.orders = Orders(self.profiles)
        self.steps = Steps(self.orders)
        self.suspended: set[str] = set()
        self.donors = DonorSystems(database, self.vault, remote or {})
        self.applications = Applications(
            database, self.steps, self.donors, self.vault, lambda tx, carrier: carrier not in self.suspended
        )
        with database.transaction() as tx:
            for first in FIRST.values():
                for place, carrier in enumerate(CARRIERS):
                    begin = first + 1000 * place
                    resources.assign(tx, SYSTEM, begin, begin + 999, carrier, "set-up", routing_number=ROUTES[carrier])

    def in_country(self, country: str) -> "World":
        """The same, under another profile."""
        self.profile = self.profiles[country]
        return self

    def number(self, place: int = 0, carrier: str = "ALPHA") -> int:
        """A number of a carrier's range in the profile's country."""
        return FIRST[self.profile.name] + 1000 * CARRIERS.index(carrier) + place

    def subscriber(self, number: int, carrier: str = "ALPHA", **differing: str) -> int:
        """Have a subscriber of the number, as good as can be but for what is said."""
        row = GOOD | differing | {"number": str(number)}
        lines = [",".join(COLUMNS), ",".join(row[name] for name in COLUMNS)]
        assert import_csv(self.database, self.vault, SYSTEM, carrier, lines) == 1
        return number

    def code(self, number: int, carrier: str = "ALPHA", claim: Claim = CLAIM) -> str:
        """An authorization code for the number."""
        return self.applications.issue_code(desk(carrier), self.profile, number, carrier, claim, "at the desk").code

    def submit(self, number: int, to: str = "BETA", code: str = "", claim: Claim = CLAIM, **more: object) -> Order:
        """The recipient's order, with the subscriber's confirmation where the profile wants one."""
        if self.profile.consent is not None and "consent" not in more:
            more = {"risks_confirmed": "notice 1"} | more
        application = Application(
            number,
            to,
            ROUTES[to],
            claim,
            code=code,
            **more,  # type: ignore[arg-type]
        )
        return self.applications.submit(recipient(to), self.profile, application, "at the desk")

    def port(self, number: int, to: str = "BETA", carrier: str = "ALPHA") -> Order:
        """An order as far as it goes without anybody's answer: scheduled, or awaiting the donor."""
        self.subscriber(number, carrier)
        return self.submit(number, to, self.code(number, carrier) if self.profile.code else "")

    def scheduled(self, number: int, to: str = "BETA", carrier: str = "ALPHA") -> Order:
        """An order that waits for its slot."""
        order = self.port(number, to, carrier)
        if order.state is State.AWAITING_DONOR:
            first = self.clock.now() + timedelta(days=1) if self.profile.slots.rule == "first-possible-date" else None
            with self.database.transaction() as tx:
                order = self.steps.approve(
                    tx, self.orders.get(tx, order.reference), donor(carrier), "yes", first_possible=first
                )
        assert order.state is State.SCHEDULED, order
        return order

    def move(self, order: Order, act: Act, actor: Actor = CENTRE, **changes: object) -> Order:
        """One move in a transaction of its own."""
        with self.database.transaction() as tx:
            return self.orders.move(tx, order, act, actor, "test", **changes)

    def now_of(self, order: Order) -> Order:
        """The order as it is now."""
        with self.database.reading() as connection:
            return self.orders.find(connection, order.reference)

    def acts(self, order: Order) -> list[str]:
        """The acts that the audit has of the order."""
        with self.database.reading() as connection:
            query = select(AUDIT.c.act).where(AUDIT.c.subject == order.reference).order_by(AUDIT.c.sequence)
            return list(connection.execute(query).scalars())

    def events(self, carrier: str) -> list[tuple[str, str]]:
        """What a carrier was told: reference and state."""
        with self.database.reading() as connection:
            query = select(EVENTS.c.reference, EVENTS.c.body).where(EVENTS.c.carrier == carrier).order_by(EVENTS.c.id)
            return [(row.reference, row.body["state"]) for row in connection.execute(query)]

    def advance_to(self, moment: datetime) -> None:
        """Move the clock."""
        self.clock.set(moment)
