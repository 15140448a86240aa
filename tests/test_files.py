"""What reaches the disk reaches it whole, or not at all."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


def test_a_file_is_put_where_none_is(tmp_path):
    files.write_new(tmp_path / "file", b"first", mode=0o600)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError, match=f"{tmp_path}/file"):
        files.write_new(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_crash_left_is_written_over(tmp_path):
    (tmp_path / ".file.tmp").write_bytes(b"longer than what comes")
    files.write(tmp_path / "file", b"short")
    assert (tmp_path / "file").read_bytes() == b"short"
    assert os.listdir(tmp_path) == ["file"]


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    with files.replacing(tmp_path / "file") as file:
        file.write(b"first")
        with pytest.raises(BlockingIOError, match=r"\.file\.tmp"):
            files.write(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"


def test_of_many_threads_that_put_one_file_one_wins(tmp_path):
    won = []

    def put(which):
        try:
            files.write_new(tmp_path / "file", b"%d" % which * 10_000)
        except (FileExistsError, BlockingIOError):
            return
        won.append(which)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(64)))
    assert len(won) == 1
    assert (tmp_path / "file").read_bytes() == b"%d" % won[0] * 10_000
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_can_be_written_in_any_order(tmp_path):
    with files.replacing(tmp_path / "file") as file:
        file.write(b"____body")
        file.seek(0)
        file.write(b"head")
        assert file.seek(0, os.SEEK_END) == 8
        file.write(b"tail")
    assert files.read_bytes(tmp_path / "file") == b"headbodytail"


def test_a_file_is_removed(tmp_path):
    files.write(tmp_path / "file", b"")
    files.remove(tmp_path / "file")
    assert files.names(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        files.remove(tmp_path / "file")


def test_blocks_are_full_but_for_the_last(tmp_path):
    files.write(tmp_path / "file", bytes(range(10)))
    assert list(files.read_blocks(tmp_path / "file", 4)) == [b"\0\1\2\3", b"\4\5\6\7", b"\x08\x09"]
    files.write(tmp_path / "file", b"")
    assert list(files.read_blocks(tmp_path / "file", 4)) == []


def test_a_pipe_is_refused_and_not_taken_for_an_empty_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    handle = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(OSError, match="pipe"):
        files.read_bytes(tmp_path / "pipe")
    os.close(handle)


def test_what_is_appended_while_a_file_is_read_is_left_out(tmp_path):
    (tmp_path / "file").write_bytes(bytes(10))
    blocks = files.read_blocks(tmp_path / "file", 4)
    first = next(blocks)
    with open(tmp_path / "file", "ab") as file:
        file.write(bytes(10))
    assert [len(first), *map(len, blocks)] == [4, 4, 2]


def test_directories_above_are_made_too(tmp_path):
    files.make_directory(tmp_path / "a" / "b")
    files.make_directory(tmp_path / "a" / "b")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        files.make_directory(tmp_path / "file")


def test_what_a_link_leads_to_is_not_removed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"")
    (tmp_path / "removed").mkdir()
    (tmp_path / "removed" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    files.remove_directory(tmp_path / "removed")
    with pytest.raises(NotADirectoryError, match="symbolic link"):
        files.remove_directory(tmp_path / "link")
    assert sorted(os.listdir(tmp_path)) == ["kept", "link"]
    assert os.listdir(tmp_path / "kept") == ["file"]


def test_a_scratch_directory_is_one_writer_s(tmp_path):
    with files.scratch_directory(tmp_path / "scratch") as scratch:
        (scratch / "file").write_bytes(b"")
        with pytest.raises(BlockingIOError), files.scratch_directory(tmp_path / "scratch"):
            pass
        assert (scratch / "file").exists()
    assert os.listdir(tmp_path) == []


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


def test_a_lock_is_waited_for(tmp_path):
    holding, waiting = threading.Event(), threading.Event()

    def hold():
        with files.locked(tmp_path / "lock"):
            holding.set()
            waiting.wait(30)

    with ThreadPoolExecutor() as pool:
        held = pool.submit(hold)
        assert holding.wait(30)
        waiting.set()
        with files.locked(tmp_path / "lock", patience=30):
            held.result()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no system that says how memory is mapped")
def test_resident_bytes_are_of_a_kind_that_may_lie_on_huge_pages(tmp_path):
    """Shared memory may not, and that is what mmap makes if nobody says otherwise."""
    (tmp_path / "file").write_bytes(bytes(5 << 20))
    view = files.read_into_huge_pages(tmp_path / "file")
    address = np.frombuffer(view, dtype=np.uint8).ctypes.data
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            first, last = (int(bound, 16) for bound in words[0].split("-"))
            if first <= address < last:
                assert words[1].endswith("p"), f"{line}: private"
                break
    else:
        pytest.fail("the memory is nowhere")


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
