"""The routes of data migration: dry run, begin, run, check, undo. All of it is the centre's; the regulator looks on.

A migration may take hours, a request must not. So a request works for some seconds and says how far it came; the same
request again goes on. In one process one request at a time works on migrations: another one is told to wait.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from portdip.porting.actor import Role
from portdip.porting.api import migration_shapes as shapes
from portdip.porting.api.guard import actor_of, for_roles
from portdip.porting.api.problems import Problem
from portdip.porting.layer import Layer
from portdip.porting.migration import ledger, plan
from portdip.porting.migration.check import check
from portdip.porting.migration.migrating import Migrating
from portdip.porting.migration.plan import Plan, TakeOver
from portdip.porting.migration.runner import ReadTable
from portdip.porting.migration.states import MigrationState

_Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]


class MigrationRoutes:
    """The routes of one layer; `read_table` gives what is served at the head of its chain."""

    def __init__(self, layer: Layer, read_table: ReadTable) -> None:
        self._layer = layer
        self._migrating = Migrating.over(layer.database, layer.open_writer, read_table)
        self._busy = threading.Lock()

    def add(self, router: APIRouter) -> None:
        """Add the routes."""
        post, get = router.post, router.get
        get("/migrations", summary="The migrations")(self.migrations)
        post("/migrations", status_code=201, summary="Take a plan on, to be run")(self.begin)
        post("/migrations/dry-run", summary="What a plan would change, without changing anything")(self.dry_run)
        get("/migrations/{name}", summary="One migration")(self.migration)
        post("/migrations/{name}/run", summary="Do what may be done of it now, or go on with it")(self.run)
        post("/migrations/{name}/check", summary="Hold what is served against what it meant")(self.check)
        post("/migrations/{name}/undo", summary="Go back to before it, or go on with that")(self.undo)

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def migrations(self) -> shapes.Migrations:
        """List all migrations."""
        with self._layer.database.reading() as connection:
            found = ledger.all_migrations(connection)
        return shapes.Migrations(migrations=[shapes.MigrationView.of(one) for one in found])

    @for_roles(Role.CENTRE, Role.REGULATOR)
    def migration(self, name: _Name) -> shapes.MigrationView:
        """Look at how far a migration is."""
        with self._layer.database.reading() as connection:
            return shapes.MigrationView.of(ledger.get(connection, name))

    @for_roles(Role.CENTRE)
    def dry_run(self, body: shapes.PlanEntry) -> shapes.ReportView:
        """Check a plan and count what it would change."""
        found = _plan(body.plan)
        with self._alone() as migrating:
            return shapes.ReportView.of(migrating.runner.dry_run(found))

    @for_roles(Role.CENTRE)
    def begin(self, request: Request, response: Response, body: shapes.Beginning) -> shapes.MigrationView:
        """Take it on; nothing moves yet. Refused where its dry run has faults or another digest now."""
        found = _plan(body.plan)
        with self._alone() as migrating:
            made = migrating.runner.begin(found, actor_of(request), expected=body.expect)
        response.headers["location"] = f"/v1/porting/migrations/{made.name}"
        return shapes.MigrationView.of(made)

    @for_roles(Role.CENTRE)
    def run(self, request: Request, name: _Name, body: shapes.Run) -> shapes.ProgressView:
        """Work on it for some seconds, a piece at least."""
        with self._alone() as migrating:
            progress = migrating.runner.run(name, actor_of(request), _after(body.seconds))
        waits = progress.waits_until is not None or progress.held_back > 0
        return shapes.ProgressView(
            migration=shapes.MigrationView.of(progress.migration),
            altered=progress.altered,
            waits_until=progress.waits_until,
            held_back=progress.held_back,
            more=progress.migration.state is MigrationState.RUNNING and not waits,
        )

    @for_roles(Role.CENTRE)
    def check(self, request: Request, name: _Name) -> shapes.FindingsView:
        """Compare. A migration that is done, and of which nothing differs unexplained, is verified then."""
        database = self._layer.database
        with self._alone() as migrating:
            findings = check(database, name, actor_of(request), migrating.runner.look())
        with database.reading() as connection:
            return shapes.FindingsView.of(ledger.get(connection, name), findings)

    @for_roles(Role.CENTRE)
    def undo(self, request: Request, name: _Name, body: shapes.Undo) -> shapes.UndoneView:
        """Undo it for some seconds. What has changed since the migration stays as it is."""
        with self._alone() as migrating:
            undone = migrating.undoing.undo(name, actor_of(request), body.cause, _after(body.seconds))
        return shapes.UndoneView(
            migration=shapes.MigrationView.of(undone.migration),
            restored=undone.restored,
            left_alone=undone.left_alone,
            more=undone.migration.state is MigrationState.UNDOING,
        )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Migrating]:
        """What migrates, for this request only. Problem where another one is at it."""
        if not self._busy.acquire(blocking=False):
            raise Problem(409, "under-way", "Another request works on migrations just now.", {"retry-after": "1"})
        try:
            yield self._migrating
        finally:
            self._busy.release()


def _plan(text: str) -> Plan:
    """The plan; Problem for one that names files: those of this machine are not for those who ask from elsewhere."""
    found = plan.parse(text)
    if any(isinstance(step, TakeOver) and (step.files or step.map) for step in found.step):
        raise Problem(
            422, "plan-with-files", "A plan that names files is begun where they are: portdip port migrate begin."
        )
    return found


def _after(seconds: int) -> Callable[[], bool]:
    """Whether so many seconds have passed since now."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until
