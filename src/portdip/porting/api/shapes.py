"""What requests and answers look like: JSON, numbers as text, times with a zone (RFC 3339)."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from portdip.porting.after import Reversal
from portdip.porting.orders import Order, OrderKind
from portdip.porting.states import State

#: What may stand in a text that is kept: no control characters, which no database and no log wants.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"


def _with_date_and_time(text: object) -> object:
    """pydantic would take a bare number as well, for seconds since 1970."""
    if isinstance(text, str) and "T" in text.upper():
        return text
    raise ValueError("give a date, a time and its zone, such as 2026-01-02T03:00:00Z")


Digits = Annotated[str, Field(pattern=r"^\+?[1-9][0-9]{0,14}$", examples=["+8613800138000"])]
Carrier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$", examples=["CMCC"])]
RoutingNumber = Annotated[str, Field(pattern="^[0-9A-Fa-f]{0,16}$", examples=["0B17"])]
Text = Annotated[str, Field(max_length=500, pattern=_PLAIN)]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{0,64}$")]
Moment = Annotated[AwareDatetime, BeforeValidator(_with_date_and_time)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Claimed(_In):
    """A number at its donor, and who says it is theirs."""

    number: Digits
    donor: Carrier
    identity: Annotated[str, Field(max_length=64, pattern=_PLAIN, description="Identity number.")] = ""
    name: Annotated[str, Field(max_length=200, pattern=_PLAIN)] = ""
    cause: Text = "asked over the API"


class Submission(_In):
    """A port order. `code` is the authorization code, where the profile has them.

    Where it wants the subscriber's confirmation of the risks, `consent` is the id of the evidence of it, or
    `risks_confirmed` the version of the notice that was confirmed just now.
    """

    number: Digits
    routing_number: RoutingNumber = ""
    code: Annotated[str, Field(max_length=16, pattern=r"^[0-9A-Za-z]*$")] = ""
    identity: Annotated[str, Field(max_length=64, pattern=_PLAIN)] = ""
    name: Annotated[str, Field(max_length=200, pattern=_PLAIN)] = ""
    donor: Annotated[str, Field(max_length=64, pattern=r"^[!-~]*$")] = ""
    reseller: Annotated[str, Field(max_length=64, pattern=r"^[!-~]*$")] = ""
    area: Annotated[str, Field(max_length=64, pattern=_PLAIN)] = ""
    wished: Moment | None = None
    consent: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    risks_confirmed: Annotated[str, Field(max_length=200, pattern=_PLAIN)] = ""
    reference: Reference = ""
    batch: Reference = ""
    cause: Text = "applied over the API"


class Submissions(_In):
    """Port orders to be submitted together, each on its own."""

    submissions: tuple[Submission, ...] = Field(min_length=1, max_length=500)


class Doing(_In):
    """What a deed takes: `reasons` for a refusal, `moment` for an approval, a delay or a schedule."""

    cause: Annotated[str, Field(min_length=1, max_length=500, pattern=_PLAIN)]
    reasons: tuple[Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$")], ...] = Field(default=(), max_length=20)
    moment: Moment | None = None


class Because(_In):
    """Why."""

    cause: Annotated[str, Field(min_length=1, max_length=500, pattern=_PLAIN)]


class Correction(Because):
    """Who is to serve a number that was ported wrongly."""

    carrier: Carrier
    routing_number: RoutingNumber = ""


class Message(_In):
    """A text message of a subscriber."""

    number: Digits
    text: Annotated[str, Field(max_length=500)]


class NodeEntry(_In):
    """A node to be registered."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    carrier: Carrier


class Applied(_In):
    """How far a node is."""

    sequence: Annotated[int, Field(ge=0, lt=2**63)]


class RangeDeed(Because):
    """An act on numbers. `carrier` and `routing_number` go with assign, `days` of quarantine with withdraw."""

    first: Digits
    last: Digits
    carrier: Annotated[str, Field(max_length=64, pattern=r"^[!-~]*$")] = ""
    routing_number: RoutingNumber = ""
    days: Annotated[int, Field(ge=0, le=3650)] = 90


class WebhookEntry(_In):
    """Where a carrier's events are to be posted."""

    carrier: Carrier
    url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[!-~]+$")]


