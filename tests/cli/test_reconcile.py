import json
from datetime import UTC, datetime

import pytest

HEADER = "number,carrier,routing_number,donor,effective\n"
ROWS = {
    8613800000001: "CU,0B17,CM,2024-01-02T03:04:05Z",
    8613800000002: "CU,0B17,CM,",
    8613800000003: "CT,,CM,",
}


@pytest.fixture
def dump(tmp_path):
    """Writes a dump of some rows."""

    def dump(rows=ROWS, name="dump.csv"):
        path = tmp_path / name
        path.write_text(HEADER + "".join(f"{number},{rest}\n" for number, rest in rows.items()))
        return path

    return dump


@pytest.fixture
def node(portdip, tmp_path, dump):
    """Makes a store of some rows, and one range."""

    def node(name, rows=ROWS):
        ranges = tmp_path / "ranges.csv"
        ranges.write_text("first,last,carrier\n8613800000000,8613800009999,CM\n")
        portdip("init", tmp_path / name, "--dataset", "test")
        portdip("import", tmp_path / name, ranges)
        portdip("import", tmp_path / name, dump(rows, f"{name}.csv"))
        return tmp_path / name

    return node


def test_equal(portdip, node, dump):
    store = node("store")
    code, out, err = portdip("reconcile", store, dump())
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"ours      {store}, sequence 2",
        f"theirs    {dump()}",
        "          says nothing of ranges: not compared",
        "numbers   3 here, 3 there",
        "blocks    1, 0 differ",
        "correct   100 % of 3 numbers",
    ]


def test_differences(portdip, node, dump):
    theirs = {8613800000001: ROWS[8613800000001], 8613800000002: "CT,,CM,", 8713800000009: "CT,,,"}
    code, out, _ = portdip("reconcile", node("store"), dump(theirs))
    assert code == 1
    assert out.splitlines()[4:] == [
        "blocks    2, 2 differ",
        "correct   25.0000 % of 4 numbers; 3 are not",
        "          below the legal bar of 99.5 %",
        "A               1  missing there",
        "    8613800000003  here CT from CM, there nothing",
        "B               1  missing here",
        "    8713800000009  here nothing, there CT",
        "C               1  another carrier or routing number",
        "    8613800000002  here CU/0B17 from CM, there CT from CM",
        "H               1  outside every range",
        "    8713800000009  here nothing, there CT",
    ]


def test_as_json(portdip, node, dump):
    code, out, _ = portdip("reconcile", node("store"), dump({8613800000001: "CU,0B17,,"}), "--json", "--examples", 1)
    facts = json.loads(out)
    assert code == 1
    assert (facts["numbers"], facts["their_numbers"], facts["wrong"], facts["counts"]["A"]) == (3, 1, 2, 2)
    assert facts["not_told"] == ["donors", "effective times", "ranges"]
    assert [row["number"] for row in facts["examples"]["A"]] == [8613800000002]
    assert (facts["equal"], facts["reaches_legal_bar"], facts["legal_bar_percent"]) == (False, False, 99.5)
    assert facts["correct_percent"] == pytest.approx(100 / 3)


def test_all_differences_as_csv(portdip, node, dump, tmp_path):
    theirs = ROWS | {8613800000001: "CU,0B17,CM,2024-01-02T03:04:06Z"}
    portdip("reconcile", node("store"), dump(theirs), "--csv", tmp_path / "differences.csv")
    header, row = (tmp_path / "differences.csv").read_text().splitlines()
    assert header.startswith("classes,number,last,carrier,routing_number,donor,effective,their_carrier,")
    assert row == ("F,8613800000001,,CU,0B17,CM,2024-01-02T03:04:05.000000Z,CU,0B17,CM,2024-01-02T03:04:06.000000Z,")


def test_corrections_are_a_file_to_publish(portdip, node, dump, tmp_path):
    store, theirs, file = node("store"), dump({8613800000001: "CT,,CM,"}), tmp_path / "corrections.csv"
    out = portdip("reconcile", store, theirs, "--corrections", file)[1]
    assert "changes   3 make this side equal" in out
    assert portdip("reconcile", store, theirs)[0] == 1
    assert portdip("publish", store, file)[0] == 0
    assert portdip("reconcile", store, theirs)[0] == 0


