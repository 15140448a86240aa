import shutil

import pytest


@pytest.fixture
def copy(store, tmp_path):
    return shutil.copytree(store, tmp_path / "copy")


def test_says_what_it_checked(portdip, store):
    code, out, err = portdip("verify", store)
    assert (code, err) == (0, "")
    assert "numbers.arrow: " in out
    assert "index against numbers: 3 numbers" in out
    assert out.splitlines()[-1].startswith("good in ")


def test_names_the_first_fault_and_leaves_with_1(portdip, copy):
    (path,) = copy.glob("snapshots/*1/numbers.arrow")
    damaged = bytearray(path.read_bytes())
    damaged[100] ^= 1
    path.write_bytes(damaged)
    code, out, err = portdip("verify", copy)
    assert code == 1
    assert f"{path}, block 0, offset 0" in err
    assert err.count("\n") == 1
    assert "good" not in out


def test_a_damaged_manifest_is_damage(portdip, copy):
    (path,) = copy.glob("snapshots/*1/manifest.json")
    path.write_bytes(path.read_bytes().replace(b"test", b"tost"))
    code, _, err = portdip("verify", copy)
    assert code == 1
    assert "fails its checksum" in err


def test_no_store_is_no_damage(portdip, tmp_path):
    assert portdip("verify", tmp_path)[0] == 2
