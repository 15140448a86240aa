"""Many files as one job: all of them, once, from one state of the store, whatever stops it on the way."""

import errno
import gzip
import json
import os
import resource
import signal
import time
from dataclasses import asdict, replace

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from portdip import files
from portdip.batch.job import plan, run, worker
from portdip.batch.job.run import annotate_files
from portdip.batch.question import Question
from portdip.errors import AnnotateError, StoreLockedError
from portdip.lookup.engine import open_engine
from portdip.lookup.pinned import Pin
from portdip.table.store import Store
from tests.lookup import stores
from tests.lookup.stores import make_store

QUESTION = Question("n")
#: Rows by status of one KINDS.
COUNTS = {"ported": 3, "native": 3, "unallocated": 2, "invalid": 0, "null": 0}


@pytest.fixture
def calls(tmp_path):
    """A partitioned dataset of Parquet, Arrow and CSV, and what is no part of it."""
    folder = tmp_path / "calls"
    for day in (1, 2):
        (folder / f"day={day}").mkdir(parents=True)
        table = pa.table({"row": range(48), "n": pa.array(stores.KINDS * 6, pa.uint64())})
        pq.write_table(table, folder / f"day={day}" / "a.parquet", row_group_size=8)
    text = "".join(f"{number}\n" for number in stores.KINDS)
    (folder / "day=2" / "b.csv.gz").write_bytes(gzip.compress(f"n\n{text}".encode()))
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden.csv").write_text("n\n1\n")
    (folder / "notes.txt").write_text("no records")
    return folder


@pytest.fixture
def go(engine, store, tmp_path):
    def go(*inputs, out=tmp_path / "out", question=QUESTION, workers=2, **options):
        return annotate_files(engine, store, list(inputs), out, question, workers=workers, **options)

    return go


