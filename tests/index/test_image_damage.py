"""A damage catalogue: whatever happens to an image's bytes, opening and dipping end in an error or the right answer."""

from __future__ import annotations

import contextlib
import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest

from portdip.errors import DamagedImageError, ImageError, ImageVersionError
from portdip.index import Index, build, image

ENTRIES = {8613800130000 + 7 * step: 1 + step % 5 for step in range(600)} | {
    8613812340000 + 300 * step: 9 for step in range(30)
}
RANGES = [(8613800130000, 8613800139999, 20), (8613812300000, 8613812399999, 21), (8613812340150, 8613812340160, 0)]
ASKED = np.array([*ENTRIES, *(number + 1 for number in ENTRIES), 8613812340155, 5, 10**15 - 1], dtype=np.uint64)
FULL = bool(os.environ.get("PORTDIP_TEST_FULL"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "image"
    numbers = np.array(sorted(ENTRIES), dtype=np.uint64)
    build(numbers, np.array([ENTRIES[number] for number in numbers.tolist()], dtype=np.uint16), RANGES, path)
    return path.read_bytes()


@pytest.fixture
def right(sound: bytes, tmp_path: Path) -> list[int]:
    (tmp_path / "sound").write_bytes(sound)
    return Index.open(tmp_path / "sound").match_many(ASKED).tolist()


def use(path: Path) -> list[int]:
    opened = Index.open(path)
    assert [opened.match(number) for number in ASKED[:3].tolist()] == opened.match_many(ASKED[:3]).tolist()
    return opened.match_many(ASKED).tolist()


def test_truncated_at_any_byte_it_does_not_open(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "image"
    for length in range(0, len(sound), 1 if FULL else 7):
        path.write_bytes(sound[:length])
        with pytest.raises(ImageError):
            Index.open(path)


def test_longer_than_it_says_it_does_not_open(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(sound + b"\0")
    with pytest.raises(DamagedImageError, match="wrong size"):
        Index.open(tmp_path / "image")


def test_a_flipped_bit_anywhere_is_found_and_never_answers_wrongly(
    sound: bytes, right: list[int], tmp_path: Path
) -> None:
    path = tmp_path / "image"
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    bits = range(8 * len(sound)) if FULL else chance.sample(range(8 * len(sound)), 4000)
    for bit in [*range(8 * image.HEADER_BYTES), *bits]:
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ImageError):
            Index.open(path).verify()
        with contextlib.suppress(ImageError):
            assert use(path) == right, f"seed {seed}, bit {bit}"


def test_verify_names_the_first_bad_page(tmp_path: Path) -> None:
    path = tmp_path / "image"
    numbers = np.arange(8613800000000, 8613802000000, 2, dtype=np.uint64)
    build(numbers, np.ones(len(numbers), dtype=np.uint16), [], path)
    damaged = bytearray(path.read_bytes())
    pages = (len(damaged) - image.HEADER_BYTES) // image.PAGE_BYTES
    assert pages > 1
    damaged[image.HEADER_BYTES + image.PAGE_BYTES + 17] ^= 4
    path.write_bytes(damaged)
    with pytest.raises(DamagedImageError, match=rf"page 1 .*offset {image.HEADER_BYTES + image.PAGE_BYTES}"):
        Index.open(path).verify()
    with pytest.raises(DamagedImageError, match="page 1"):
        Index.open(path, resident=True)


def test_pages_that_are_sound_answer_beside_one_that_is_not(tmp_path: Path) -> None:
    path = tmp_path / "image"
    numbers = np.arange(8613800000000, 8613802000000, 2, dtype=np.uint64)
    build(numbers, np.full(len(numbers), 3, dtype=np.uint16), [], path)
    damaged = bytearray(path.read_bytes())
    damaged[image.HEADER_BYTES + 100] ^= 4
    path.write_bytes(damaged)
    opened = Index.open(path)
    assert opened[8613801999998] == 3
    with pytest.raises(DamagedImageError, match="page 0"):
        opened[8613800000000]
    with pytest.raises(DamagedImageError, match="page 0"):
        opened.find_many(numbers[::-1].copy())


def test_another_version_or_byte_order_says_what_to_do(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "image"
    for offset, field in ((8, struct.pack("<I", 99)), (12, struct.pack(">I", image.BYTE_ORDER))):
        other = bytearray(sound)
        other[offset : offset + 4] = field
        path.write_bytes(other)
        with pytest.raises(ImageVersionError, match="Build it again"):
            Index.open(path)


def test_another_kind_of_file_is_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"PAR1" * 1000)
    with pytest.raises(ImageError, match="not an index image"):
        Index.open(tmp_path / "image")


def test_an_empty_file_is_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"")
    with pytest.raises(DamagedImageError, match="ends inside its header"):
        Index.open(tmp_path / "image")


@pytest.mark.parametrize("section", ["top", "mid", "leaf", "directory", "layouts"])
def test_tables_that_point_outside_are_refused_even_with_right_checksums(
    sound: bytes, tmp_path: Path, section: str
) -> None:
    forged = bytearray(sound)
    header = image.unpack(sound[: image.HEADER_BYTES], len(sound), "sound")
    offset, elements = header.sections[section]
    forged[offset : offset + elements * image.SECTIONS[section]] = b"\xff" * (elements * image.SECTIONS[section])
    checks, pages = header.sections["checks"]
    for page in range(pages):
        start = image.HEADER_BYTES + page * image.PAGE_BYTES
        end = min(start + image.PAGE_BYTES, checks)
        struct.pack_into("<Q", forged, checks + 8 * page, image.checksum(bytes(forged[start:end])))
    stated = image.Header(
        header.file_bytes, header.entries, header.local_bits, image.checksum(bytes(forged[checks:])), header.sections
    )
    forged[: image.HEADER_BYTES] = image.pack(stated)
    (tmp_path / "image").write_bytes(forged)
    with pytest.raises(DamagedImageError, match="point outside"):
        Index.open(tmp_path / "image")[8613800130000]


def test_lines_of_noise_stay_inside_the_image(sound: bytes, tmp_path: Path) -> None:
    """Whatever a line holds, a dip reads only the image: checked for real under the address sanitizer."""
    header = image.unpack(sound[: image.HEADER_BYTES], len(sound), "sound")
    offset, elements = header.sections["lines"]
    checks, _ = header.sections["checks"]
    for _ in range(50):
        noisy = bytearray(sound)
        noisy[offset : offset + 64 * elements] = random.randbytes(64 * elements)
        body = bytes(noisy[image.HEADER_BYTES : checks])
        for page, start in enumerate(range(0, len(body), image.PAGE_BYTES)):
            struct.pack_into("<Q", noisy, checks + 8 * page, image.checksum(body[start : start + image.PAGE_BYTES]))
        stated = image.Header(
            header.file_bytes, header.entries, header.local_bits, image.checksum(bytes(noisy[checks:])), header.sections
        )
        noisy[: image.HEADER_BYTES] = image.pack(stated)
        (tmp_path / "image").write_bytes(noisy)
        assert len(Index.open(tmp_path / "image").match_many(ASKED)) == len(ASKED)
