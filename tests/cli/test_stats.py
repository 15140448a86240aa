"""`portdip stats`: the porting matrix, and how much of its ranges each holder serves."""

import sys

import pyarrow.parquet as pq
import pytest

from tests.cli.chains import changes, own  # noqa: F401 - fixtures
from tests.lookup import stores


def test_the_matrix_on_a_terminal(portdip, own, changes):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,2025-01-01T00:00:00Z,"))
    portdip("publish", own, changes(f"release,{stores.PORTED},,,,,,2025-01-02T00:00:00Z,"))
    assert portdip("stats", own).out.splitlines() == [
        "2024-01-02 to 2025-01-02: 2 numbers ported, 1 returned to their range holder",
        "     CM  CU  CT  lost",
        "CM    .   1   1     2",
        "CU    1   .   .     1",
        "CT    .   .   .     0",
        "won   1   1   1",
    ]
    assert portdip("stats", own, "--to", "2023-12-31").out == "no number moved\n"


@pytest.mark.parametrize("name", ["m.png", "m.svg", "m.pdf"])
def test_pictures(portdip, own, tmp_path, name):  # noqa: F811
    table, picture = tmp_path / "m.parquet", tmp_path / name
    finished = portdip("stats", own, "--out", table, "--out", picture)
    assert finished.out.splitlines() == [f"{table}: 1 rows", str(picture)]
    assert pq.read_table(table).to_pylist()[0]["recipient"] == "CU"
    assert picture.read_bytes()[:4] in (b"\x89PNG", b"<?xm", b"%PDF")


def test_an_empty_matrix_is_a_picture_too(portdip, own, tmp_path):  # noqa: F811
    assert portdip("stats", own, "--to", "2023-12-31", "--out", tmp_path / "m.png").code == 0


def test_without_matplotlib_there_is_one_clear_line(portdip, own, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    finished = portdip("stats", own, "--out", tmp_path / "m.png")
    assert finished.code == 2
    assert finished.err == "portdip: matplotlib is not installed. Run: pip install 'portdip[report]'.\n"


def test_ranges(portdip, own, tmp_path):  # noqa: F811
    out = tmp_path / "ranges.csv"
    portdip("stats", own, "--ranges", "--carrier", "CM", "--out", out)
    assert out.read_text().replace('"', "").splitlines() == [
        "first,last,carrier,routing_number,numbers,native,own_entries,ported_out",
        "8613800000000,8613800129999,CM,,130000,129999,0,1",
        "8613800140000,8613809999999,CM,,9860000,9860000,0,0",
    ]
    assert "--carrier goes with --ranges" in portdip("stats", own, "--carrier", "CM").err
