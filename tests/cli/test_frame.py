"""The frame of the command line: verbs are found, errors are one line, help costs nothing."""

import importlib.metadata
import subprocess
import sys

import pytest

from portdip import cli

VERBS = {"annotate", "dip", "explain", "import", "init", "inspect", "verify"}


def test_every_file_is_a_verb_with_help(portdip):
    shown = portdip("--help").out
    assert all(f" {verb} " in shown for verb in VERBS)
    for verb in VERBS:
        assert portdip(verb, "--help").code == 0


def test_help_is_shown_without_a_verb(portdip):
    assert "Usage" in portdip().out


def test_version(portdip):
    assert portdip("--version").out == f"portdip {importlib.metadata.version('portdip')}\n"


def test_an_error_is_one_line_on_standard_error(portdip, tmp_path):
    finished = portdip("dip", tmp_path / "nothing", "1")
    assert (finished.code, finished.out, finished.err.count("\n")) == (2, "", 1)
    assert finished.err.startswith("portdip: not a store")


def test_an_error_of_the_system_names_the_file(portdip, store, tmp_path):
    finished = portdip("annotate", store, tmp_path / "a.csv", tmp_path / "b.csv", "--column", "n")
    assert (finished.code, finished.err) == (2, f"portdip: {tmp_path / 'a.csv'}: No such file or directory\n")


def test_help_loads_nothing_heavy():
    heavy = "{'numpy', 'pyarrow', 'phonenumbers', 'pydantic'}"
    program = f"import sys; from portdip import cli; cli.application(); sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_names_with_an_underscore_are_no_verbs():
    names = {command.name for command in cli.application().registered_commands}
    assert "import" in names
    assert not any("_" in name or "terminal" in name for name in names)


@pytest.mark.parametrize("color", ["", "1"])
def test_colour_is_for_terminals_only(portdip, store, monkeypatch, color):
    monkeypatch.setenv("NO_COLOR", color)
    assert "\x1b" not in portdip("dip", store, "1").out
