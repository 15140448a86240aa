"""Opening costs no reading; pages are shared and checked when first needed."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from portdip.index import Index, build


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "image"
    numbers = np.arange(8613800000000, 8613804000000, 2, dtype=np.uint64)
    build(numbers, np.ones(len(numbers), dtype=np.uint16), [], path)
    return path


def cached_pages(path: Path) -> int:
    """How many 4 KiB pages of the file are in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    size = path.stat().st_size
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_WRITE, flags=mmap.MAP_PRIVATE) as area,
    ):
        held = (ctypes.c_ubyte * (-(-size // mmap.PAGESIZE)))()
        start = ctypes.c_char.from_buffer(area)
        if libc.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), held):
            pytest.skip("mincore is not to be had here")
        del start
        return sum(page & 1 for page in held)


def test_opening_reads_no_page_beyond_the_header(large: Path) -> None:
    with open(large, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if cached_pages(large):
        pytest.skip("this file system keeps pages it was told to drop")
    opened = Index.open(large)
    assert cached_pages(large) == 1
    assert len(opened) == 2_000_000
    assert opened[8613800000000] == 1
    assert cached_pages(large) > 1


def test_an_open_image_outlives_its_name(large: Path, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(large.read_bytes())
    opened = Index.open(tmp_path / "image")
    (tmp_path / "image").unlink()
    assert opened[8613803999998] == 1


@pytest.mark.parametrize("resident", [False, True])
def test_threads_may_ask_one_index_while_it_warms_up(large: Path, resident: bool) -> None:
    opened = Index.open(large, resident=resident)
    numbers = np.random.default_rng().integers(8613800000000, 8613804000000, 200_000, dtype=np.uint64)
    wrong: list[int] = []

    def ask() -> None:
        expected = (numbers % 2 == 0).astype(np.uint16)
        wrong.append(int((opened.find_many(numbers, threads=2) != expected).sum()))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert wrong == [0, 0, 0, 0]


def test_there_is_no_index_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Index.open(tmp_path / "image")
    with pytest.raises(TypeError, match="open"):
        Index()
