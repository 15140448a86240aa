"""A damage catalogue: whatever happens to a delta's bytes, it is refused with the place, and no row comes out."""

from __future__ import annotations

import hashlib
import os
import random
import struct

import pytest
import xxhash

from portdip.errors import DamagedDeltaError, DeltaError, TornDeltaError
from portdip.exchange import change_rules, delta
from portdip.exchange.changes import CHANGES
from portdip.exchange.keys import SigningKey, Trust, TrustedKey
from tests.exchange.changes_made import encoded, ports

FULL = bool(os.environ.get("PORTDIP_TEST_FULL"))
TRAILER = 112
KEY = SigningKey.new()
TRUST = Trust().with_key(TrustedKey(KEY.public))


def of_size(size: int) -> bytes:
    """A signed delta of at least so many bytes, and hardly more."""
    low, high = 1, delta.ROWS_MAX
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(encoded(ports(middle), key=KEY)) >= size else (middle + 1, high)
    return encoded(ports(low), key=KEY)


def take(content: bytes) -> delta.Delta:
    """What a node does with a file, but for its place in the chain."""
    sealed = delta.open_sealed(content, "file")
    TRUST.check(sealed, "file")
    return sealed.open("file")


def test_cut_at_any_byte_it_is_torn_and_says_where() -> None:
    sound = of_size(1 << 16)
    take(sound)
    for length in range(len(sound)):
        with pytest.raises(TornDeltaError) as caught:
            take(sound[:length])
        assert caught.value.where == f"file, offset {length}"


def test_cut_where_a_seal_of_nothing_would_end() -> None:
    """Zeros stand in many places of a body, and no page of no body adds up with them."""
    with pytest.raises(TornDeltaError):
        delta.decode(bytes(TRAILER), "file")


@pytest.mark.full
def test_other_deltas_cut_at_any_byte(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        sound = encoded(ports(chance.randrange(1, 3000)), key=KEY)
        for length in range(len(sound)):
            with pytest.raises(TornDeltaError):
                take(sound[:length])


def test_every_flipped_bit_is_found() -> None:
    """Each one: 65,536 and some."""
    sound = of_size(1 << 13)
    damaged = bytearray(sound)
    for bit in range(8 * len(sound)):
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DeltaError):
            take(bytes(damaged))
        damaged[bit // 8] ^= 1 << bit % 8
    take(bytes(damaged))


@pytest.mark.full
def test_flipped_bits_are_found_in_large_deltas_too(seed: int) -> None:
    chance = random.Random(seed)
    damaged = bytearray(of_size(1 << 16))
    for _ in range(1_000_000):
        bit = chance.randrange(8 * len(damaged))
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DeltaError):
            take(bytes(damaged))
        damaged[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("offset", [0, 4095, 4096, 10_000])
def test_the_bad_page_is_named(offset: int) -> None:
    damaged = bytearray(of_size(20_000))
    damaged[offset] ^= 0x10
    with pytest.raises(DamagedDeltaError) as caught:
        take(bytes(damaged))
    assert str(caught.value) == (
        f"the delta is damaged; at file, offset {offset // 4096 * 4096}; expected the bytes that were sealed. "
        "Fetch the file again from where it came."
    )


def test_the_seal_is_named_where_no_page_is_bad() -> None:
    damaged = bytearray(of_size(20_000))
    damaged[-96] ^= 1
    with pytest.raises(DamagedDeltaError, match=f"file, offset {len(damaged) - TRAILER};"):
        take(bytes(damaged))


@pytest.mark.parametrize(
    ("from_end", "error"),
    [
        pytest.param(1, "the signature is wrong", id="signature"),
        pytest.param(96, "the delta is damaged", id="digest"),
        pytest.param(104, "ends before its seal|is damaged", id="length"),
        pytest.param(105, "the delta is damaged", id="version"),
        pytest.param(112, "the delta is damaged", id="magic"),
        pytest.param(113, "the delta is damaged", id="checks"),
    ],
)
def test_each_part_of_the_seal_is_checked(from_end: int, error: str) -> None:
    damaged = bytearray(of_size(1 << 13))
    damaged[-from_end] ^= 1
    with pytest.raises(DeltaError, match=error):
        take(bytes(damaged))


@pytest.mark.parametrize("length", [0, 2**64 - 1, 2**63])
def test_a_length_of_nonsense(length: int) -> None:
    damaged = bytearray(of_size(1 << 13))
    damaged[-104:-96] = struct.pack("<Q", length)
    with pytest.raises(DamagedDeltaError):
        take(bytes(damaged))


def test_bytes_behind_the_seal() -> None:
    sound = encoded()
    with pytest.raises(TornDeltaError):
        delta.decode(sound + bytes(500), "file")  # a file that was made longer before it was filled
    with pytest.raises(DamagedDeltaError):
        delta.decode(sound + sound, "file")


def test_an_unsigned_delta_has_no_signature() -> None:
    damaged = bytearray(encoded())
    damaged[-1] = 1
    with pytest.raises(DamagedDeltaError, match=rf"has a signature; at file, offset {len(damaged) - 64}"):
        delta.decode(bytes(damaged), "file")


def test_other_files_are_no_deltas(seed: int) -> None:
    chance = random.Random(seed)
    for content in [b"PAR1" * 100, b"number,carrier\n" * 100, *(chance.randbytes(size) for size in range(0, 2000, 7))]:
        with pytest.raises(DeltaError):
            delta.decode(content, "file")


def test_a_forged_body_is_refused_or_is_a_delta(seed: int) -> None:
    """Anyone can seal what they like. Nothing but a DeltaError may come of that, or rows that keep the rules."""
    chance = random.Random(seed)
    bodies = [
        sound[: struct.unpack_from("<Q", sound, len(sound) - 104)[0]] for sound in (encoded(), encoded(ports(300)))
    ]
    refused = 0
    for _ in range(100_000 if FULL else 2000):
        forged = bytearray(chance.choice(bodies))
        for _ in range(chance.choice([1, 1, 2, 4, 16])):
            _spoil(forged, chance)
        try:
            rows = delta.decode(_seal(bytes(forged)), "file").rows
        except DeltaError:
            refused += 1
            continue
        assert rows.schema == CHANGES
        assert not any(change_rules.wrong(part).any() for part in rows.to_batches()), f"seed {seed}"
    assert refused > 100


def _spoil(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    kind = chance.randrange(5)
    if kind < 2:
        content[at] ^= 1 << chance.randrange(8)
    elif kind == 2:
        number = chance.choice([0, -1, 1 << 31, 1 << 40, 1 << 62, len(content)])
        content[at : at + 8] = struct.pack("<q", number)
    elif kind == 3:
        del content[at : at + chance.randrange(1, 64)]
        content += b"\0"
    else:
        content[at:at] = chance.randbytes(chance.randrange(1, 32))


def _seal(body: bytes) -> bytes:
    checks = [xxhash.xxh3_64_intdigest(body[at : at + 4096]) for at in range(0, len(body), 4096)]
    content = body + struct.pack(f"<{len(checks)}Q", *checks) + b"PDDELTA1" + struct.pack("<Q", len(body))
    return content + hashlib.sha256(content).digest() + bytes(64)
