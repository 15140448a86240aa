import pytest

from portdip.table.store import Store


@pytest.fixture
def ported(tmp_path):
    path = tmp_path / "ported.csv"
    path.write_text("number,carrier\n861,A\n862,A\n")
    return path


def test_says_what_it_did(portdip, fresh, ported):
    code, out, err = portdip("import", fresh, ported)
    assert (code, err) == (0, "")
    assert out.startswith("2 rows read, 2 taken, 0 replaced, 0 rejected in ")
    assert "rows/s); sequence 1" in out
    assert portdip("import", fresh, ported)[1].startswith("2 rows read, 2 taken, 2 replaced, 0 rejected in ")


def test_a_feed_of_an_installed_package_needs_no_file(portdip, fresh):
    assert portdip("import", fresh, "--feed", "libphonenumber")[0] == 0
    assert Store.open(fresh).current().manifest.counts["ranges"] > 10_000


def test_a_column_map(portdip, fresh, tmp_path):
    (tmp_path / "map.toml").write_text('number = 1\ncarrier = 0\ndelimiter = ";"\nheader = false\n')
    (tmp_path / "file").write_text("A;861\n")
    assert portdip("import", fresh, tmp_path / "file", "--map", tmp_path / "map.toml")[0] == 0
    assert Store.open(fresh).current().record(861).route.carrier.id == "A"


def test_a_bad_row_stops_the_import_in_one_line(portdip, fresh, ported):
    ported.write_text("number,carrier\n861,A\nabc,A\n")
    code, out, err = portdip("import", fresh, ported)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{ported}, row 3" in err
    assert "--on-bad-rows skip" in err
    assert Store.open(fresh).current().manifest.sequence == 0


def test_bad_rows_are_skipped_on_request(portdip, fresh, ported, tmp_path):
    ported.write_text("number,carrier\n861,A\nabc,A\n")
    reject = tmp_path / "rejected.csv"
    code, out, _ = portdip("import", fresh, ported, "--on-bad-rows", "skip", "--reject", reject)
    assert code == 0
    assert "1 taken, 0 replaced, 1 rejected" in out
    assert f"rejected rows are in {reject}" in out
    assert "abc" in reject.read_text()


def test_an_unknown_feed(portdip, fresh, ported):
    code, _, err = portdip("import", fresh, ported, "--feed", "xlsx")
    assert code == 2
    assert "expected one of arrow, br-nsapn" in err
