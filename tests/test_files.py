"""What reaches the disk reaches it whole, or not at all."""

import multiprocessing
import os

import numpy as np
import pytest

from portdip import files
from portdip.errors import StoreLockedError


def test_a_file_appears_whole(tmp_path):
    with files.replacing(tmp_path / "file") as file:
        file.write(b"new")
        assert not (tmp_path / "file").exists()
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_leaves_the_older_file_and_nothing_else(tmp_path):
    files.write(tmp_path / "file", b"old")

    def fail():
        with files.replacing(tmp_path / "file") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_directory_in_the_way_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(IsADirectoryError):
        files.write(tmp_path, b"")
    with pytest.raises(NotADirectoryError):
        files.write(tmp_path / "absent" / "file", b"")


def test_a_directory_appears_whole(tmp_path):
    with files.new_directory(tmp_path / "snapshot") as scratch:
        (scratch / "part").write_bytes(b"1")
        assert not (tmp_path / "snapshot").exists()
    assert (tmp_path / "snapshot" / "part").read_bytes() == b"1"


def test_a_failed_directory_leaves_nothing(tmp_path):
    def fail():
        with files.new_directory(tmp_path / "snapshot") as scratch:
            (scratch / "part").write_bytes(b"1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert os.listdir(tmp_path) == []


def _hold(path, held, done):
    with files.locked(path):
        held.set()
        done.wait(30)


def test_a_lock_names_its_owner_and_goes_with_its_process(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    held, done = spawn.Event(), spawn.Event()
    owner = spawn.Process(target=_hold, args=(tmp_path / "lock", held, done))
    owner.start()
    assert held.wait(30)
    with pytest.raises(StoreLockedError, match=f"pid {owner.pid}"), files.locked(tmp_path / "lock"):
        pass
    owner.kill()
    owner.join()
    with files.locked(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text().startswith(f"pid {os.getpid()} ")


def test_resident_bytes_are_the_files_and_start_on_a_huge_page(tmp_path):
    content = os.urandom(3_000_001)
    (tmp_path / "file").write_bytes(content)
    view = files.read_into_huge_pages(tmp_path / "file")
    assert bytes(view) == content
    assert np.frombuffer(view, dtype=np.uint8).ctypes.data % (2 << 20) == 0


def test_a_head_is_as_long_as_the_file_at_most(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert files.read_head(tmp_path / "file", 2) == (b"ab", 3)
    assert files.read_head(tmp_path / "file", 9) == (b"abc", 3)
