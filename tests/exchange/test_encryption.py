"""Encrypted files: what goes in comes out, and nothing else ever does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import BackupKeyError, DamagedBackupError
from portdip.exchange import encryption
from portdip.exchange.encryption import EncryptedLocation, FileKey
from portdip.exchange.location import LocalLocation, read_whole

KEY = FileKey.new()
PIECE = 1 << 20
SIZES = [0, 1, 47, 48, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 5]


def blocks(content: bytes, count: int) -> list[bytes]:
    return [content[start : start + count] for start in range(0, len(content), count)]


def sealed(content: bytes, name: str = "a/b", key: FileKey = KEY) -> bytes:
    return b"".join(key.encrypted(name, blocks(content, 70_000)))


def opened(content: bytes, name: str = "a/b", key: FileKey = KEY, count: int = 50_000) -> bytes:
    return b"".join(key.decrypted(name, blocks(content, count), "here"))


@pytest.mark.parametrize("size", SIZES)
def test_any_size_comes_back_and_takes_what_is_said(size, tmp_path):
    content = bytes(i % 251 for i in range(size))
    location = EncryptedLocation(LocalLocation(tmp_path), KEY)
    location.put("a/b", blocks(content, 333_333))
    assert read_whole(location, "a/b") == content
    assert location.sizes("a") == {"b": location.size_of(size)}
    assert (tmp_path / "a" / "b.aes").stat().st_size == location.size_of(size)


@given(content=st.binary(max_size=300), put=st.integers(1, 400), got=st.integers(1, 400))
def test_the_blocks_in_which_it_comes_do_not_matter(content, put, got):
    made = b"".join(KEY.encrypted("x", blocks(content, put)))
    assert b"".join(KEY.decrypted("x", blocks(made, got), "x")) == content


def test_the_same_file_is_written_differently_each_time():
    assert sealed(b"content") != sealed(b"content")


def test_every_flipped_bit_and_every_truncation_is_noticed():
    made = sealed(b"some content")
    for place in range(len(made) * 8):
        flipped = bytearray(made)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises((DamagedBackupError, BackupKeyError)):
            opened(bytes(flipped))
    for end in range(len(made)):
        with pytest.raises(DamagedBackupError):
            opened(made[:end])
    with pytest.raises(DamagedBackupError):
        opened(made + b"\0")


def test_a_file_does_not_open_under_another_name():
    with pytest.raises(DamagedBackupError, match="here, offset 48"):
        opened(sealed(b"content"), name="a/c")


def test_pieces_cannot_be_exchanged_repeated_or_left_out():
    head, piece = 48, PIECE + 16
    made = sealed(bytes(PIECE) * 3)
    first, second, third = (made[head + n * piece : head + (n + 1) * piece] for n in range(3))
    for order in ([second, first, third], [first, third], [first, second], [first, second, third, third], [third]):
        with pytest.raises(DamagedBackupError):
            opened(made[:head] + b"".join(order))
    other = sealed(bytes(PIECE) * 3)
    with pytest.raises(DamagedBackupError, match=f"offset {head + piece}"):
        opened(made[: head + piece] + other[head + piece :])


def test_what_comes_before_damage_is_genuine():
    content = bytes(PIECE) + b"x" * PIECE
    made = bytearray(sealed(content))
    made[-1] ^= 1
    found = KEY.decrypted("a/b", blocks(bytes(made), 100_000), "here")
    assert next(found) == bytes(PIECE)
    with pytest.raises(DamagedBackupError):
        next(found)


def test_another_key_is_told_from_damage():
    other = FileKey.new()
    with pytest.raises(BackupKeyError, match=f"another key; at here; expected key {KEY.id}; got key {other.id}"):
        opened(sealed(b"content"), key=other)


def test_what_is_not_encrypted_is_said_to_be_so():
    with pytest.raises(DamagedBackupError, match="not an encrypted file"):
        opened(b"some text that is longer than the head of an encrypted file")


def test_a_key_is_a_file_for_its_owner_alone(tmp_path):
    KEY.write(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    read = FileKey.read(tmp_path / "key")
    assert read.id == KEY.id
    assert opened(sealed(b"content"), key=read) == b"content"
    with pytest.raises(FileExistsError):
        KEY.write(tmp_path / "key")


@pytest.mark.parametrize("content", [b"", b"abc", b"00" * 31, b"\xff" * 64, b"zz" * 32])
def test_what_is_no_key_is_refused(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(BackupKeyError, match="cannot be read"):
        FileKey.read(tmp_path / "key")
    with pytest.raises(BackupKeyError, match="new-key"):
        FileKey.read(tmp_path / "nowhere")


def test_other_files_of_the_place_are_not_seen(tmp_path):
    (tmp_path / "plain").write_bytes(b"x")
    location = EncryptedLocation(LocalLocation(tmp_path), KEY)
    location.put("secret", [b"y"])
    assert list(location.sizes("")) == ["secret"]
    assert encryption.SUFFIX == ".aes"
