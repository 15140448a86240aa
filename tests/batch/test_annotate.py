"""Annotating a file as a whole: formats by name, and a target that is complete or not there."""

import pytest

from portdip.batch.annotate import annotate_file
from portdip.errors import AnnotateError


@pytest.mark.parametrize(("source", "target"), [("in.csv", "out.parquet"), ("in.arrow", "out.csv"), ("in.csv", "out")])
def test_text_and_columns_do_not_turn_into_each_other(engine, tmp_path, source, target):
    with pytest.raises(AnnotateError, match=r"do not go together.*expected a name that ends in"):
        annotate_file(engine, tmp_path / source, tmp_path / target, "n")


def test_an_unknown_format_is_refused_with_those_there_are(engine, tmp_path):
    with pytest.raises(AnnotateError, match=r"\.parquet, \.arrow, \.arrows, \.csv"):
        annotate_file(engine, tmp_path / "in.xlsx", tmp_path / "out.xlsx", "n")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows", ".csv", ".csv.gz"])
def test_a_source_that_is_not_there_is_the_systems_error(engine, tmp_path, suffix):
    with pytest.raises(FileNotFoundError):
        annotate_file(engine, tmp_path / f"in{suffix}", tmp_path / f"out{suffix}", "n")


def test_a_file_may_be_annotated_in_place(engine, tmp_path):
    (tmp_path / "a.csv").write_text("n\n1\n")
    annotate_file(engine, tmp_path / "a.csv", tmp_path / "a.csv", "n")
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "1,,,false,unallocated"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, ValueError])
def test_an_interrupted_annotation_leaves_what_was_there(engine, tmp_path, interrupt):
    (tmp_path / "in.csv").write_text("n\n" + "1\n" * 100)
    (tmp_path / "out.csv").write_text("old")

    def report(rows, share):
        raise interrupt

    with pytest.raises(interrupt):
        annotate_file(engine, tmp_path / "in.csv", tmp_path / "out.csv", "n", report=report)
    assert (tmp_path / "out.csv").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
