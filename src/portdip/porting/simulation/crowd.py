"""What the people of a simulated country, and the carriers' desks for them, do with their ports, and when.

Everything to come is in one heap of small entries. An entry lives for hours, or for some days where it is about an
order that is done, and only few of those are picked: so the heap is as large on the last day as on the second.
Rates and times are assumptions, round ones.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portdip.errors import AuthorizationCodeError, CannotTellError, IneligibleError, PortingError
from portdip.porting.actor import Actor, Role
from portdip.porting.after import AfterPort
from portdip.porting.applying import Application, Applications
from portdip.porting.database import Database, Transaction
from portdip.porting.orders import Order
from portdip.porting.profile import Profile
from portdip.porting.simulation.people import CARRIERS, People
from portdip.porting.states import Act, State
from portdip.porting.steps import Steps

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_CENTRE = Actor("simulated centre", Role.CENTRE)
_REGULATOR = Actor("simulated inspector", Role.REGULATOR)

#: Shares of applicants who first ask, forget their code, mistype it once; of orders that are cancelled.
_ASK, _FORGET, _MISTYPE, _CANCEL = 0.6, 0.06, 0.02, 0.01
#: Shares of a donor's answers: none, no, and of what it approved, an objection.
_SILENT, _REFUSE, _OBJECT = 0.03, 0.05, 0.01
#: What happens after a port, to so large a share of them.
_LATER = {"dispute": 0.002, "suspend": 0.003, "leave": 0.003, "reverse": 0.0005}


@dataclass(order=True, slots=True)
class _Entry:
    due: datetime
    serial: int
    act: Callable[..., None] = field(compare=False)
    arguments: tuple[object, ...] = field(compare=False)


@dataclass(slots=True)
class _Applicant:
    number: int
    donor: str
    recipient: str
    code: str = ""


class Crowd:
    """The people, over the layer's own doors. `tally` counts what became of them. For one thread."""

    def __init__(
        self,
        profile: Profile,
        database: Database,
        people: People,
        applications: Applications,
        steps: Steps,
        after: AfterPort,
        seed: int,
    ) -> None:
        self.tally: Counter[str] = Counter()
        self._profile = profile
        self._database = database
        self._people = people
        self._applications = applications
        self._steps = steps
        self._after = after
        self._random = random.Random(f"crowd {seed}")  # noqa: S311
        self._heap: list[_Entry] = []
        self._serial = 0

    def apply(self, moment: datetime) -> None:
        """One more person wants to leave, at this moment."""
        number, donor = self._people.applicant()
        applicant = _Applicant(number, donor, self._people.recipient(donor))
        self.tally["applicants"] += 1
        if self._profile.code is None:
            self._later(moment, self._submit, applicant)
        elif self._random.random() < _ASK:
            self._later(moment, self._ask, applicant)
        else:
            self._later(moment, self._get_code, applicant)

    def take(self, until: datetime) -> list[_Entry]:
        """What is due until a moment, in its order; it is no longer to come."""
        due = []
        while self._heap and self._heap[0].due <= until:
            due.append(heapq.heappop(self._heap))
        return due

    def do(self, entry: _Entry) -> None:
        """One of the things due. What the layer refuses is counted, as in life."""
        try:
            entry.act(entry.due, *entry.arguments)
        except CannotTellError:
            self.tally["donor cannot tell"] += 1
            self._later(entry.due + 10 * _MINUTE, entry.act, *entry.arguments)
        except IneligibleError as error:
            self._refused(error.reasons)
        except AuthorizationCodeError as error:
            self.tally[f"code {error.got}"] += 1
        except PortingError as error:
            self.tally[type(error).__name__] += 1

    def _later(self, due: datetime, act: Callable[..., None], *arguments: object) -> None:
        self._serial += 1
        heapq.heappush(self._heap, _Entry(due, self._serial, act, arguments))

    def _soon(self, moment: datetime, minutes: float) -> datetime:
        """Some time after a moment, most often about so many minutes."""
        return moment + _MINUTE * self._random.lognormvariate(0, 0.7) * minutes

    def _refused(self, reasons: tuple[str, ...]) -> None:
        self.tally["refused"] += 1
        self.tally.update(f"reason {reason}" for reason in reasons)

    def _ask(self, moment: datetime, applicant: _Applicant) -> None:
        claim = self._people.claim(applicant.number)
        desk = Actor("simulated text", Role.DESK, applicant.donor)
        outcome = self._applications.query(desk, self._profile, applicant.number, applicant.donor, claim, "simulated")
        if outcome.eligible:
            self._later(self._soon(moment, 5), self._get_code, applicant)
        else:
            self._refused(outcome.reasons)

    def _get_code(self, moment: datetime, applicant: _Applicant) -> None:
        claim = self._people.claim(applicant.number)
        desk = Actor("simulated text", Role.DESK, applicant.donor)
        issued = self._applications.issue_code(
            desk, self._profile, applicant.number, applicant.donor, claim, "simulated"
        )
        self.tally["codes"] += 1
        applicant.code = issued.code
        if self._random.random() >= _FORGET:
            self._later(self._soon(moment, 15), self._submit, applicant)

    def _submit(self, moment: datetime, applicant: _Applicant) -> None:
        mistyped = applicant.code and self._random.random() < _MISTYPE
        if mistyped:
            self._later(moment + _MINUTE, self._submit, applicant)
        application = Application(
            number=applicant.number,
            recipient=applicant.recipient,
            routing_number=CARRIERS[applicant.recipient][0],
            claim=self._people.claim(applicant.number),
            code=applicant.code[::-1] if mistyped else applicant.code,
            risks_confirmed="simulated notice" if self._profile.consent is not None else "",
        )
        desk = Actor("simulated shop", Role.DESK, applicant.recipient)
        order = self._applications.submit(desk, self._profile, application, "simulated")
        self.tally["orders"] += 1
        if order.state is State.REJECTED:
            self._refused(order.reasons)
        elif order.state is State.AWAITING_DONOR:
            if self._random.random() >= _SILENT:
                self._later(self._soon(moment, 20), self._answer, order.reference)
        else:
            self._approved(moment, order)

    def _answer(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._steps.orders.get(tx, reference)
            if order.state is not State.AWAITING_DONOR:
                return
            donor = Actor("simulated donor", Role.DONOR, order.donor)
            if self._random.random() < _REFUSE:
                reasons = [code for code, reason in self._profile.reasons.items() if "donor" in reason.by]
                reason = self._random.choice(sorted(reasons))
                self._steps.refuse(tx, order, donor, (reason,), "simulated")
                self._refused((reason,))
                return
            dated = self._profile.slots.rule == "first-possible-date"
            first_possible = moment + _DAY if dated else None
            order = self._steps.approve(tx, order, donor, "simulated", first_possible=first_possible)
        self._approved(moment, order)

    def _approved(self, moment: datetime, order: Order) -> None:
        """What happens to an order once it has its slot, if anything does."""
        self._people.moved(order.number, order.recipient)
        slot = order.slot or moment
        if self._random.random() < _CANCEL:
            self._later(moment + (slot - moment) * self._random.random(), self._cancel, order.reference)
        elif self._profile.deciding.conflicts and self._random.random() < _OBJECT:
            self._later(moment + (slot - moment) / 2, self._object, order.reference)
        chosen = self._random.random()
        for name, share in _LATER.items():
            if chosen < share:
                then = slot + _HOUR + _DAY * self._random.random()
                self._later(then, getattr(self, f"_{name}"), order.reference)
                return
            chosen -= share

    def _order(self, tx: Transaction, reference: str, *states: State) -> Order | None:
        """The order, if it is in one of these states still."""
        order = self._steps.orders.get(tx, reference)
        return order if order.state in states else None

    def _cancel(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.SCHEDULED)
            if order is not None:
                self._steps.cancel(tx, order, Actor("simulated shop", Role.DESK, order.recipient), "simulated")
                self.tally["cancelled"] += 1

    def _object(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.SCHEDULED)
            if order is not None:
                self._steps.object(tx, order, Actor("simulated donor", Role.DONOR, order.donor), "simulated")
                self.tally["conflicts"] += 1
                self._later(moment + _DAY, self._resolve, reference)

    def _resolve(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.CONFLICT)
            if order is not None:
                self._steps.resolve(tx, order, Actor("simulated donor", Role.DONOR, order.donor), "simulated")

    def _dispute(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.ACTIVE)
            if order is not None:
                self._steps.dispute(tx, order, Actor("simulated donor", Role.DONOR, order.donor), "simulated")
                self.tally["disputed"] += 1
                self._later(moment + _DAY, self._settle, reference)

    def _settle(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._steps.orders.get(tx, reference)
            if order.disputed:
                self._steps.settle(tx, order, _REGULATOR, "simulated")

    def _suspend(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.ACTIVE)
            if order is not None:
                donor = Actor("simulated donor", Role.DONOR, order.donor)
                self._steps.orders.move(tx, order, Act.SUSPEND, donor, "simulated arrears")
                self.tally["suspended"] += 1
                self._later(moment + _DAY, self._resume, reference)

    def _resume(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.SUSPENDED)
            if order is not None:
                donor = Actor("simulated donor", Role.DONOR, order.donor)
                self._steps.orders.move(tx, order, Act.RESUME, donor, "simulated payment")

    def _leave(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.ACTIVE)
            if order is not None:
                recipient = Actor("simulated recipient", Role.RECIPIENT, order.recipient)
                order = self._steps.orders.move(tx, order, Act.RETURN, recipient, "simulated leaving")
                self.tally["returned"] += 1
                if self._random.random() < 0.5:
                    self._after.release(tx, order, recipient, "simulated: nobody will come back")

    def _reverse(self, moment: datetime, reference: str) -> None:
        with self._database.transaction() as tx:
            order = self._order(tx, reference, State.ACTIVE)
            if order is not None:
                donor = Actor("simulated donor", Role.DONOR, order.donor)
                self._after.ask_reversal(tx, order, donor, "simulated wrong port")
                self._after.approve_reversal(tx, order, _CENTRE)
                self.tally["reversed"] += 1
