"""The state machine of a port order: states, acts, which act leads where, and who may do it.

An order is of one number. Until it is submitted it belongs to the donor's side (the query, the authorization code);
with the submission the recipient drives it. A dispute is no state but a mark that any order still alive may carry.
One table, `MOVES`, is all there is: a profile takes states out of it, nothing adds to it.

Words for the states of others: NPAC's pending is everything from `submitted` to `scheduled`, its sending is
`broadcasting`, its old is `superseded` or `returned`. In COIN's words the donor's answer leads to `approved`, its
portingperformed is `active`, its deactivation is `return-pending` to `returned`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from portdip.porting.actor import Role


class State(StrEnum):
    """Where an order is."""

    DRAFT = "draft"
    QUERIED = "queried"
    CODE_ISSUED = "code-issued"
    CODE_EXPIRED = "code-expired"
    SUBMITTED = "submitted"
    VALIDATING = "validating"
    REJECTED = "rejected"
    AWAITING_DONOR = "awaiting-donor"
    APPROVED = "approved"
    CONFLICT = "conflict"
    CANCEL_PENDING = "cancel-pending"
    CANCELLED = "cancelled"
    SCHEDULED = "scheduled"
    BROADCASTING = "broadcasting"
    ACTIVE = "active"
    PARTIAL_FAILURE = "partial-failure"
    FAILED = "failed"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"
    RETURN_PENDING = "return-pending"
    RETURNING = "returning"
    RETURNED = "returned"


class Act(StrEnum):
    """What is done to an order."""

    QUERY = "query"
    ISSUE_CODE = "issue-code"
    EXPIRE_CODE = "expire-code"
    SUBMIT = "submit"
    VALIDATE = "validate"
    ACCEPT = "accept"
    REJECT = "reject"
    DELAY = "delay"
    REMIND = "remind"
    APPROVE = "approve"
    AUTHORIZE = "authorize"
    OBJECT = "object"
    RESOLVE = "resolve"
    REQUEST_CANCEL = "request-cancel"
    UNDO_CANCEL = "undo-cancel"
    CANCEL = "cancel"
    SCHEDULE = "schedule"
    CUT_OVER = "cut-over"
    COMPLETE = "complete"
    MISS = "miss"
    RESEND = "resend"
    FAIL = "fail"
    SUSPEND = "suspend"
    RESUME = "resume"
    SUPERSEDE = "supersede"
    RETURN = "return"
    KEEP = "keep"
    RELEASE = "release"
    COMPLETE_RELEASE = "complete-release"
    DISPUTE = "dispute"
    SETTLE = "settle"


#: States before the recipient has submitted: they keep nobody else from the number.
UNSUBMITTED = frozenset({State.DRAFT, State.QUERIED, State.CODE_ISSUED})

#: States of an order that is under way. A number has at most one such order.
OPEN = UNSUBMITTED | {
    State.SUBMITTED,
    State.VALIDATING,
    State.AWAITING_DONOR,
    State.APPROVED,
    State.CONFLICT,
    State.CANCEL_PENDING,
    State.SCHEDULED,
    State.BROADCASTING,
    State.FAILED,
    State.RETURN_PENDING,
    State.RETURNING,
}

#: States of the order that says who serves the number. A number has at most one such order.
ACTIVE = frozenset(
    {State.ACTIVE, State.PARTIAL_FAILURE, State.SUSPENDED, State.RETURN_PENDING, State.RETURNING},
)

#: States that nothing leads out of.
FINAL = frozenset({State.CODE_EXPIRED, State.REJECTED, State.CANCELLED, State.SUPERSEDED, State.RETURNED})

#: Between submission and cut-over: what the donor may object to and either side may cancel.
_PENDING = (State.SUBMITTED, State.VALIDATING, State.AWAITING_DONOR, State.APPROVED, State.CONFLICT, State.SCHEDULED)


def _moves() -> dict[tuple[State, Act], State]:
    moves: dict[tuple[State, Act], State] = {}

    def allow(act: Act, states: Iterable[State], after: State) -> None:
        for state in states:
            moves[state, act] = after

    allow(Act.QUERY, (State.DRAFT, State.QUERIED), State.QUERIED)
    allow(Act.ISSUE_CODE, (State.DRAFT, State.QUERIED, State.CODE_ISSUED), State.CODE_ISSUED)
    allow(Act.EXPIRE_CODE, (State.CODE_ISSUED,), State.CODE_EXPIRED)
    allow(Act.SUBMIT, (State.DRAFT, State.QUERIED, State.CODE_ISSUED), State.SUBMITTED)
    allow(Act.VALIDATE, (State.SUBMITTED,), State.VALIDATING)
    allow(Act.ACCEPT, (State.VALIDATING,), State.AWAITING_DONOR)
    allow(Act.REJECT, (State.VALIDATING, State.AWAITING_DONOR), State.REJECTED)
    allow(Act.DELAY, (State.AWAITING_DONOR,), State.AWAITING_DONOR)
    allow(Act.REMIND, (State.AWAITING_DONOR,), State.AWAITING_DONOR)
    allow(Act.REMIND, (State.CANCEL_PENDING,), State.CANCEL_PENDING)
    allow(Act.APPROVE, (State.AWAITING_DONOR,), State.APPROVED)
    allow(Act.AUTHORIZE, (State.DRAFT,), State.APPROVED)
    allow(Act.OBJECT, (State.AWAITING_DONOR, State.APPROVED, State.SCHEDULED, State.CANCEL_PENDING), State.CONFLICT)
    allow(Act.RESOLVE, (State.CONFLICT,), State.APPROVED)
    allow(Act.REQUEST_CANCEL, _PENDING, State.CANCEL_PENDING)
    allow(Act.UNDO_CANCEL, (State.CANCEL_PENDING,), State.AWAITING_DONOR)
    allow(Act.CANCEL, (*UNSUBMITTED, *_PENDING, State.CANCEL_PENDING, State.FAILED), State.CANCELLED)
    allow(Act.SCHEDULE, (State.APPROVED, State.SCHEDULED, State.FAILED), State.SCHEDULED)
    allow(Act.CUT_OVER, (State.SCHEDULED,), State.BROADCASTING)
    allow(Act.COMPLETE, (State.BROADCASTING, State.PARTIAL_FAILURE), State.ACTIVE)
    allow(Act.COMPLETE_RELEASE, (State.BROADCASTING, State.PARTIAL_FAILURE, State.RETURNING), State.RETURNED)
    allow(Act.MISS, (State.BROADCASTING,), State.PARTIAL_FAILURE)
    allow(Act.MISS, (State.RETURNING,), State.RETURNING)
    allow(Act.RESEND, (State.PARTIAL_FAILURE,), State.PARTIAL_FAILURE)
    allow(Act.RESEND, (State.RETURNING,), State.RETURNING)
    allow(Act.FAIL, (State.BROADCASTING,), State.FAILED)
    allow(Act.SUSPEND, (State.ACTIVE,), State.SUSPENDED)
    allow(Act.RESUME, (State.SUSPENDED,), State.ACTIVE)
    allow(Act.SUPERSEDE, (State.ACTIVE, State.SUSPENDED, State.PARTIAL_FAILURE), State.SUPERSEDED)
    allow(Act.RETURN, (State.ACTIVE, State.SUSPENDED), State.RETURN_PENDING)
    allow(Act.KEEP, (State.RETURN_PENDING,), State.ACTIVE)
    allow(Act.RELEASE, (State.RETURN_PENDING,), State.RETURNING)
    for state in State:
        if state not in FINAL:
            moves[state, Act.DISPUTE] = moves[state, Act.SETTLE] = state
    return moves


#: Where each act leads from each state; what is not here is refused.
MOVES = _moves()

_CENTRAL = frozenset({Role.CENTRE, Role.SYSTEM})
_ANY_SIDE = frozenset({Role.DESK, Role.RECIPIENT, Role.DONOR}) | _CENTRAL | {Role.REGULATOR}

#: Who may do it. The centre and the program act by the profile's rules; a carrier's roles only on its own orders.
ROLES: dict[Act, frozenset[Role]] = {
    Act.QUERY: frozenset({Role.DESK, Role.DONOR}) | _CENTRAL,
    Act.ISSUE_CODE: frozenset({Role.DESK, Role.DONOR}) | _CENTRAL,
    Act.EXPIRE_CODE: _CENTRAL,
    Act.SUBMIT: frozenset({Role.DESK, Role.RECIPIENT}),
    Act.VALIDATE: _CENTRAL,
    Act.ACCEPT: _CENTRAL,
    Act.REJECT: frozenset({Role.DONOR}) | _CENTRAL,
    Act.DELAY: frozenset({Role.DONOR}) | _CENTRAL,
    Act.REMIND: _CENTRAL,
    Act.APPROVE: frozenset({Role.DONOR}) | _CENTRAL,
    Act.AUTHORIZE: frozenset({Role.REGULATOR}) | _CENTRAL,
    Act.OBJECT: frozenset({Role.DONOR}) | _CENTRAL,
    Act.RESOLVE: frozenset({Role.DONOR, Role.RECIPIENT, Role.REGULATOR}) | _CENTRAL,
    Act.REQUEST_CANCEL: _ANY_SIDE,
    Act.UNDO_CANCEL: frozenset({Role.DESK, Role.RECIPIENT, Role.DONOR}) | _CENTRAL,
    Act.CANCEL: _ANY_SIDE,
    Act.SCHEDULE: frozenset({Role.DESK, Role.RECIPIENT}) | _CENTRAL,
    Act.CUT_OVER: _CENTRAL,
    Act.COMPLETE: _CENTRAL,
    Act.COMPLETE_RELEASE: _CENTRAL,
    Act.MISS: _CENTRAL,
    Act.RESEND: frozenset({Role.RECIPIENT}) | _CENTRAL,
    Act.FAIL: _CENTRAL,
    Act.SUSPEND: frozenset({Role.DONOR}) | _CENTRAL,
    Act.RESUME: frozenset({Role.DONOR}) | _CENTRAL,
    Act.SUPERSEDE: _CENTRAL,
    Act.RETURN: frozenset({Role.DESK, Role.RECIPIENT}) | _CENTRAL,
    Act.KEEP: frozenset({Role.DESK, Role.RECIPIENT}) | _CENTRAL,
    Act.RELEASE: frozenset({Role.RECIPIENT, Role.RANGE_HOLDER}) | _CENTRAL,
    Act.DISPUTE: _ANY_SIDE | {Role.RANGE_HOLDER},
    Act.SETTLE: frozenset({Role.CENTRE, Role.REGULATOR}),
}


def diagram(skipped: frozenset[State] = frozenset()) -> str:
    """The table as a Mermaid state diagram, without the states that a profile skips."""
    lines = ["stateDiagram-v2", "    [*] --> draft"]
    edges: dict[tuple[State, State], list[str]] = {}
    for (before, act), after in MOVES.items():
        if act not in (Act.DISPUTE, Act.SETTLE) and not {before, after} & skipped:
            edges.setdefault((before, after), []).append(act.value)
    for (before, after), acts in edges.items():
        lines.append(f"    {_name(before)} --> {_name(after)}: {', '.join(acts)}")
    lines += [f"    {_name(state)} --> [*]" for state in State if state in FINAL - skipped]
    return "\n".join(lines) + "\n"


def _name(state: State) -> str:
    """Mermaid takes no hyphens in names."""
    return state.value.replace("-", "_")
