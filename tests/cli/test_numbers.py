"""`portdip numbers`: what a carrier serves."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.lookup import stores

HEADER = "first,last,numbers,status,carrier,routing_number,range_holder"


def test_ranges_come_first_then_numbers(portdip, store, tmp_path):
    out = tmp_path / "cm.csv"
    finished = portdip("numbers", store, "--carrier", "CM", "--out", out)
    assert finished.out == f"{out}: 3 rows\n"
    assert out.read_text().replace('"', "").splitlines() == [
        HEADER,
        "8613800000000,8613800129999,129999,native,CM,,CM",
        "8613800140000,8613809999999,9860000,native,CM,,CM",
        f"{stores.PORTED_WITHOUT_ROUTING_NUMBER},{stores.PORTED_WITHOUT_ROUTING_NUMBER},1,ported,CM,,CT",
    ]


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow", "x.arrows", "x.csv.gz"])
def test_files_of_every_kind(portdip, store, tmp_path, name):
    out = tmp_path / name
    assert portdip("numbers", store, "--ported-only", "--out", out).code == 0
    if name.endswith(".gz"):
        found = [line.split(",")[0] for line in gzip.decompress(out.read_bytes()).decode().splitlines()[1:]]
    else:
        readers = {
            "x.parquet": pq.read_table,
            "x.arrow": lambda path: pa.ipc.open_file(path).read_all(),
            "x.arrows": lambda path: pa.ipc.open_stream(path).read_all(),
        }
        found = readers[name](out).column("first").to_pylist()
    assert sorted(map(int, found)) == sorted(row[0] for row in stores.NUMBERS)


def test_a_file_of_another_kind_is_refused(portdip, store, tmp_path):
    finished = portdip("numbers", store, "--out", tmp_path / "x.xlsx")
    assert finished.code == 2
    assert "a name that ends in .parquet" in finished.err
    assert not list(tmp_path.iterdir())


def test_counts(portdip, store):
    assert portdip("numbers", store, "--routing-number", "D002", "--count").out.split() == [
        *("1", "numbers", "1", "ported", "0", "native,", "in", "0", "ranges")
    ]
    counts = json.loads(portdip("numbers", store, "--carrier", "CT", "--json").out)
    assert counts == {"ported": 0, "native": 8999, "ranges": 1, "numbers": 8999, "sequence": 1}


def test_an_unknown_carrier_is_refused(portdip, store):
    finished = portdip("numbers", store, "--carrier", "CX")
    assert finished.code == 2
    assert "no such carrier" in finished.err
