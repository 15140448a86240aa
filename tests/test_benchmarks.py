"""Every benchmark runs at its smoke size, so that none rots between measurements. What it measures means nothing."""

import doctest
import shutil

import pytest
from benchmarks import askers, figure, populations
from benchmarks.__main__ import GROUPS
from benchmarks.peers import picture, result


@pytest.mark.parametrize("group", GROUPS)
def test_a_benchmark_runs(group, monkeypatch, tmp_path):
    monkeypatch.setattr(populations, "CACHE", tmp_path)
    monkeypatch.setattr(f"benchmarks.{group}.CACHE", tmp_path, raising=False)
    figures = figure.measure(group, figure.SMOKE)
    assert len({found.name for found in figures}) == len(figures)
    assert figures or (group == "instructions" and not shutil.which("valgrind"))


def test_a_verdict_follows_the_bar():
    assert figure.Figure("a", 1.0, "x", 2.0).verdict == "reached"
    assert figure.Figure("a", 3.0, "x", 2.0).verdict == "missed"
    assert figure.Figure("a", 3.0, "x", 2.0, "at least").verdict == "reached"
    assert figure.Figure("a", 3.0, "x").verdict == ""


def test_ratios_are_taken_inside_a_round():
    assert figure.ratio({"a": [1.0, 4.0, 9.0], "b": [1.0, 2.0, 3.0]}, "a", "b") == 2.0


@pytest.mark.parametrize("module", [askers, picture, result])
def test_examples_in_docstrings_are_true(module):
    tried = doctest.testmod(module)
    assert tried.attempted
    assert not tried.failed
