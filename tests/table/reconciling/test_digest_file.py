"""Two nodes far apart: a file of digests there, and back with the rows of the blocks that differ."""

import pytest

from portdip.errors import DigestFileError
from portdip.table.reconciling import digest_file
from portdip.table.reconciling.digest_file import DigestFile
from portdip.table.reconciling.in_force import InForce
from portdip.table.reconciling.reconcile import Comparison

from .reconciled import ALL, ROUTES, classes, compare, in_force, make_store, silent

BASE = 8613800000000
ENTRY = ("A", "01", "D", None)
RANGES = [(BASE, BASE + 9_999_999, "H"), (BASE + 100, BASE + 199, "I")]


@pytest.fixture
def ours(tmp_path):
    entries = {BASE + place * 100: ENTRY for place in range(1_000)}
    return make_store(tmp_path / "ours", entries | {BASE + 500_000: ENTRY}, RANGES)


@pytest.fixture
def theirs(tmp_path):
    entries = {BASE + place * 100: ENTRY for place in range(1, 1_000)}
    return make_store(tmp_path / "theirs", entries | {BASE + 300: ("B", "", None, None)}, RANGES)


def written(path, store, blocks=None):
    digest_file.write(path, in_force(store), blocks, silent)
    return DigestFile(path)


def test_equal_nodes_need_digests_only(ours, tmp_path):
    report, found = compare(ours, written(tmp_path / "digests", ours))
    assert (report.equal, found, report.numbers, report.their_numbers) == (True, [], 1_001, 1_001)
    assert report.theirs == f"{tmp_path / 'digests'}, sequence 1"


def test_digests_alone_say_which_blocks_differ(ours, theirs, tmp_path):
    report, found = compare(ours, written(tmp_path / "digests", theirs))
    assert found == []
    assert (report.blocks, report.blocks_differing, report.blocks_undecided) == (11, 2, 2)
    assert (report.undecided, report.either, report.equal) == (101, 1_001, False)
    assert report.correct_percent == pytest.approx(100 * 900 / 1_001)


def test_the_answer_has_the_rows_of_the_blocks_that_differ(ours, theirs, tmp_path):
    question = written(tmp_path / "question", ours)
    differing = Comparison(in_force(theirs), question, ALL, silent).differing
    answer = written(tmp_path / "answer", theirs, differing)
    assert sum(len(batch) for batch in answer.rows(differing, silent)) == 99
    report, found = compare(ours, answer)
    assert classes(found) == {"A": [BASE, BASE + 500_000], "CD": [BASE + 300]}
    assert (report.blocks_undecided, report.wrong) == (0, 3)


def test_what_has_changed_since_is_undecided(ours, theirs, tmp_path):
    question = written(tmp_path / "question", ours)
    answer = written(tmp_path / "answer", theirs, Comparison(in_force(theirs), question, ALL, silent).differing)
    with ours.writer() as writer:
        writer.release(BASE + 20_000)
    report, found = compare(ours, answer)
    assert (report.blocks_undecided, report.undecided) == (1, 100)
    assert len(found) == 3


def test_rows_that_are_not_those_of_the_digests_are_refused(ours, theirs, tmp_path, monkeypatch):
    question = written(tmp_path / "question", ours)
    differing = Comparison(in_force(theirs), question, ALL, silent).differing
    monkeypatch.setattr(InForce, "rows", lambda table, blocks, progress: iter(()))
    answer = written(tmp_path / "answer", theirs, differing)
    with pytest.raises(DigestFileError, match="not those of the digests"):
        compare(ours, answer)


def test_a_node_without_numbers_and_ranges(ours, tmp_path):
    empty = make_store(tmp_path / "empty", {}, [])
    report, _ = compare(ours, written(tmp_path / "digests", empty))
    assert (report.wrong_in_ranges, report.undecided, report.their_numbers) == (10_000_000, 1_001, 0)
    assert compare(empty, written(tmp_path / "digests", empty))[0].equal


def test_ranges_are_compared_without_rows(ours, tmp_path):
    other = make_store(tmp_path / "other", {}, RANGES[:1])
    _, found = compare(ours, written(tmp_path / "digests", other))
    assert [(row["classes"], row["number"], row["carrier"], row["their_carrier"]) for row in found] == [
        ("E", BASE + 100, "I", "H")
    ]


def test_donors_and_times_can_be_left_out(ours, tmp_path):
    entries = {BASE + place * 100: ("A", "01", "X", None) for place in range(1_000)}
    other = make_store(tmp_path / "other", entries | {BASE + 500_000: ENTRY}, RANGES)
    assert compare(ours, written(tmp_path / "digests", other), ROUTES)[0].equal
    assert compare(ours, written(tmp_path / "digests", other))[0].blocks_differing == 10


def test_it_is_small(ours, tmp_path):
    written(tmp_path / "digests", ours)
    assert (tmp_path / "digests").stat().st_size < 3_000


@pytest.mark.parametrize("place", [0, 8, 100, -41, -40, -33, -32, -1])
def test_a_flipped_bit_is_noticed(ours, tmp_path, place):
    path = tmp_path / "digests"
    written(path, ours)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DigestFileError, match="damaged"):
        DigestFile(path)


@pytest.mark.parametrize("count", [0, 1, 39, 40, 1_000])
def test_a_file_that_is_cut_is_noticed(ours, tmp_path, count):
    path = tmp_path / "digests"
    written(path, ours)
    path.write_bytes(path.read_bytes()[:count])
    with pytest.raises(DigestFileError, match="damaged"):
        DigestFile(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b'{"format": 1}'])
def test_a_sealed_file_of_something_else_is_refused(content, tmp_path):
    import hashlib

    sealed = content + b"PDBLOCK1"
    (tmp_path / "digests").write_bytes(sealed + hashlib.sha256(sealed).digest())
    with pytest.raises(DigestFileError, match="not a file of digests"):
        DigestFile(tmp_path / "digests")
