import json


def test_for_people(portdip, store):
    code, out, err = portdip("inspect", store)
    assert (code, err) == (0, "")
    assert "dataset   test" in out
    assert "counts    3 numbers, 4 ranges, 5 routes, 4 carriers" in out
    assert "2  CU China, Unicom" in out
    assert "1  withdrawn" in out
    assert "2  13 digits" in out
    assert "a number in the index" in out


def test_for_programs(portdip, store):
    code, out, _ = portdip("inspect", store, "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["sequence"] == 1
    assert len(facts["digest"]) == 64
    assert facts["ported_by_carrier"] == {"CU": 2, "CM": 1}
    assert facts["ranges_by_carrier"] == {"CM": 1, "CT": 1, "": 1, "ILEC": 1}
    assert facts["numbers_by_length"] == {"11": 1, "13": 2}
    assert facts["bytes_per_number"] * 3 == sum(facts["bytes"].values())


def test_an_empty_store(portdip, tmp_path):
    portdip("init", tmp_path / "store", "--dataset", "test")
    code, out, _ = portdip("inspect", tmp_path / "store")
    assert code == 0
    assert "0 numbers" in out


def test_no_store(portdip, tmp_path):
    code, _, err = portdip("inspect", tmp_path)
    assert code == 2
    assert "not a store" in err
