"""`portdip annotate`: a file in, a file with routes out, and counts."""

import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.lookup import stores


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "records.csv"
    path.write_text(f"id,called_number\n001,+{stores.PORTED}\n002,\n003,{stores.NATIVE}\n004,x\n")
    return path


def test_the_target_is_written_and_counted(portdip, store, records, tmp_path):
    finished = portdip("annotate", store, records, tmp_path / "out.csv", "--column", "called_number", "--threads", "2")
    assert finished.code == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == f"001,+{stores.PORTED},CU,D002,true,ported"
    assert "out.csv: 4 rows" in finished.out
    counts = {line.split()[0]: line.split()[1] for line in finished.out.splitlines()[1:]}
    assert counts == {"ported": "1", "native": "1", "unallocated": "0", "invalid": "1", "null": "1"}
    assert finished.err == ""


def test_a_column_that_is_not_there_is_one_line_with_the_nearest(portdip, store, records, tmp_path):
    finished = portdip("annotate", store, records, tmp_path / "out.csv", "--column", "caled_number")
    assert finished.code == 2
    assert finished.err.count("\n") == 1
    assert "Did you mean --column called_number?" in finished.err


def test_names_in_the_way_are_avoided_with_a_prefix(portdip, store, records, tmp_path):
    portdip("annotate", store, records, tmp_path / "once.csv", "--column", "called_number")
    again = ["annotate", store, tmp_path / "once.csv", tmp_path / "twice.csv", "--column", "called_number"]
    assert "--prefix" in portdip(*again).err
    assert portdip(*again, "--prefix", "new_").code == 0


def test_an_interrupt_leaves_nothing_behind(store, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv.gz"
    source.write_text("n\n" + "8613800000001\n" * 3_000_000)
    command = [
        sys.executable,
        "-c",
        # What a shell starts in the background ignores interrupts, and whatever that starts in turn does too.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from portdip.cli import main; main()",
        "annotate",
        store,
        source,
        target,
        "--column",
        "n",
        "--threads",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not list(tmp_path.glob(".*.tmp")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert b"Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_parquet_goes_in_and_out(portdip, store, tmp_path):
    pq.write_table(pa.table({"n": pa.array(stores.KINDS, pa.uint64())}), tmp_path / "in.parquet")
    assert portdip("annotate", store, tmp_path / "in.parquet", tmp_path / "out.parquet", "--column", "n").code == 0
    assert pq.read_table(tmp_path / "out.parquet")["status"].to_pylist()[:4] == ["ported"] * 3 + ["native"]
