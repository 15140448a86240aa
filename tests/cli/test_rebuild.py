"""`portdip rebuild`."""

import json

from tests.batch.rebuild import made


def small(tmp_path):
    return made.store_of(tmp_path / "made", [(8610000, 8610999, "A")], [(8610007, "C;D2")])


def test_a_table_is_written_and_told_of(portdip, tmp_path):
    said = portdip("rebuild", small(tmp_path), "--target", "csv", "--out", tmp_path / "out", "--set", "delimiter=;")
    assert "2 rules of sequence 1" in said.out
    assert (tmp_path / "out" / "rules.csv").read_text().splitlines()[1:] == ["8610;A;;false", "8610007;C;D2;true"]


def test_the_manifest_may_be_printed(portdip, tmp_path):
    said = portdip("rebuild", small(tmp_path), "--target", "redis", "--out", tmp_path / "out", "--json")
    assert json.loads(said.out) == json.loads((tmp_path / "out" / "manifest.json").read_text())


def test_a_table_of_fewer_rules_says_what_is_wrong(portdip, tmp_path):
    said = portdip("rebuild", small(tmp_path), "--target", "csv", "--out", tmp_path / "out", "--max-rules", 1)
    assert "1 calls wrong (1 numbers, see wrong.csv); no table of so many rules has fewer than 1" in said.out


def test_carriers_are_called_what_the_map_says(portdip, tmp_path):
    (tmp_path / "carriers.csv").write_text("carrier,value\nA,7\nC,12\n")
    options = ("--target", "pdbt-csv", "--carriers", tmp_path / "carriers.csv", "--aggregate", "exact")
    assert portdip("rebuild", small(tmp_path), *options, "--out", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "pdb.csv").read_text() == "8610;007\n8610007;012\n"


def test_a_target_tells_of_itself(portdip):
    said = portdip("rebuild", "--about", "kamailio-mtree")
    assert (said.code, said.out.startswith("Kamailio mtree: "), "  tname=portdip" in said.out) == (0, True, True)
    assert "no such target" in portdip("rebuild", "--about", "yate").err


def test_bad_arguments_are_named(portdip, tmp_path):
    store, out = small(tmp_path), ("--out", tmp_path / "out")
    (tmp_path / "twice.csv").write_text("carrier,value\nA,7\nA,8\n")
    for arguments, reason in (
        (("--target", "csv", "--set", "delimiter"), "NAME=VALUE"),
        (("--target", "csv", "--aggregate", "some"), "no such aggregation"),
        (("--target", "csv", "--traffic", tmp_path / "calls.csv"), "Give --max-rules too"),
        (("--target", "csv", "--carriers", tmp_path / "twice.csv"), "carrier A comes twice"),
        (("--target", "csv", "--since", tmp_path), "not the directory of a rebuild"),
        (("--target", "nothing"), "no such target"),
    ):
        said = portdip("rebuild", store, *out, *arguments)
        assert (said.code, reason in said.err) == (2, True), said.err
    assert not (tmp_path / "out").exists()
