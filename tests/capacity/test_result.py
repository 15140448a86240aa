import math
import random
import statistics

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.capacity import result
from portdip.errors import BenchResultError
from tests.capacity import results

values = st.floats(0, 1e12, allow_nan=False)


def test_a_result_that_is_kept_is_the_one_that_is_loaded(tmp_path):
    made = results.result(spread=0.1)
    (tmp_path / "a.json").write_bytes(made.as_json())
    assert result.load(tmp_path / "a.json") == made


def test_every_cut_of_a_result_is_refused_as_one(tmp_path):
    content = results.result().as_json()
    path = tmp_path / "cut.json"
    for length in range(0, len(content) - 2, 997):
        path.write_bytes(content[:length])
        with pytest.raises(BenchResultError):
            result.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not a bench result"),
        ({"version": 2}, "another version"),
        ({"version": None}, "another version"),
        ({"figures": []}, "damaged"),
        ({"version": "1"}, "expected 1; got '1'"),
        ({"rounds": "many"}, "rounds"),
        ({"rounds": 0}, "rounds"),
        ({"rounds": -3}, "rounds"),
        ({"more": 1}, "more"),
        ({"machine": []}, "machine"),
        ({"machine": {"processor": "A", "cores": 2, "memory": "much"}}, "memory"),
        ({"machine": {"processor": "A", "cores": "x", "memory": ""}}, "cores"),
    ],
)
def test_what_is_no_result_of_this_version_is_refused_with_the_reason(tmp_path, change, message):
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps(orjson.loads(results.result().as_json()) | change))
    with pytest.raises(BenchResultError, match=message) as refused:
        result.load(path)
    assert str(path) in refused.value.where


@pytest.mark.parametrize("samples", [[], [-1.0], ["x"], [None], [1e400]])
def test_samples_that_cannot_be_are_refused(tmp_path, samples):
    read = orjson.loads(results.result().as_json())
    read["figures"][0]["samples"] = samples
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps(read))
    with pytest.raises(BenchResultError, match="damaged"):
        result.load(path)


def test_a_figure_twice_is_damage(tmp_path):
    read = orjson.loads(results.result().as_json())
    read["figures"].append(read["figures"][0])
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps(read))
    with pytest.raises(BenchResultError, match="twice"):
        result.load(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe", b'"portdip-bench"'])
def test_any_other_file_is_refused(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(BenchResultError):
        result.load(path)


def test_the_figure_of_the_largest_table_is_found():
    made = results.result()
    small = results.figure("enum", "CPU of an answer", 1.0, size=10)
    both = made.model_copy(update={"figures": (small, *made.figures)})
    assert both.find("enum", "CPU of an answer").size == 1_000_000
    assert both.find("enum", "CPU of an answer", 10) == small
    assert both.find("enum", "nothing") is None


def test_what_was_in_the_way_is_told():
    assert results.result().remarks() == []
    whole = results.result(others=0.31)
    more = (
        results.figure("http", "sent late, p99 at 50 % load", 2500.0, unit="us", better=""),
        results.figure("enum", "sent late, p99 at 50 % load", 20.0, unit="us", better=""),
        results.figure("enum", "without an answer at 50 % load", 0.015, unit="share", better=""),
    )
    load, late, lost = whole.model_copy(update={"figures": (*whole.figures, *more)}).remarks()
    assert "31%" in load
    assert late.startswith("http: 1 % of the questions were sent 2.5 ms late")
    assert lost.startswith("enum: in 8 of 8 samples at a load questions had no answer, in the worst 1.50% of them")


def test_questions_lost_in_a_few_rounds_are_told_though_the_median_lost_none():
    lost = results.figure("pdb", "without an answer at 80 % load", 0.0, unit="share", better="")
    calm = lost.model_copy(update={"name": "without an answer at 50 % load"})
    lost = lost.model_copy(update={"samples": (0.0,) * 9 + (0.012, 0.097, 0.003)})
    whole = results.result()
    (remark,) = whole.model_copy(update={"figures": (*whole.figures, calm, lost)}).remarks()
    assert "pdb: in 3 of 20 samples" in remark
    assert "9.70%" in remark


@given(st.lists(values, min_size=1, max_size=30))
def test_the_interval_of_a_median_holds_the_samples_median(samples):
    low, high = result.median_interval(samples)
    assert min(samples) <= low <= statistics.median(samples) <= high <= max(samples)


def test_the_interval_of_a_median_is_as_wide_as_the_sign_test_says():
    """For ten samples the second and the ninth: 1 - 2 (1 + 10) / 1024 = 97.9 %; the third would be 89.1 %."""
    assert result.median_interval([float(value) for value in range(10)]) == (1.0, 8.0)


def test_the_interval_misses_the_median_as_seldom_as_it_says(seed):
    random_source = random.Random(seed)
    missed = 0
    for _ in range(2000):
        low, high = result.median_interval([random_source.gauss(0, 1) for _ in range(12)])
        missed += not low <= 0 <= high
    assert missed / 2000 < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 2000)