def content(out):
    """Every file of a directory with its bytes; what a job remembers aside."""
    found = {path.relative_to(out): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {str(name): path.read_bytes() for name, path in found.items() if plan.DIRECTORY not in name.parts}


def test_a_directory_gives_a_directory_of_the_same_shape(go, calls, tmp_path):
    reports = []
    outcome = go(calls, report=lambda rows, share: reports.append((rows, share)))
    out = tmp_path / "out"
    assert sorted(content(out)) == [
        "_SUCCESS",
        "day=1/a-00000.parquet",
        "day=1/a-00001.parquet",
        "day=2/a-00000.parquet",
        "day=2/a-00001.parquet",
        "day=2/b.csv.gz",
    ]
    assert outcome.damaged == []
    assert outcome.tally.by_status(QUESTION) == {name: 13 * count for name, count in COUNTS.items()}
    assert reports[-1] == (104, 1)
    rows = ds.dataset(out, partitioning="hive", exclude_invalid_files=True).to_table(filter=ds.field("day") == 1)
    assert sorted(rows["row"].to_pylist()) == list(range(48))
    assert gzip.decompress((out / "day=2" / "b.csv.gz").read_bytes()).splitlines()[1].endswith(b",CU,D002,true,ported")


def test_links_and_names_in_capitals_are_inputs_and_other_names_are_told(go, calls, tmp_path):
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "B.CSV").write_text(f"n\n{stores.PORTED}\n")
    (folder / "part").symlink_to(calls)
    (folder / "again").symlink_to(folder)
    (folder / "notes.txt").write_text("no records")
    outcome = go(folder)
    assert outcome.passed_over == [folder / "notes.txt", folder / "part" / "notes.txt"]
    assert outcome.tally.rows == 1 + 2 * 48 + 8
    assert (tmp_path / "out" / "B.CSV").read_text().endswith("ported\n")
    (folder / "lost.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match="lost"):
        go(folder, out=tmp_path / "other")


def test_results_do_not_lie_among_the_inputs_by_whatever_path(go, calls, tmp_path):
    (tmp_path / "link").symlink_to(calls)
    for given, out in ((tmp_path / "link", calls / "out"), (calls / ".." / calls.name, calls / "out")):
        with pytest.raises(AnnotateError, match="among the inputs"):
            go(given, out=out)


def test_success_tells_what_was_answered_from_which_table(go, calls, engine, tmp_path):
    go(calls)
    success = json.loads((tmp_path / "out" / "_SUCCESS").read_bytes())
    assert (success["dataset"], success["sequence"], success["digest"]) == ("test", 1, engine.generation.digest)
    assert (success["rows"], success["statuses"]["ported"], success["carriers"]["CM"]) == (104, 39, 26)
    for file in success["files"]:
        assert (tmp_path / "out" / file["name"]).stat().st_size == file["bytes"]
    assert sum(file["rows"] for file in success["files"]) == 104


def test_one_process_or_many_give_the_same_bytes(go, calls, tmp_path):
    go(calls, out=tmp_path / "one", workers=1)
    go(calls, out=tmp_path / "many", workers=3)
    assert content(tmp_path / "one") == content(tmp_path / "many")


def test_files_go_side_by_side(go, calls, tmp_path):
    go(calls / "day=1" / "a.parquet", calls / "day=2" / "b.csv.gz")
    assert sorted(content(tmp_path / "out")) == ["_SUCCESS", "a-00000.parquet", "a-00001.parquet", "b.csv.gz"]


def test_a_damaged_input_is_named_and_the_others_are_done(go, calls, tmp_path):
    damaged = calls / "day=2" / "a.parquet"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    (calls / "day=1" / "wrong.csv").write_text("m\n1\n")
    outcome = go(calls)
    assert [source for source, _ in outcome.damaged] == [str(calls / "day=1" / "wrong.csv"), str(damaged)]
    assert "no column 'n'" in outcome.damaged[0][1]
    assert str(damaged) in outcome.damaged[1][1]
    assert sorted(content(tmp_path / "out")) == ["day=1/a-00000.parquet", "day=1/a-00001.parquet", "day=2/b.csv.gz"]
    # Repaired and taken away, the rest of the job is done.
    damaged.write_bytes(whole)
    (calls / "day=1" / "wrong.csv").unlink()
    outcome = go(calls, resume=True)
    assert (outcome.resumed, outcome.shards, outcome.damaged) == (3, 5, [])
    go(calls, out=tmp_path / "anew")
    assert content(tmp_path / "out") == content(tmp_path / "anew")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_is_replaced_and_nothing_is_lost(go, calls, tmp_path, monkeypatch, workers):
    go(calls, out=tmp_path / "undisturbed")
    begin, begun = run._Worker.begin, []

    def kill_some(worker, place):
        begin(worker, place)
        begun.append(place)
        if len(begun) in (1, 2, 4):
            os.kill(worker.process.pid, signal.SIGKILL)

    monkeypatch.setattr(run._Worker, "begin", kill_some)
    assert go(calls, workers=workers).damaged == []
    assert len(begun) == 5 + 3
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


def test_a_worker_killed_while_it_writes_leaves_no_half_file(go, calls, tmp_path, monkeypatch):
    (calls / "day=1" / "long.csv").write_text("n\n" + f"{stores.PORTED}\n" * 300_000)
    go(calls, out=tmp_path / "undisturbed")
    begin, killed = run._Worker.begin, []

    def kill_while_writing(worker, place):
        begin(worker, place)
        patience = time.monotonic() + 20
        while not killed and time.monotonic() < patience:
            if list((tmp_path / "out").rglob(".long.csv.tmp")):
                os.kill(worker.process.pid, signal.SIGKILL)
                killed.append(place)
            elif list((tmp_path / "out").rglob("long.csv")) or worker.process.poll() is not None or place != 2:
                break

    monkeypatch.setattr(run._Worker, "begin", kill_while_writing)
    go(calls, workers=1)
    assert killed == [2]
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


def test_a_shard_that_ends_every_process_is_left_out(go, calls, tmp_path, monkeypatch):
    begin, answer = run._Worker.begin, run._Worker.answer

    def kill_at_one(worker, place):
        begin(worker, place)
        if place == 1:
            os.kill(worker.process.pid, signal.SIGKILL)

    def killed_while_it_writes(worker):
        if worker.place == 1:
            (tmp_path / "out" / "day=1").mkdir(exist_ok=True)
            (tmp_path / "out" / "day=1" / ".a-00001.parquet.tmp").write_bytes(b"half")
        return answer(worker)

    monkeypatch.setattr(run._Worker, "begin", kill_at_one)
    monkeypatch.setattr(run._Worker, "answer", killed_while_it_writes)
    outcome = go(calls)
    assert not [name for name in content(tmp_path / "out") if name.endswith(".tmp")]
    assert outcome.damaged == [(str(calls / "day=1" / "a.parquet"), "its process has ended 3 times: by signal 9")]
    assert not (tmp_path / "out" / "_SUCCESS").exists()


def test_a_full_disk_stops_the_job_without_a_half_file_and_resume_does_the_rest(go, tmp_path):
    folder = tmp_path / "calls"
    folder.mkdir()
    for name, rows in (("a", 10), ("b", 100_000), ("c", 10)):
        (folder / f"{name}.csv").write_text("n\n" + f"{stores.PORTED}\n" * rows)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(AnnotateError, match=r"stopped.*b\.csv.*--resume"):
            go(folder, workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert sorted(content(tmp_path / "out")) == ["a.csv"]
    assert go(folder, resume=True).resumed == 1
    assert sorted(content(tmp_path / "out")) == ["_SUCCESS", "a.csv", "b.csv", "c.csv"]


def test_an_interrupt_ends_the_workers_and_leaves_whole_files(go, calls, tmp_path, monkeypatch):
    workers = []
    begin = run._Worker.begin
    monkeypatch.setattr(run._Worker, "begin", lambda worker, place: (workers.append(worker), begin(worker, place)))

    def interrupt(rows, share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(calls, report=interrupt)
    assert all(worker.process.poll() is not None for worker in workers)
    assert not list((tmp_path / "out").rglob("*.tmp"))
    outcome = go(calls, resume=True)
    assert outcome.resumed >= 1
    go(calls, out=tmp_path / "undisturbed")
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


def test_resume_does_again_what_is_not_as_it_was_written(go, calls, tmp_path):
    go(calls)
    before = content(tmp_path / "out")
    (tmp_path / "out" / "day=1" / "a-00000.parquet").write_bytes(b"x" * 100)
    (tmp_path / "out" / "day=1" / "a-00001.parquet").unlink()
    assert go(calls, resume=True).resumed == 3
    assert content(tmp_path / "out") == before


def test_success_goes_while_something_is_done_again(go, calls, tmp_path):
    go(calls)
    (tmp_path / "out" / "day=1" / "a-00001.parquet").unlink()
    (calls / "new.csv").write_text("m\n1\n")
    assert len(go(calls, resume=True).damaged) == 1
    assert not (tmp_path / "out" / "_SUCCESS").exists()


def test_resume_goes_on_from_the_state_of_the_beginning(calls, tmp_path):
    path = make_store(tmp_path / "store")
    damaged = calls / "day=2" / "b.csv.gz"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:20])
    annotate_files(open_engine(path), path, [calls], tmp_path / "out", QUESTION, workers=1)
    with Store.open(path).writer() as writer:
        writer.release(stores.PORTED)
    damaged.write_bytes(whole)
    engine = open_engine(path)
    assert engine.sequence == 2
    outcome = annotate_files(engine, path, [calls], tmp_path / "out", QUESTION, workers=1, resume=True)
    assert (outcome.sequence, outcome.tally.by_status(QUESTION)["ported"]) == (1, 39)


def test_two_cannot_work_on_one_job(go, calls, tmp_path):
    go(calls)
    with plan.alone(tmp_path / "out"), pytest.raises(StoreLockedError, match=str(os.getpid())):
        go(calls, resume=True)


def test_resume_refuses_another_job(go, calls, tmp_path):
    with pytest.raises(AnnotateError, match="no job to resume"):
        go(calls, resume=True)
    go(calls)
    with pytest.raises(AnnotateError, match="another question"):
        go(calls, resume=True, question=Question("row"))
    with pytest.raises(AnnotateError, match="changed since, or is not given"):
        go(calls / "day=1", resume=True)
    with pytest.raises(AnnotateError, match=r"something in the way.*--resume"):
        go(calls)


def test_of_two_jobs_begun_at_once_in_one_place_one_goes_on(go, calls, tmp_path, monkeypatch):
    begin = plan.Job.begin

    def begin_after_another(job, out):
        begin(replace(job, question=Question("row")), out)
        monkeypatch.setattr(files, "names", lambda path: [])  # as it was when this one looked
        begin(job, out)

    monkeypatch.setattr(plan.Job, "begin", begin_after_another)
    with pytest.raises(AnnotateError, match="something in the way"):
        go(calls)
    assert plan.Job.read(tmp_path / "out").question == Question("row")


def test_an_input_that_changes_while_it_is_read_is_not_done(calls, store, tmp_path):
    job = plan.Job(
        str(store), Pin.of(open_engine(store).generation), QUESTION, plan.shards([calls], tmp_path / "out")[0]
    )
    path = calls / "day=2" / "b.csv.gz"
    [shard] = [shard for shard in job.shards if shard.source == str(path)]

    class Touched(plan.Shard):
        def check(self):
            super().check()
            os.utime(path)

    touched = Touched(**asdict(shard))
    answer = worker._done(open_engine(store), job, touched, tmp_path / "out")
    assert "has changed since" in answer["damaged"]


@pytest.mark.parametrize(("where", "what"), [("out", "fatal"), ("store", "fatal"), ("calls", "damaged")])
def test_only_what_fails_at_an_input_is_its_damage(calls, store, tmp_path, monkeypatch, where, what):
    """The next shard would fare no better where the medium of the results fails, or that of the store."""
    job = plan.Job(
        str(store), Pin.of(open_engine(store).generation), QUESTION, plan.shards([calls], tmp_path / "out")[0]
    )
    shard = job.shards[0]
    failing = {"out": tmp_path / "out" / shard.target, "store": store / "index", "calls": shard.source}[where]

    def fail(*_, **__):
        raise OSError(errno.EIO, "the medium", str(failing))

    monkeypatch.setattr(worker, "annotate", fail)
    answer = worker._done(open_engine(store), job, shard, tmp_path / "out")
    assert answer == {what: f"{failing}: the medium"}


def test_what_cannot_be_a_job_is_refused_before_anything_is_written(go, calls, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotateError, match=r"nothing to annotate.*\.parquet"):
        go(tmp_path / "empty")
    with pytest.raises(AnnotateError, match=r"two inputs have one name.*a-00000\.parquet"):
        go(calls / "day=1", calls / "day=2")
    with pytest.raises(AnnotateError, match="among the inputs"):
        go(calls, out=calls / "out")
    with pytest.raises(FileNotFoundError):
        go(tmp_path / "nothing.csv", calls)
    assert not (tmp_path / "out").exists()
