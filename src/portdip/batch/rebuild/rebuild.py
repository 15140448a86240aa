"""The table of a target from a store: read at one generation, fitted, checked, written, and there when it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from portdip import files
from portdip.batch.rebuild import earlier, limits, names, targets, wrong
from portdip.batch.rebuild.calls import Calls
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.differences import differences
from portdip.batch.rebuild.layout import Job, Layout
from portdip.batch.rebuild.rules import NONE
from portdip.batch.rebuild.tables import Report, Table, as_it_is, best_of, smallest
from portdip.batch.rebuild.writing import Step, write
from portdip.errors import RebuildError
from portdip.lookup.follower import Follower
from portdip.lookup.generation import Generation
from portdip.table.store import Store

MANIFEST_FILE = "manifest.json"
#: Of manifests, and of the tables that are made of one state.
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for: the target and its options, the user's map of carriers, and how the table is made.

    `since` is a sequence or the directory of an earlier rebuild, None for all; `exact` asks for the smallest table with
    the same answers, `rules_max` for the best one of at most so many rules, by the calls in the
    CSV file `traffic` (see `portdip.batch.rebuild.calls`).
    """

    target: str
    options: Mapping[str, str] = field(default_factory=dict)
    carriers: Mapping[str, str] = field(default_factory=dict)
    since: int | Path | None = None
    exact: bool = False
    rules_max: int | None = None
    traffic: Path | None = None


def rebuild(
    store_path: Path, out: Path, plan: Plan, report: Report = lambda what, count: None, moment: datetime | None = None
) -> dict[str, Any]:
    """Write the directory `out` as `plan` says, from the store as it is at `moment` (UTC; None: now).

    `out` appears whole, with a manifest (what this returns) that says of which state it is and what is in each file; on
    any error nothing appears. Raises RebuildError and its kinds, and as opening the store does.
    """
    if out.exists():
        raise RebuildError("there is something at this path already", where=str(out), fix="Choose another path.")
    store = Store.open(store_path)
    if out.resolve().is_relative_to(store_path.resolve()):
        raise RebuildError("this path is inside the store", where=str(out), fix="Choose another path.")
    options = targets.complete(plan.target, plan.options)
    generation = Follower(store, False, moment or datetime.now(UTC)).generation
    job = Job(
        generation.dataset, generation.sequence, generation.digest, options, plan.carriers, plan.since is not None
    )
    layout = targets.load(plan.target).layout(job)
    if job.changes and not layout.takes_changes:
        raise RebuildError(
            "the target cannot take changes", where=plan.target, fix="Leave --since away: it takes whole tables."
        )
    content = Content(generation, layout.says_ported)
    table = _table(content, plan, layout, report)
    extent, used = limits.checked(table, layout, generation, plan.target, lambda count: report("measuring", count))
    before = None
    if plan.since is not None:
        before = earlier.generation(store, plan.since, generation, _described(plan, options))
    with files.new_directory(out) as scratch:
        changes = {"set": 0, "deleted": 0}
        steps = _counted(_steps(table, plan, layout, content, before, report), changes)
        sealed = write(scratch, layout, job, generation.routes, used, steps, lambda count: report("writing", count))
        if table.wrong is not None:
            files.write(scratch / wrong.FILE, table.wrong.as_csv(content.answers))
        manifest = {
            **_described(plan, options),
            "dataset": generation.dataset,
            "sequence": generation.sequence,
            "digest": generation.digest,
            "moment": generation.moment.isoformat(),
            "as_of": generation.as_of.isoformat(),
            "since": None if before is None else {"sequence": before.sequence, "moment": before.moment.isoformat()},
            "changes": None if before is None else changes,
            "rules": extent,
            "wrong": table.told(),
            "files": {name: {"bytes": seal.bytes, "sha256": seal.sha256} for name, seal in sealed.items()},
        }
        files.write(scratch / MANIFEST_FILE, json.dumps(manifest, indent=1).encode() + b"\n")
    return manifest


def _described(plan: Plan, options: Mapping[str, str]) -> dict[str, Any]:
    """What two rebuilds have in common where one can follow the other."""
    return {
        "portdip_rebuild": _VERSION,
        "target": plan.target,
        "options": dict(options),
        "carriers": dict(plan.carriers),
        "aggregate": "exact" if plan.exact else None,
        "max_rules": plan.rules_max,
        "traffic": hashlib.sha256(files.read_bytes(plan.traffic)).hexdigest() if plan.traffic else None,
    }


def _table(content: Content, plan: Plan, layout: Layout, report: Report) -> Table:
    if plan.rules_max is not None:
        calls = Calls.read(plan.traffic) if plan.traffic else Calls.one_each()
        return best_of(content, plan.rules_max, calls, layout.may_block, report)
    if plan.exact:
        return smallest(content, layout.may_block, report)
    return as_it_is(content)


def _steps(
    table: Table, plan: Plan, layout: Layout, content: Content, before: Generation | None, report: Report
) -> Iterator[Step]:
    if before is None:
        rules = names.named(table.rules(), content) if layout.by_name else table.rules()
        return (Step(NONE.prefix, batch) for batch in rules)
    old = _table(Content(before, layout.says_ported), plan, layout, report)
    renamed = np.zeros(1 << 16, dtype=bool)
    for code, route in content.generation.routes.items():
        renamed[code] = before.routes.get(code) != route
    return differences(old.rules(), table.rules(), renamed)


def _counted(steps: Iterator[Step], changes: dict[str, int]) -> Iterator[Step]:
    """The steps, and in `changes` how many rules and prefixes without one they had so far."""
    for step in steps:
        changes["set"] += len(step.rules.prefix)
        changes["deleted"] += len(step.gone)
        yield step
