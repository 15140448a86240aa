"""The streaming builder: chunks make no difference, failures leave nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import OutOfOrderError
from portdip.index import Builder, Index, build

from .images import neighbourhoods, plans


@given(neighbourhoods(), plans(), st.lists(st.integers(0, 800), max_size=6))
def test_chunks_of_any_size_give_the_same_image(
    tmp_path_factory: pytest.TempPathFactory,
    entries: dict[int, int],
    ranges: list[tuple[int, int, int]],
    cuts: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("chunks")
    numbers = np.array(sorted(entries), dtype=np.uint64)
    codes = np.array([entries[number] for number in sorted(entries)], dtype=np.uint16)
    build(numbers, codes, ranges, folder / "whole")
    edges = [0, *sorted(min(cut, len(numbers)) for cut in cuts), len(numbers)]
    with Builder(folder / "parts", ranges) as builder:
        for start, end in itertools.pairwise(edges):
            builder.add(numbers[start:end], codes[start:end])
    assert (folder / "parts").read_bytes() == (folder / "whole").read_bytes()


def test_the_refused_row_is_counted_over_all_chunks(tmp_path: Path) -> None:
    one = np.ones(2, dtype=np.uint16)

    def build_in_chunks() -> None:
        with Builder(tmp_path / "image", []) as builder:
            builder.add(np.array([10, 20], dtype=np.uint64), one)
            builder.add(np.array([30, 20], dtype=np.uint64), one)

    with pytest.raises(OutOfOrderError, match="row 3"):
        build_in_chunks()
    assert list(tmp_path.iterdir()) == []


def test_columns_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutOfOrderError, match="2 and 1"):
        build(np.array([10, 20], dtype=np.uint64), np.ones(1, dtype=np.uint16), [], tmp_path / "image")


def test_a_failed_build_leaves_the_older_image(tmp_path: Path) -> None:
    build(np.array([10], dtype=np.uint64), np.array([1], dtype=np.uint16), [], tmp_path / "image")
    with pytest.raises(OutOfOrderError):
        build(np.array([10, 5], dtype=np.uint64), np.ones(2, dtype=np.uint16), [], tmp_path / "image")
    assert Index.open(tmp_path / "image")[10] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["image"]


def test_finishing_twice_does_nothing_more(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "image", [])
    builder.finish()
    builder.finish()
    assert len(Index.open(tmp_path / "image")) == 0


@pytest.mark.parametrize(("share", "bytes_max"), [(0.16, 2.0), (0.02, 4.0)])
def test_a_number_takes_few_bytes(tmp_path: Path, share: float, bytes_max: float) -> None:
    """Size is no matter of the machine, so unlike speed it is asserted: 2 M numbers, a handful of routes a block."""
    random = np.random.default_rng()
    blocks = int(2_000_000 / share / 10_000)
    present = random.random(blocks * 10_000) < share
    numbers = np.flatnonzero(present).astype(np.uint64) + np.uint64(8613000000000)
    codes = random.choice(5, len(numbers)).astype(np.uint16) + np.uint16(1)
    ranges = [(first, first + 9_999, 9) for first in range(8613000000000, 8613000000000 + blocks * 10_000, 10_000)]
    build(numbers, codes, ranges, tmp_path / "image")
    assert (tmp_path / "image").stat().st_size / len(numbers) <= bytes_max
