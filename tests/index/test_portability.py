"""The same image answers the same on another processor: the kernel compiled for arm64 and run by qemu."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from portdip.index import Index, build, image

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
SECTIONS = ("lines", "words", "layouts", "directory", "leaf", "mid", "top")


@pytest.mark.system(COMPILER, "gcc-aarch64-linux-gnu")
@pytest.mark.system(EMULATOR, "qemu-user")
def test_an_arm64_machine_gives_the_answers_of_this_one(tmp_path: Path) -> None:
    random = np.random.default_rng()
    numbers = np.unique(
        np.concatenate(
            [
                random.integers(8613800000000, 8613800300000, 60_000, dtype=np.uint64),  # bitmap lines
                random.integers(8613900000000, 8613990000000, 100_000, dtype=np.uint64),  # list lines
                random.integers(8617000000000, 8617900000000, 2_000, dtype=np.uint64),  # shared lines
                random.integers(12_345_678, 12_399_999, 5_000, dtype=np.uint64),
            ]
        )
    )
    codes = random.integers(1, 40, len(numbers)).astype(np.uint16)
    ranges = [(8613800000000, 8613899999999, 77), (8613800120000, 8613800120999, 78), (8613800130050, 8613800130077, 0)]
    built = tmp_path / "image"
    build(numbers, codes, ranges, built)
    anything = random.integers(0, 2**64, 20_000, dtype=np.uint64)
    asked = np.concatenate(
        [numbers, numbers + np.uint64(1), anything, np.arange(8613800120000, 8613800140000, dtype=np.uint64)]
    )
    asked.tofile(tmp_path / "asked")

    program = tmp_path / "answer"
    here = Path(__file__).parent
    kernels = here.parents[1] / "src/portdip/index"
    compiled = [
        COMPILER,
        "-std=c11",
        "-O2",
        "-Wall",
        "-Werror",
        "-static",
        f"-I{kernels}",
        here / "answer.c",
        "-o",
        program,
    ]
    subprocess.run(compiled, check=True)
    opened = Index.open(built)
    sections = image.unpack(built.read_bytes()[: image.HEADER_BYTES], opened.nbytes, "image").sections
    offsets = [str(sections[name][0]) for name in SECTIONS]
    answers = tmp_path / "answers"
    subprocess.run([EMULATOR, program, built, tmp_path / "asked", answers, *offsets], check=True)
    np.testing.assert_array_equal(
        np.fromfile(answers, dtype=np.uint32), opened.match_many(np.fromfile(tmp_path / "asked", dtype=np.uint64))
    )