class ReasonView(BaseModel):
    """One reason, in words, with what can be done about it."""

    code: str
    zh: str
    en: str


class ReviewView(BaseModel):
    """Whether a number can be ported, and every reason why not."""

    eligible: bool
    reasons: list[ReasonView]


class OrderView(BaseModel):
    """A port order at its `revision`, which is its ETag too."""

    reference: str
    kind: OrderKind
    profile: str
    number: str
    batch: str
    state: State
    revision: int
    version: int
    donor: str
    recipient: str
    range_holder: str
    routing_number: str
    reseller: str
    area: str
    wished: datetime | None
    first_possible: datetime | None
    slot: datetime | None
    timer: str
    due: datetime | None
    disputed: bool
    conflicts: int
    delta_sequence: int | None
    reasons: list[str]
    consent: int | None
    opened: datetime
    submitted: datetime | None
    activated: datetime | None
    changed: datetime

    @classmethod
    def of(cls, order: Order) -> Self:
        """The order as the API shows it."""
        values = {name: getattr(order, name) for name in cls.model_fields}
        return cls(**values | {"number": str(order.number), "reasons": list(order.reasons)})


class Orders(BaseModel):
    """A page of orders, the newest first; `next` asks for the page after it."""

    orders: list[OrderView]
    next: str | None


class SubmissionResult(BaseModel):
    """What came of one submission: as `status` says, the order, or the problem."""

    status: int
    order: OrderView | None = None
    problem: ProblemView | None = None


class SubmissionResults(BaseModel):
    """What came of each, in their order."""

    results: list[SubmissionResult]


class CodeView(BaseModel):
    """An authorization code: shown this once."""

    code: str
    expires: datetime
    order: str


class RecordView(BaseModel):
    """One record of the audit."""

    sequence: int
    at: datetime
    actor: str
    role: str
    carrier: str
    act: str
    before: str
    after: str
    cause: str
    rule: str


class Records(BaseModel):
    """All that was done with an order."""

    records: list[RecordView]


class ReversalView(BaseModel):
    """A reversal that was asked for."""

    cause: str
    asked: datetime
    decided: datetime | None
    approved_by: list[str]

    @classmethod
    def of(cls, reversal: Reversal) -> Self:
        """The reversal as the API shows it."""
        return cls(
            cause=reversal.cause,
            asked=reversal.asked,
            decided=reversal.decided,
            approved_by=list(reversal.approved_by),
        )


class Reply(BaseModel):
    """A text was taken and answered; the answer is the subscriber's."""

    taken: bool


class NodeView(BaseModel):
    """A node, and how far it said it is."""

    name: str
    carrier: str
    sequence: int
    reported: datetime | None


class Nodes(BaseModel):
    """The registered nodes."""

    nodes: list[NodeView]


class RangeView(BaseModel):
    """A range of numbers and its state."""

    first: str
    last: str
    state: str
    carrier: str
    routing_number: str
    until: datetime | None


class Ranges(BaseModel):
    """Ranges, in order."""

    ranges: list[RangeView]


class UseView(BaseModel):
    """How a carrier uses its numbers."""

    carrier: str
    assigned: int
    ported_out: int
    ported_in: int


class Uses(BaseModel):
    """The use of all carriers."""

    carriers: list[UseView]


class EventView(BaseModel):
    """Something that happened to an order."""

    id: int
    carrier: str
    kind: str
    reference: str
    body: dict[str, Any]
    at: datetime


class Events(BaseModel):
    """Events after the one asked for; `position` is where to go on."""

    events: list[EventView]
    position: int


class WebhookView(BaseModel):
    """A webhook and how far it is. `secret` is shown when it is made, and never again."""

    id: int
    carrier: str
    url: str
    position: int
    attempts: int
    given_up: int
    secret: str | None = None


class Webhooks(BaseModel):
    """A carrier's webhooks."""

    webhooks: list[WebhookView]


class ProblemView(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    reasons: list[str] | None = None


def of_value(view: type[BaseModel], value: Any) -> dict[str, Any]:
    """The fields that a view has of a dataclass, integers that are numbers as text."""
    known = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    known |= {name: str(known[name]) for name in ("first", "last") if name in known}
    return {name: known[name] for name in view.model_fields if name in known}
