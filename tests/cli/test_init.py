from portdip.table.store import Store


def test_makes_an_empty_store(portdip, tmp_path):
    path = tmp_path / "store"
    assert portdip("init", path, "--dataset", "cn") == (0, f"empty store {path} for dataset cn\n", "")
    assert Store.open(path).dataset == "cn"


def test_does_not_touch_a_store_that_is_there(portdip, tmp_path):
    portdip("init", tmp_path / "store", "--dataset", "cn")
    code, _, err = portdip("init", tmp_path / "store", "--dataset", "other")
    assert code == 2
    assert "something at this path already" in err
    assert Store.open(tmp_path / "store").dataset == "cn"


def test_wants_a_dataset(portdip, tmp_path):
    code, _, err = portdip("init", tmp_path / "store")
    assert code == 2
    assert "--dataset" in err
