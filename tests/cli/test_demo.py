import shlex

import pytest

from portdip.cli import demo, main
from portdip.lookup.load import init_store


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, arguments)))
    return int(caught.value.code or 0)


@pytest.fixture
def small(monkeypatch):
    """The demo with few numbers, so that the numbering plan is all it costs."""
    monkeypatch.setattr("portdip.cli.demo._PORTED", 20_000)
    monkeypatch.setattr("portdip.cli.demo._CALLS", 20_000)


def test_it_builds_asks_and_annotates_and_says_what_to_try(small, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("demo") == 0
    said = capsys.readouterr().out
    for status in ("ported", "native", "unallocated", "invalid"):
        assert f" {status} " in said
    port = said.split(" is ported, ")[1].split("one thread")[0]
    before, after = (line for line in port.splitlines() if " order " in line or " cut-over " in line)
    assert before.rstrip().endswith("native CUCC")
    assert "ported CBN 0D01" in after
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        "store",
        "ported.parquet",
        "calls.parquet",
        "calls-routed.parquet",
    }
    commands = [shlex.split(line)[1:] for line in said.split("Try next:")[1].splitlines() if line.strip()]
    assert {command[0] for command in commands} == {
        "dip", "explain", "history", "status", "inspect", "annotate", "generate",
    }  # fmt: skip
    for command in commands:
        if command[0] != "generate":  # it is as large as it says
            assert run(*command) == 0, command


def test_it_replaces_an_earlier_demo_and_leaves_other_files_alone(small, tmp_path):
    directory = tmp_path / "here"
    assert run("demo", directory) == 0
    (directory / "notes").write_text("mine")
    assert run("demo", directory) == 0
    assert (directory / "notes").read_text() == "mine"


def test_it_stays_out_of_a_directory_that_is_not_its_own(small, tmp_path, capsys):
    (tmp_path / "calls.parquet").write_text("mine")
    assert run("demo", tmp_path) == 2
    assert "portdip demo DIR" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["calls.parquet"]


def test_it_does_not_replace_a_store_of_something_else(small, tmp_path):
    init_store(tmp_path / "store", "cn-mobile")
    assert run("demo", tmp_path) == 2
    assert (tmp_path / "store" / "CURRENT").exists()


def test_the_size_is_as_the_help_says():
    assert (demo._PORTED, demo._CALLS) == (2_000_000, 1_000_000)
