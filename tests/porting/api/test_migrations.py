"""Data migration over HTTP: dry run, begin, run, check, undo, by the centre."""

import pytest

from portdip.cli._served import Served
from portdip.porting.api.migration_shapes import PlanEntry
from portdip.porting.api.migrations import MigrationRoutes
from portdip.porting.api.problems import Problem
from tests.porting.api.test_porting import problem

PLAN = """
name = "{name}"
reason = "ALPHA becomes GAMMA"
piece = 500

[[step]]
kind = "merge"
carrier = "ALPHA"
into = "GAMMA"
routing_number = "C3"
how = "per-number"
"""


def plan(name="merger"):
    return {"plan": PLAN.format(name=name)}


def begun(api, name="merger"):
    digest = api.ask("centre", "POST", "/migrations/dry-run", plan(name)).json()["digest"]
    answer = api.ask("centre", "POST", "/migrations", plan(name) | {"expect": digest})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/porting/migrations/{name}"
    return answer.json()


def test_a_migration_is_tried_begun_run_checked_and_undone(api):
    report = api.ask("centre", "POST", "/migrations/dry-run", plan()).json()
    (phase,) = report["phases"]
    (move,) = phase["in_ranges"]
    assert (report["faults"], move["count"]) == ([], 1000)
    assert (move["before"]["carrier"], move["after"]) == ("ALPHA", {"carrier": "GAMMA", "routing_number": "C3"})
    assert begun(api)["state"] == "running"
    done = api.ask("centre", "POST", "/migrations/merger/run", {}).json()
    assert (done["migration"]["state"], done["more"], done["altered"] > 0) == ("done", False, True)
    assert {one["carrier"] for one in api.ask("centre", "GET", "/ranges").json()["ranges"]} == {"BETA", "GAMMA"}
    findings = api.ask("centre", "POST", "/migrations/merger/check").json()
    assert (findings["unexplained"], findings["migration"]["state"]) == (0, "verified")
    undone = api.ask("centre", "POST", "/migrations/merger/undo", {"cause": "called off"}).json()
    assert (undone["migration"]["state"], undone["left_alone"], undone["more"]) == ("undone", 0, False)
    assert {one["carrier"] for one in api.ask("centre", "GET", "/ranges").json()["ranges"]} == {
        "ALPHA",
        "BETA",
        "GAMMA",
    }
    assert api.ask("regulator", "GET", "/migrations/merger").json()["state"] == "undone"
    assert [one["name"] for one in api.ask("regulator", "GET", "/migrations").json()["migrations"]] == ["merger"]


def test_a_run_that_comes_again_is_refused_once_it_is_done(api):
    begun(api)
    assert api.ask("centre", "POST", "/migrations/merger/run", {}).status_code == 200
    told = problem(api.ask("centre", "POST", "/migrations/merger/run", {}), 409, "refused")
    assert "does not run" in told["detail"]


def test_a_plan_is_begun_as_it_was_agreed_on(api):
    told = problem(api.ask("centre", "POST", "/migrations", plan() | {"expect": "0" * 64}), 409, "refused")
    assert "comes to something else now" in told["detail"]
    assert api.ask("centre", "GET", "/migrations").json() == {"migrations": []}
    begun(api)
    digest = api.ask("centre", "POST", "/migrations/dry-run", plan()).json()["digest"]
    told = problem(api.ask("centre", "POST", "/migrations", plan() | {"expect": digest}), 409, "refused")
    assert "of this name" in told["detail"]


@pytest.mark.parametrize("text", ["= [", "name = 1", "", PLAN.format(name="a b"), PLAN.replace("merge", "melt")])
def test_what_is_no_plan_is_said_to_be_none(api, text):
    answer = api.ask("centre", "POST", "/migrations/dry-run", {"plan": text})
    problem(answer, 422, "unprocessable" if not text else "plan")


@pytest.mark.parametrize("file", ["/etc/passwd", "theirs.csv"])
def test_a_plan_that_names_files_of_the_server_is_refused(api, file):
    step = f'[[step]]\nkind = "take-over"\nfeed = "csv"\nfiles = ["{file}"]\nmap = "map.toml"\n'
    text = f'name = "theirs"\nreason = "x"\n{step}'
    told = problem(api.ask("centre", "POST", "/migrations/dry-run", {"plan": text}), 422, "plan-with-files")
    assert "portdip port migrate begin" in told["detail"]


def test_a_migration_that_is_none_is_not_found(api):
    problem(api.ask("centre", "GET", "/migrations/none"), 404, "no-such-migration")
    for path, body in (("run", {}), ("check", None), ("undo", {"cause": "x"})):
        problem(api.ask("centre", "POST", f"/migrations/none/{path}", body), 404, "no-such-migration")


def test_one_request_at_a_time_works_on_migrations(api):
    routes = MigrationRoutes(api.layer, lambda: Served(api.store, api.clock.now()))
    entry = PlanEntry(**plan())
    with routes._alone(), pytest.raises(Problem) as told:
        routes.dry_run(entry)
    assert (told.value.status, told.value.kind, told.value.headers) == (409, "under-way", {"retry-after": "1"})
    assert routes.dry_run(entry).name == "merger"
