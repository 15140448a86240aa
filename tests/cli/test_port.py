"""`portdip port` and `portdip audit`: a port from the first question to the switches, and what is refused."""

import json
import re
import shutil
import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest

from portdip.lookup.load import init_store

IDENTITY, OTHER_IDENTITY = "11010519491231002X", "110101199003070010"
NUMBER, OWING = 8613800000001, 8613800000002
#: That the subscriber knows the risks, which the Chinese rules want.
AGREED = ("--risks-confirmed", "notice 1")

SUBSCRIBERS = f"""\
number,kind,status,area,real_name,identity,name,arrears,unbilled,unbilled_agreed,contract_until,joined,bars
{NUMBER},personal,normal,,yes,{IDENTITY},王小明,0,0,no,,2020-01-01T00:00:00+08:00,
{OWING},personal,normal,,yes,{IDENTITY},王小明,500,0,no,,2020-01-01T00:00:00+08:00,
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "store"
    init_store(path, "test")
    return path


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """The Chinese profile, but that numbers cut over at once; the identity number is in the environment."""
    cn = (files("portdip.porting") / "profiles" / "cn.toml").read_text("utf-8")
    cn = cn.replace('name = "cn"', 'name = "at-once"', 1).replace('rule = "next-full-hour"', 'rule = "immediate"')
    (tmp_path / "at-once.toml").write_text(cn)
    monkeypatch.setenv("PORTDIP_PORTING__PROFILE", str(tmp_path / "at-once.toml"))
    monkeypatch.setenv("PORTDIP_IDENTITY", IDENTITY)


@pytest.fixture
def country(portdip, empty, settings, tmp_path) -> Path:
    """A store whose layer knows ten thousand numbers of CMCC and two subscribers."""
    store = tmp_path / "store"
    shutil.copytree(empty, store)
    (tmp_path / "subscribers.csv").write_text(SUBSCRIBERS)
    assert portdip("port", "ranges", "assign", store, 8613800000000, 8613800009999, "CMCC").code == 0
    assert (
        portdip("port", "subscribers", "import", store, tmp_path / "subscribers.csv", "--carrier", "CMCC").out
        == "2 subscribers of CMCC\n"
    )
    assert portdip("port", "run", store, "--once").out == "0 begun, 1 changes published, 1 arrived\n"
    return store


@pytest.fixture
def scheduled(portdip, country) -> str:
    """The reference of an order that is due."""
    code = portdip("port", "code", country, NUMBER, "--donor", "CMCC").out.split()[0]
    said = portdip(
        "port", "submit", country, NUMBER, "--to", "CUCC", "--routing-number", "0B17", "--code", code, *AGREED
    )
    assert said.code == 0
    return said.out.split()[0]


def test_a_number_goes_from_one_carrier_to_another(portdip, country):
    assert portdip("port", "query", country, f"+{NUMBER}", "--donor", "CMCC").out == "the number can be ported\n"
    code, _, until, *_ = portdip("port", "code", country, NUMBER, "--donor", "CMCC").out.split()
    assert re.fullmatch(r"\d{8}", code)
    assert until.endswith("Z")
    said = portdip(
        "port", "submit", country, NUMBER, "--to", "CUCC", "--routing-number", "0B17", "--code", code, *AGREED
    )
    reference, masked, state = said.out.split()[:3]
    assert (state, str(NUMBER) in said.out, masked.count("*") > 3) == ("scheduled", False, True)
    assert "CMCC" in portdip("dip", country, NUMBER).out
    assert portdip("port", "run", country, "--once").out.startswith("1 begun, ")
    assert "0B17" in portdip("dip", country, NUMBER).out
    shown = json.loads(portdip("port", "show", country, reference, "--json").out)
    assert (shown["state"], shown["number"]) == ("active", str(NUMBER))
    assert [record["act"] for record in shown["audit"]][-3:] == ["schedule", "cut-over", "complete"]
    assert "CMCC -> CUCC, range of CMCC" in portdip("port", "show", country, reference).out


def test_what_speaks_against_a_port_is_told_with_its_remedy_and_exit_code_4(portdip, country, monkeypatch):
    monkeypatch.setenv("PORTDIP_IDENTITY", OTHER_IDENTITY)
    for verb in ("query", "code"):
        said = portdip("port", verb, country, OWING, "--donor", "CMCC")
        assert said.code == 4
        assert "identity-mismatch: " in said.out
        assert "arrears: Billed charges are unpaid. Pay them." in said.out


def test_the_risks_are_confirmed_before_a_number_is_ported(portdip, country, tmp_path):
    code = portdip("port", "code", country, NUMBER, "--donor", "CMCC").out.split()[0]
    submit = ("port", "submit", country, NUMBER, "--to", "CUCC", "--routing-number", "0B17", "--code", code)
    said = portdip(*submit)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "has not confirmed the risks" in said.err
    (tmp_path / "signed.pdf").write_bytes(b"%PDF signed")
    add = ("port", "evidence", "add", country, tmp_path / "signed.pdf", "--carrier", "CUCC", "--number", NUMBER)
    kept = portdip(*add).out.strip()
    assert "given twice" in portdip(*submit, "--consent", kept, *AGREED).err
    reference = portdip(*submit, "--consent", kept).out.split()[0]
    assert json.loads(portdip("port", "show", country, reference, "--json").out)["consent"] == int(kept)


def test_a_wrong_code_is_one_line_and_leaves_no_order_behind(portdip, country):
    portdip("port", "code", country, NUMBER, "--donor", "CMCC")
    said = portdip("port", "submit", country, NUMBER, "--to", "CUCC", "--code", "00000000", *AGREED)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "code or applicant are not right" in said.err
    assert "scheduled" not in portdip("port", "list", country).out


def test_an_identity_number_is_never_printed(portdip, country, scheduled):
    everything = portdip("port", "show", country, scheduled, "--json").out + portdip("audit", "export", country).out
    assert IDENTITY not in everything
    assert "王小明" not in everything


def test_lists_mask_numbers_and_choose(portdip, country, scheduled):
    assert str(NUMBER) not in portdip("port", "list", country).out
    for chosen in (("--state", "scheduled"), ("--carrier", "CUCC"), ("--carrier", "CMCC"), ("--number", NUMBER)):
        assert portdip("port", "list", country, *chosen).out.startswith(scheduled)
    for other in (("--state", "active"), ("--carrier", "CTCC"), ("--number", OWING)):
        assert portdip("port", "list", country, *other).out == "no such orders\n"
    assert json.loads(portdip("port", "list", country, "--json").out)[0]["number"] == str(NUMBER)
    assert portdip("port", "list", country, "--state", "gone").code == 2


def test_an_order_is_cancelled_once(portdip, country, scheduled):
    assert " cancelled " in portdip("port", "cancel", country, scheduled, "--cause", "changed her mind").out
    again = portdip("port", "cancel", country, scheduled)
    assert (again.code, "an order that is cancelled does not cancel" in again.err) == (2, True)
    assert portdip("port", "run", country, "--once").out == ""


def test_a_deed_needs_a_role_a_carrier_and_the_revision_that_was_seen(portdip, country, scheduled):
    foreign = portdip("port", "act", country, scheduled, "dispute", "--as", "donor:CTCC")
    assert "no such order" in foreign.err
    assert "not for the role" in portdip("port", "act", country, scheduled, "settle", "--as", "donor:CMCC").err
    assert "changed meanwhile" in portdip("port", "act", country, scheduled, "dispute", "--revision", 1).err
    assert "(disputed)" in portdip("port", "act", country, scheduled, "dispute", "--as", "donor:CMCC").out
    for wrong in ("nobody", "donor", "centre:CMCC", "system"):
        assert portdip("port", "act", country, scheduled, "dispute", "--as", wrong).code == 2
    assert portdip("port", "act", country, scheduled, "explode").code == 2


def test_a_donor_answers_where_the_profile_asks_it(portdip, country, monkeypatch):
    monkeypatch.setenv("PORTDIP_PORTING__PROFILE", "nanp")
    number = 12025550001
    portdip("port", "ranges", "assign", country, 12025550000, 12025559999, "OLD")
    submitted = portdip("port", "submit", country, number, "--to", "NEW", "--routing-number", "2025550000")
    reference = submitted.out.split()[0]
    assert " awaiting-donor " in submitted.out
    delayed = portdip("port", "answer", country, reference, "delay")
    assert "a delay needs its end" in delayed.err
    assert portdip("port", "answer", country, reference, "approve").code == 0
    assert " approved " in portdip("port", "list", country, "--number", number).out.replace("scheduled", "approved")


def test_an_order_waits_for_the_nodes_that_are_registered(portdip, country, scheduled):
    assert "no nodes" in portdip("port", "nodes", "list", country).out
    assert portdip("port", "nodes", "register", country, "north", "CTCC").code == 0
    portdip("port", "run", country, "--once")
    assert " broadcasting " in portdip("port", "list", country).out
    assert "sequence 0" in portdip("port", "nodes", "list", country).out
    assert portdip("port", "nodes", "report", country, "north", 2).code == 0
    portdip("port", "run", country, "--once")
    assert " active " in portdip("port", "list", country).out
    assert portdip("port", "nodes", "remove", country, "north").code == 0


def test_ranges_are_assigned_to_one_carrier_only(portdip, country):
    clash = portdip("port", "ranges", "assign", country, 8613800005000, 8613800005999, "CUCC")
    assert (clash.code, "cannot be had" in clash.err) == (2, True)
    for verb in (("pool",), ("withdraw", "--quarantine", 0)):
        assert portdip("port", "ranges", verb[0], country, 8613800008000, 8613800008999, *verb[1:]).code == 0
    assert portdip("port", "ranges", "add", country, 8613900000000, 8613900009999).code == 0
    assert portdip("port", "ranges", "reroute", country, 8613800000000, 8613800000999, "0A99").code == 0
    listed = portdip("port", "ranges", "list", country).out
    assert "8613800008000 8613800008999  quarantined until" in listed
    assert "8613900000000 8613900009999  free" in listed
    assert portdip("port", "ranges", "use", country).out == "CMCC: 9,000 assigned, 0 out, 0 in, 100.0% kept\n"


def test_the_state_machine_is_drawn_from_the_table(portdip):
    whole, chinese = portdip("port", "states").out, portdip("port", "states", "--profile", "cn").out
    assert whole.startswith("stateDiagram-v2\n")
    assert "broadcasting --> active: complete" in chinese
    assert ("conflict" in whole, "conflict" in chinese) == (True, False)


def test_an_audit_chain_is_verified_and_signed(portdip, country, scheduled, tmp_path):
    assert re.fullmatch(r"\d+ records, 0 of them .*, 0 signed heads\n", portdip("audit", "verify", country).out)
    assert "no key to sign with" in portdip("audit", "sign", country).err
    portdip("keys", "new", country)
    head = tmp_path / "head.json"
    head.write_text(portdip("audit", "sign", country).out)
    portdip("port", "run", country, "--once")
    assert portdip("audit", "verify", country, "--head", head).code == 0
    lines = [json.loads(line) for line in portdip("audit", "export", country, "--subject", scheduled).out.splitlines()]
    assert {line["subject"] for line in lines} == {scheduled}


def test_a_changed_audit_record_is_named_with_exit_code_4(portdip, country, scheduled):
    with sqlite3.connect(country / "porting.db") as connection:
        connection.execute("UPDATE audit SET cause = 'nothing happened' WHERE sequence = 3")
    broken = portdip("audit", "verify", country)
    assert (broken.code, "record 3" in broken.err) == (4, True)


@pytest.mark.parametrize("verb", ["query", "code", "submit", "answer", "cancel", "act", "list", "show", "run"])
def test_every_verb_says_what_is_no_store(portdip, tmp_path, settings, verb):
    rest = {
        "query": (NUMBER, "--donor", "CMCC"),
        "code": (NUMBER, "--donor", "CMCC"),
        "submit": (NUMBER, "--to", "CUCC"),
        "answer": ("r1", "approve"),
        "cancel": ("r1",),
        "act": ("r1", "dispute"),
        "show": ("r1",),
    }.get(verb, ())
    said = portdip("port", verb, tmp_path / "nothing", *rest)
    assert (said.code, said.err.startswith("portdip: not a store")) == (2, True)


def test_a_simulated_day_is_a_store_with_a_chain(portdip, tmp_path):
    options = ("--profile", "cn", "--days", 1, "--ports-per-day", 30, "--seed", 1)
    said = portdip("port", "simulate", *options, "--store", tmp_path / "simulated")
    assert said.code == 0
    assert re.match(r"day 1: [\d,]+ moves, ", said.out)
    assert re.search(r"[1-9][\d,]* cut over", said.out)
    assert portdip("audit", "verify", tmp_path / "simulated").code == 0
    assert "the database is not new" in portdip("port", "simulate", *options, "--store", tmp_path / "simulated").err


def test_keys_for_the_api_are_made_listed_and_ended(portdip, country):
    assert "lets nobody in" in portdip("port", "keys", "list", country).out
    text = portdip("port", "keys", "new", country, "donor:CMCC", "--owner", "porting desk").out.strip()
    identifier = text.split("_")[1]
    expired = portdip("port", "keys", "new", country, "centre", "--expires", "2020-01-01").out.split("_")[1]
    listed = portdip("port", "keys", "list", country).out
    assert f"{identifier}  in force  donor CMCC  porting desk" in listed
    assert f"{expired}  expired, until 2020-01-01T00:00:00Z  centre" in listed
    assert text not in listed
    assert portdip("port", "keys", "revoke", country, identifier).code == 0
    assert f"{identifier}  revoked" in portdip("port", "keys", "list", country).out
    assert "no such key" in portdip("port", "keys", "revoke", country, identifier).err
    for wrong in ("donor", "centre:CMCC", "system"):
        assert portdip("port", "keys", "new", country, wrong).code == 2
