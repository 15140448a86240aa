"""`portdip annotate`: a file in, a file with routes out, and counts."""

import fcntl
import json
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
    # Interrupted while it writes: in the moment in which the file is made, it stays, and the next one takes it over.
    while not any(path.stat().st_size for path in tmp_path.glob(".*.tmp")) and process.poll() is None:
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


PORTDIP = [sys.executable, "-m", "portdip"]


def test_times_ask_who_served_the_numbers_then(portdip, store, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(f"n,at\n{stores.PORTED},2024-01-02 11:04:05\n{stores.PORTED},2023-01-01 00:00:00\n")
    asked = ["annotate", store, path, tmp_path / "out.csv", "--column", "n", "--at-column", "at"]
    refused = portdip(*asked)
    assert (refused.code, "--time-zone" in refused.err) == (2, True)
    finished = portdip(*asked, "--time-zone", "Asia/Shanghai")
    assert finished.code == 0
    counts = {line.split()[0]: line.split()[1] for line in finished.out.splitlines()[1:]}
    assert (counts["ported"], counts["before-history"], counts["invalid-time"]) == ("1", "1", "0")
    assert portdip(*asked, "--time-zone", "Mars").code == 2


def test_national_numbers_are_those_of_a_region(portdip, store, tmp_path):
    (tmp_path / "in.csv").write_text("n\n138 0000 0001\n")
    finished = portdip("annotate", store, tmp_path / "in.csv", tmp_path / "out.csv", "--column", "n", "--region", "CN")
    assert finished.code == 0
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "138 0000 0001,CU,D002,true,ported"


def test_files_passed_over_are_told(portdip, store, records, tmp_path):
    (tmp_path / "in").mkdir()
    records.rename(tmp_path / "in" / "records.csv")
    (tmp_path / "in" / "notes.txt").write_text("")
    finished = portdip("annotate", store, tmp_path / "in", tmp_path / "out", "--column", "called_number")
    assert finished.code == 0
    assert "passed over, as the name tells no format" in finished.err
    assert finished.err.rstrip().endswith("notes.txt")


def test_what_another_process_is_writing_is_said(portdip, store, records, tmp_path):
    with open(tmp_path / ".out.csv.tmp", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        finished = portdip("annotate", store, records, tmp_path / "out.csv", "--column", "called_number")
    assert finished.code == 2
    assert ".out.csv.tmp: another process is writing it" in finished.err


def test_a_column_of_times_that_is_not_there_is_named_with_its_option(portdip, store, records, tmp_path):
    asked = ["annotate", store, records, tmp_path / "out.csv", "--column", "called_number", "--at-column", "ids"]
    assert "Did you mean --at-column id?" in portdip(*asked).err


def test_many_files_are_a_job_that_goes_on(portdip, store, records, tmp_path):
    (tmp_path / "bad.csv").write_text("called_number\n1,2\n")
    asked = ["annotate", store, records, tmp_path / "bad.csv", tmp_path / "out", "--column", "called_number"]
    finished = portdip(*asked)
    assert finished.code == 3
    assert "left out: a row of another length" in finished.err
    assert "out: 4 rows in 2 shards" in finished.out
    assert portdip(*asked).code == 2
    (tmp_path / "bad.csv").write_text("called_number\n1\n")
    finished = portdip(*asked, "--resume", "--json")
    assert finished.code == 0
    told = json.loads(finished.out)
    assert (told["rows"], told["shards"], told["resumed"], told["damaged"]) == (5, 2, 1, [])
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_one_file_into_a_directory_goes_by_its_name(portdip, store, records, tmp_path):
    (tmp_path / "out").mkdir()
    assert portdip("annotate", store, records, tmp_path / "out", "--column", "called_number").code == 0
    assert (tmp_path / "out" / "records.csv").exists()


@pytest.mark.parametrize("paths", [["-", "a.csv", "b"], ["-"], [], ["a.csv", "-", "--resume"]])
def test_paths_that_say_too_little_or_too_much_are_refused(portdip, store, paths):
    assert portdip("annotate", store, *paths, "--column", "n").code == 2


def test_a_pipe_through(store, records):
    command = [*PORTDIP, "annotate", store, "-", "-", "--column", "called_number"]
    finished = subprocess.run(command, input=records.read_bytes(), capture_output=True, check=True, timeout=60)
    assert finished.stdout.splitlines()[1] == f"001,+{stores.PORTED},CU,D002,true,ported".encode()
    assert b"-: 4 rows" in finished.stderr


def test_parquet_into_a_pipe_is_an_arrow_stream(store, tmp_path):
    pq.write_table(pa.table({"n": pa.array(stores.KINDS, pa.uint64())}), tmp_path / "in.parquet")
    command = [*PORTDIP, "annotate", store, tmp_path / "in.parquet", "-", "--column", "n", "--json"]
    finished = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert pa.ipc.open_stream(finished.stdout).read_all()["status"].to_pylist()[:4] == ["ported"] * 3 + ["native"]
    assert json.loads(finished.stderr)["rows"] == len(stores.KINDS)


def test_a_reader_that_goes_away_ends_it_quietly(store, records):
    records.write_text("called_number\n" + f"{stores.PORTED}\n" * 500_000)
    command = [*PORTDIP, "annotate", store, records, "-", "--column", "called_number"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1
    assert b"Traceback" not in said
