"""`portdip rebuild`."""

import json

from tests.batch.rebuild import made


def small(tmp_path):
    return made.store_of(tmp_path / "made", [(8610000, 8610999, "A")], [(8610007, "C;D2")])


def test_a_table_is_written_and_told_of(portdip, tmp_path):
    said = portdip("rebuild", small(tmp_path), "--target", "csv", "--out", tmp_path / "out", "--set", "delimiter=;")
    assert "2 rules of sequence 1" in said.out
    assert (tmp_path / "out" / "rules.csv").read_text().splitlines()[1:] == ["8610;A;;false", "8610007;C;D2;true"]


def test_changes_are_counted_apart_from_the_rules_they_make(portdip, tmp_path):
    store = small(tmp_path)
    made.changed(store, release=[(8610007,)], port=[(8610008, "C"), (8610009, "C")])
    said = portdip("rebuild", store, "--target", "csv", "--out", tmp_path / "out", "--since", 1)
    assert "2 set and 1 deleted since sequence 1, which makes 3 rules of sequence 2" in said.out
    said = portdip("rebuild", store, "--target", "csv", "--out", tmp_path / "none", "--since", 2)
    assert "0 set and 0 deleted since sequence 2, which makes 3 rules of sequence 2" in said.out


def test_a_table_is_not_written_into_the_store(portdip, tmp_path, monkeypatch):
    store = small(tmp_path)
    (tmp_path / "link").symlink_to(store)
    monkeypatch.chdir(store)
    for out in (store / "csv", tmp_path / "link" / "csv", store / "deltas" / "csv", "csv"):
        said = portdip("rebuild", store, "--target", "csv", "--out", out)
        assert (said.code, "inside the store" in said.err) == (2, True), said.err
    assert not list(store.rglob("csv"))


def test_the_manifest_may_be_printed(portdip, tmp_path):
    said = portdip("rebuild", small(tmp_path), "--target", "redis", "--out", tmp_path / "out", "--json")
    assert json.loads(said.out) == json.loads((tmp_path / "out" / "manifest.json").read_text())


def test_a_table_of_fewer_rules_says_what_is_wrong(portdip, tmp_path):
    said = portdip("rebuild", small(tmp_path), "--target", "csv", "--out", tmp_path / "out", "--max-rules", 1)
    assert "1 calls wrong (1 numbers, see wrong.csv); no table of so many rules has fewer than 1 unless" in said.out


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
        (("--target", "csv", "--set", "header=maybe"), "neither yes nor no; at header"),
        (("--target", "csv", "--set", "nobody=x"), "neither yes nor no; at nobody"),
        (("--target", "parquet", "--set", "nobody=x"), "neither yes nor no; at nobody"),
        (("--target", "opensips-drouting", "--set", "pri_prefix=1"), "neither yes nor no; at pri_prefix"),
    ):
        said = portdip("rebuild", store, *out, *arguments)
        assert (said.code, reason in said.err) == (2, True), said.err
    assert not (tmp_path / "out").exists()