def test_corrections_are_published_on_request(portdip, node, dump):
    store, theirs = node("store"), dump({8613800000001: "CT,,CM,"})
    code, out, _ = portdip("reconcile", store, theirs, "--publish")
    assert code == 1
    assert out.endswith("changes   3 make this side equal\n          published as sequence 3\n")
    assert not (store / "corrections").exists()
    code, out, _ = portdip("reconcile", store, theirs, "--publish", "--json")
    assert (code, json.loads(out)["published"]) == (0, [])


def test_what_is_left_alone_is_said(portdip, node, dump, tmp_path):
    store, changes = node("store"), tmp_path / "changes.csv"
    changes.write_text("operation,number,carrier,effective\nport,8613800000001,CT,2999-01-01\n")
    portdip("publish", store, changes)
    out = portdip("reconcile", store, dump({8613800000001: "CB,,CM,"}), "--publish")[1]
    assert "2 make this side equal" in out
    assert "1 left alone: a change of them takes effect later" in out


def test_what_has_changed_since_the_dump_was_made_is_left_alone(portdip, node, dump, tmp_path):
    store, changes, before = node("store"), tmp_path / "changes.csv", datetime.now(UTC).isoformat()
    changes.write_text("operation,number,carrier\nport,8613800000001,CT\n")
    portdip("publish", store, changes)
    out = portdip("reconcile", store, dump(), "--publish", "--made", before)[1]
    assert "changes   0 make this side equal" in out
    assert "1 left alone: they have changed since the dump was made" in out


def test_nothing_is_released_where_rows_were_skipped(portdip, node, dump, tmp_path):
    theirs = dump(ROWS | {8613800000003: "CT,xyz,CM,"})
    skip = ("--on-bad-rows", "skip", "--reject", tmp_path / "rejected.csv")
    code, out, _ = portdip("reconcile", node("store"), theirs, *skip, "--publish")
    assert code == 1
    assert "1 rows could not be read" in out
    assert "changes   0 make this side equal" in out
    assert "xyz" in (tmp_path / "rejected.csv").read_text()


def test_a_damaged_dump_is_refused(portdip, node, dump):
    theirs = dump(ROWS | {8613800000003: "CT,xyz,CM,"})
    code, out, err = portdip("reconcile", node("store"), theirs)
    assert (code, out) == (2, "")
    assert f"{theirs}, row 4" in err


def test_a_feed_without_files(portdip, node):
    out = portdip("reconcile", node("store"), "--feed", "libphonenumber")[1]
    assert "says nothing of numbers" in out
    assert "another range holder" in out
    assert "correct " not in out


def test_another_store(portdip, node):
    code, out, _ = portdip("reconcile", node("ours"), "--with", node("theirs", {8613800000001: "CT,,,"}))
    assert code == 1
    assert "holders   100 % of 10,000 numbers\n" in out
    assert portdip("reconcile", node("ours"), "--with", node("theirs"), "--only-routes")[0] == 0


def test_two_nodes_far_apart(portdip, node, tmp_path):
    ours, theirs = node("ours"), node("theirs", ROWS | {8613800000003: "CB,,CM,"})
    question, answer = tmp_path / "question", tmp_path / "answer"
    code, out, _ = portdip("reconcile", ours, "--write-digests", question)
    assert (code, out) == (0, f"{question}: digests of {ours}, sequence 2\n")
    code, out, _ = portdip("reconcile", theirs, "--with", question, "--write-digests", answer)
    assert code == 1
    assert "undecided 3 numbers in 1 blocks" in out
    code, out, _ = portdip("reconcile", ours, "--with", answer)
    assert code == 1
    assert "8613800000003  here CT from CM, there CB from CM" in out
    assert "undecided" not in out


@pytest.mark.parametrize("arguments", [(), ("dump.csv", "--with", "node"), ("--with", "node", "--feed", "csv")])
def test_one_thing_to_compare_with(portdip, store, arguments):
    code, out, err = portdip("reconcile", store, *arguments)
    assert (code, out) == (2, "")
    assert "--with another node" in " ".join(err.replace("│", " ").split())


def test_a_damaged_file_of_digests(portdip, store, tmp_path):
    (tmp_path / "digests").write_bytes(b"x" * 100)
    code, _, err = portdip("reconcile", store, "--with", tmp_path / "digests")
    assert code == 2
    assert "damaged, or is none" in err
