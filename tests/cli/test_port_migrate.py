"""`portdip port migrate` and the verbs of supervision: from the command line, as an operator would."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from portdip.lookup.load import init_store
from portdip.table.store import Store

BLOCK = 8613800000000
PLAN = """\
name = "merger"
reason = "OLD is part of NEW"
piece = 10

[[step]]
kind = "merge"
carrier = "OLD"
into = "NEW"
routing_number = "0C00"
how = "per-number"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "store"
    init_store(path, "test")
    with Store.open(path).writer() as writer:
        writer.assign(BLOCK, BLOCK + 9_999, "OLD", "0B17")
        writer.port(BLOCK, "NEW", "0C17", last=BLOCK + 4)
        writer.port(BLOCK + 20_000, "OLD", "0B18", last=BLOCK + 20_049)
    return path


@pytest.fixture
def store(made, tmp_path):
    shutil.copytree(made, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path / "plan.toml"


def answer(portdip, store, number):
    dip = json.loads(portdip("dip", store, number, "--json").out)
    return dip["carrier"], dip["routing_number"]


def test_a_plan_is_shown_begun_run_checked_and_undone(portdip, store, plan, tmp_path):
    shown = portdip("port", "migrate", "plan", store, plan, "--details", tmp_path / "details.parquet")
    assert shown.out.splitlines()[:3] == [
        "step 1, merge, move: 51 changes in 6 pieces",
        "  50 numbers: OLD 0B18 -> NEW 0C00",
        "  10,000 numbers of ranges: OLD 0B17 -> NEW 0C00",
    ]
    assert len(pq.read_table(tmp_path / "details.parquet")) == 51
    digest = shown.out.split()[-1]
    assert portdip("port", "migrate", "begin", store, plan, "--expect", digest).code == 0
    assert portdip("port", "migrate", "run", store, "merger").out == "migration merger: done, 51 altered\n"
    assert answer(portdip, store, BLOCK + 20_001) == ("NEW", "0C00")
    assert answer(portdip, store, BLOCK + 9_000) == ("NEW", "0C00")
    checked = portdip("port", "migrate", "check", store, "merger")
    assert (checked.code, checked.out) == (0, "51 compared, 0 changed since, 0 differ\n")
    assert portdip("port", "migrate", "list", store).out == "merger  verified  step 1 of 1  OLD is part of NEW\n"
    undone = portdip("port", "migrate", "undo", store, "merger", "--cause", "the merger was called off")
    assert undone.out == "migration merger: undone, 51 restored, 0 left alone\n"
    assert answer(portdip, store, BLOCK + 20_001) == ("OLD", "0B18")
    assert answer(portdip, store, BLOCK + 9_000) == ("OLD", "0B17")


def test_a_plan_with_faults_is_shown_and_not_begun(portdip, store, plan):
    plan.write_text(PLAN.replace('routing_number = "0C00"', 'routing_numbers = { "0B17" = "0C17" }'))
    shown = portdip("port", "migrate", "plan", store, plan)
    assert shown.code == 1
    assert "must not be done: step 1 (merge): the plan says no new routing number for OLD by 0B18" in shown.out
    refused = portdip("port", "migrate", "begin", store, plan)
    assert refused.code == 2
    assert "must not be done as it is" in refused.err


def test_what_differs_after_a_migration_is_told(portdip, store, plan):
    portdip("port", "migrate", "begin", store, plan)
    portdip("port", "migrate", "run", store, "merger")
    with Store.open(store).writer() as writer:
        writer.release(BLOCK + 20_003)
    checked = portdip("port", "migrate", "check", store, "merger")
    assert checked.code == 1
    assert checked.out.splitlines()[1] == f"  {BLOCK + 20_003}: nobody instead of NEW 0C00"


def test_the_regulator_goes_up_the_ladder(portdip, store, tmp_path):
    found = portdip("port", "violations", "report", store, "OLD", "V6", "a tariff for porting users").out.split()[0]
    assert portdip("port", "violations", "confirm", store, found).out == f"{found}  V6  confirmed\n"
    case = portdip("port", "cases", "open", store, "OLD", "--violation", found).out.split()[0]
    fine = ("--amount", "5000000", "--currency", "CNY")
    for measure, state, more in (("warn", "warned", fine), ("suspend", "suspended", ())):
        assert portdip("port", "cases", "take", store, case, measure, *more).out == f"{case}  {state}\n"
    refused = portdip("port", "cases", "take", store, case, "close")
    assert (refused.code, "does not close" in refused.err) == (2, True)
    assert portdip("port", "cases", "list", store, "OLD").out.startswith(case)
    assert portdip("port", "violations", "list", store, "OLD").out.startswith(f"{found}  V6  confirmed  reported")
    searched = portdip("port", "violations", "search", store, "--since", "2026-01-01")
    assert (searched.code, searched.out) == (0, "")


def test_a_complaint_is_opened_and_answered_by_the_carrier_only(portdip, store):
    reference = portdip("port", "complaints", "open", store, "OLD", "no code", "--number", str(BLOCK)).out.split()[0]
    assert portdip("port", "complaints", "move", store, reference, "answer", "--as", "donor:NEW").code == 2
    answered = portdip("port", "complaints", "move", store, reference, "answer", "--as", "donor:OLD")
    assert answered.out == f"{reference}  answered\n"
    assert portdip("port", "complaints", "list", store, "OLD").out == f"{reference}  answered  no code\n"
    assert portdip("port", "complaints", "move", store, reference, "dance").code == 2


def test_figures_are_written_and_nothing_is_erased_before_its_time(portdip, store, tmp_path):
    written = portdip("port", "kpis", store, tmp_path / "kpis", "--from", "2026-01-01", "--to", "2030-01-01")
    assert written.code == 0
    assert sorted(path.stem for path in (tmp_path / "kpis").iterdir()) == [
        "codes",
        "complaints",
        "ports",
        "refusals",
        "steps",
        "violations",
    ]
    erased = portdip("port", "erase", store)
    assert erased.out == "erased of 0 orders, 0 queries, 0 pieces of evidence\n"


def test_evidence_is_kept_sealed_and_shown(portdip, store, tmp_path):
    (tmp_path / "notice.txt").write_text("told and agreed")
    said = portdip("port", "evidence", "add", store, tmp_path / "notice.txt", "--carrier", "NEW", "--number", BLOCK)
    assert b"told and agreed" not in (store / "porting.db").read_bytes()
    refused = portdip("port", "evidence", "add", store, tmp_path / "notice.txt", "--carrier", "NEW", "--kind", "rumour")
    assert refused.code == 2
    submitted = ("port", "submit", store, BLOCK + 9, "--to", "OLD", "--routing-number", "0B17", "--code", "1")
    identity = ("--identity", "11010519491231002X")
    assert "evidence" not in portdip(*submitted, *identity, "--consent", said.out.strip()).err
    assert portdip("port", "evidence", "show", store, 99).code == 2
