"""The model of a disk after a power cut: what was synced is there, what was not may be, in any order."""

import random

import pytest

from tests.faults.volume import Volume, materialise


@pytest.fixture
def states(tmp_path):
    """Every state that a hundred power cuts leave after `work` was done to a volume."""

    def states(work):
        found = []
        for seed in range(100):
            volume = Volume(tmp_path)
            work(volume)
            found.append(volume.after_power_cut(random.Random(seed)))
        return found

    return states


def test_a_file_is_there_when_it_and_its_directory_were_synced(states):
    def work(volume):
        volume.create("file")
        volume.node("file").write(0, b"content")
        volume.sync(volume.node("file"))
        volume.sync(volume.root)

    assert states(work) == [{"file": b"content"}] * 100


def test_a_name_that_was_not_synced_may_be_missing(states):
    def work(volume):
        volume.create("file")
        volume.node("file").write(0, b"content")
        volume.sync(volume.node("file"))

    assert {tuple(state.items()) for state in states(work)} == {(), (("file", b"content"),)}


def test_bytes_that_were_not_synced_are_lost_in_whole_sectors(states):
    def work(volume):
        volume.create("file")
        volume.sync(volume.root)
        volume.node("file").write(0, b"a" * 512 + b"b" * 512)

    contents = {state["file"] for state in states(work)}
    assert {b"", b"a" * 512, b"a" * 512 + b"b" * 512, b"\0" * 512 + b"b" * 512} <= contents
    assert all(
        content[:512] == b"a" * 512 or b"a" not in content[:512] or len(set(content)) > 9 for content in contents
    )


def test_an_old_file_is_not_harmed_by_the_one_that_takes_its_name(states, tmp_path):
    (tmp_path / "file").write_bytes(b"old")

    def work(volume):
        volume.create("new")
        volume.node("new").write(0, b"new")
        volume.sync(volume.node("new"))
        volume.rename("new", "file")

    assert {state["file"] for state in states(work)} == {b"old", b"new"}


def test_later_names_may_last_without_earlier_ones(states):
    def work(volume):
        volume.mkdir("first")
        volume.mkdir("second")

    assert {tuple(state) for state in states(work)} == {(), ("first",), ("second",), ("first", "second")}


def test_what_is_in_a_lost_directory_is_lost(states):
    def work(volume):
        volume.mkdir("directory")
        volume.create("directory/file")
        volume.sync(volume.node("directory"))

    assert {tuple(state) for state in states(work)} == {(), ("directory", "directory/file")}


def test_a_rename_between_directories_is_one_step(states, tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "file").write_bytes(b"content")

    def work(volume):
        volume.rename("from/file", "to/file")

    def synced(volume):
        work(volume)
        volume.sync(volume.node("to"))

    assert {tuple(state) for state in states(work)} == {("from", "from/file", "to"), ("from", "to", "to/file")}
    assert {tuple(state) for state in states(synced)} == {("from", "to", "to/file")}


def test_a_cut_that_was_not_synced_may_be_undone(states, tmp_path):
    (tmp_path / "file").write_bytes(b"content")

    def work(volume):
        volume.node("file").truncate(0)

    assert {state["file"] for state in states(work)} >= {b"", b"content"}


def test_a_state_becomes_files(tmp_path):
    materialise({"directory": None, "directory/file": b"content"}, tmp_path / "state")
    assert (tmp_path / "state" / "directory" / "file").read_bytes() == b"content"
