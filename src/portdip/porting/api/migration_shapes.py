"""What requests and answers of data migration look like."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from portdip.porting.api.shapes import Because, _In
from portdip.porting.migration.check import Difference, Findings
from portdip.porting.migration.dry_run import PhaseReport, Report
from portdip.porting.migration.ledger import Migration
from portdip.porting.migration.standing import Route
from portdip.porting.migration.states import MigrationState

_PAIRS_SHOWN = 100
_DIFFERENCES_SHOWN = 100


class PlanEntry(_In):
    """A plan, the TOML that `portdip port migrate plan` reads; one that names files is begun where they are."""

    plan: Annotated[str, Field(min_length=1, max_length=200_000)]


class Beginning(PlanEntry):
    """A plan to be taken on. `expect` is the digest of the dry run that was agreed on."""

    expect: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Run(_In):
    """How long to work on a migration in this request."""

    seconds: Annotated[int, Field(ge=1, le=30)] = 10


class Undo(Because):
    """Why a migration is undone, and how long to work on it in this request."""

    seconds: Annotated[int, Field(ge=1, le=30)] = 10


class RouteView(BaseModel):
    """Who serves numbers, and the routing number that reaches it."""

    carrier: str
    routing_number: str

    @classmethod
    def of(cls, route: Route | None) -> Self | None:
        """The route as the API shows it; None for nobody."""
        return None if route is None else cls(carrier=route.carrier, routing_number=route.routing_number)


class MoveView(BaseModel):
    """How many numbers go from one route to another; null is nobody."""

    count: int
    before: RouteView | None
    after: RouteView | None


class PhaseView(BaseModel):
    """What one phase of a step, from 1, would do. The pairs of routes with most numbers are shown."""

    step: int
    kind: str
    label: str
    at: datetime | None
    numbers: list[MoveView]
    in_ranges: list[MoveView]
    changes: int
    pieces: int
    slots: int
    held_back: int
    faults: list[str]

    @classmethod
    def of(cls, phase: PhaseReport) -> Self:
        """The phase as the API shows it."""
        return cls(
            step=phase.step + 1,
            kind=phase.kind,
            label=phase.label,
            at=phase.at,
            numbers=_moves(phase.numbers),
            in_ranges=_moves(phase.in_ranges),
            changes=phase.changes,
            pieces=phase.pieces,
            slots=phase.slots,
            held_back=phase.held_back,
            faults=list(phase.faults),
        )


class ReportView(BaseModel):
    """A dry run over the table at `sequence`. With `faults` the plan must not be done; `digest` is of all it alters."""

    name: str
    sequence: int
    digest: str
    phases: list[PhaseView]
    faults: list[str]

    @classmethod
    def of(cls, report: Report) -> Self:
        """The report as the API shows it."""
        phases = [PhaseView.of(phase) for phase in report.phases]
        return cls(
            name=report.name, sequence=report.sequence, digest=report.digest, phases=phases, faults=report.faults
        )


class MigrationView(BaseModel):
    """A migration: `step` of `steps`, from 1, comes next."""

    name: str
    state: MigrationState
    step: int
    steps: int
    reason: str

    @classmethod
    def of(cls, migration: Migration) -> Self:
        """The migration as the API shows it."""
        steps = len(migration.plan.step)
        step = min(migration.step + 1, steps)
        return cls(name=migration.name, state=migration.state, step=step, steps=steps, reason=migration.plan.reason)


class Migrations(BaseModel):
    """The migrations, oldest first."""

    migrations: list[MigrationView]


class ProgressView(BaseModel):
    """How far a request came: numbers and ranges altered in it, and why it ended.

    With `more` it came to the end of its time: ask again. With `waits_until` there is nothing to be done before that;
    `held_back` numbers wait for the end of their open orders.
    """

    migration: MigrationView
    altered: int
    waits_until: datetime | None
    held_back: int
    more: bool


class UndoneView(BaseModel):
    """Numbers and ranges that went back in this request, and those left alone because they have changed since."""

    migration: MigrationView
    restored: int
    left_alone: int
    more: bool


class DifferenceView(BaseModel):
    """A number, or a range up to `last`, that is not as the migration left it, and the change that explains it."""

    first: str
    last: str | None
    expected: RouteView | None
    found: RouteView | None
    changed_by: str

    @classmethod
    def of(cls, found: Difference) -> Self:
        """The difference as the API shows it."""
        return cls(
            first=str(found.first),
            last=str(found.last) if found.last else None,
            expected=RouteView.of(found.expected),
            found=RouteView.of(found.found),
            changed_by=found.changed_by,
        )


class FindingsView(BaseModel):
    """What a check came to; the first of the differences that nobody meant are shown."""

    migration: MigrationView
    compared: int
    changed_since: int
    unexplained: int
    differences: list[DifferenceView]

    @classmethod
    def of(cls, migration: Migration, findings: Findings) -> Self:
        """The findings as the API shows them."""
        unexplained = findings.unexplained
        return cls(
            migration=MigrationView.of(migration),
            compared=findings.compared,
            changed_since=len(findings.differences) - len(unexplained),
            unexplained=len(unexplained),
            differences=[DifferenceView.of(one) for one in unexplained[:_DIFFERENCES_SHOWN]],
        )


def _moves(counter: Counter[tuple[Route | None, Route | None]]) -> list[MoveView]:
    return [
        MoveView(count=count, before=RouteView.of(before), after=RouteView.of(after))
        for (before, after), count in counter.most_common(_PAIRS_SHOWN)
    ]
