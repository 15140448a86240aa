"""The manifest: what it says it checks, it checks."""

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from portdip.errors import DamagedSnapshotError, StoreError
from portdip.exchange.keys import SigningKey
from portdip.table.manifest import BLOCK_BYTES, Manifest, Seal

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def manifest():
    return Manifest(
        dataset="test",
        sequence=3,
        created=NOW,
        as_of=NOW,
        chain="ab" * 32,
        chain_created=NOW,
        keys=[],
        counts={"numbers": 5},
        files={"numbers.arrow": Seal(10, "cd" * 32, ("0123456789abcdef",))},
    )


def test_reads_what_it_writes(manifest, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_bytes(manifest.render())
    assert Manifest.read(path) == manifest


def test_every_flipped_bit_and_every_truncation_is_noticed(manifest, tmp_path):
    path = tmp_path / "manifest.json"
    content = manifest.render()
    damaged = [content[:end] for end in range(len(content))]
    for position in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[position] ^= 1 << bit
            damaged.append(bytes(flipped))
    for raw in damaged:
        path.write_bytes(raw)
        with pytest.raises(StoreError):
            Manifest.read(path)


def test_the_digest_covers_what_it_should(manifest):
    def with_(**changes):
        return Manifest(**{**manifest.__dict__, **changes}).digest

    changed = [
        with_(dataset="other"),
        with_(sequence=4),
        with_(files={"numbers.arrow": Seal(10, "ce" * 32, ())}),
        with_(files={"other.arrow": Seal(10, "cd" * 32, ())}),
    ]
    assert len({manifest.digest, *changed}) == 5


def test_the_digest_is_what_the_docstring_says():
    empty = Manifest("d", 0, NOW, NOW, "", NOW, [], {}, {"a": Seal(0, "ff", ())})
    import hashlib

    assert empty.digest == hashlib.sha256(b"d\n0\na\nff\n").hexdigest()


@pytest.mark.parametrize("version", [1, 3])
def test_another_format_is_refused_as_such(manifest, tmp_path, version):
    path = tmp_path / "manifest.json"
    content = json.loads(manifest.render()) | {"format_version": version}
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"another version of portdip.*import into a new store"):
        Manifest.read(path)


def test_a_signature_is_over_content_chain_and_keys(manifest):
    key = SigningKey.new()
    signed = manifest.signed(key)
    assert (signed.signer, len(bytes.fromhex(signed.signature))) == (key.id, 64)
    others = [
        dataclasses.replace(manifest, **change)
        for change in ({"chain": "cd" * 32}, {"keys": [{"public": key.public}]}, {"sequence": 4})
    ]
    assert len({manifest.signed_message, *(other.signed_message for other in others)}) == 4


def test_a_missing_manifest(tmp_path):
    with pytest.raises(DamagedSnapshotError, match="cannot be read"):
        Manifest.read(tmp_path / "manifest.json")


class TestSeal:
    CONTENT = bytes(range(256)) * (BLOCK_BYTES // 100)

    @pytest.fixture
    def sealed(self, tmp_path):
        path = tmp_path / "part"
        path.write_bytes(self.CONTENT)
        return path, Seal.of(path)

    def test_a_file_matches_its_seal(self, sealed):
        path, seal = sealed
        seal.verify(path)
        assert seal.bytes == len(self.CONTENT)
        assert len(seal.blocks) == 3

    def test_a_flipped_bit_names_its_block(self, sealed):
        path, seal = sealed
        damaged = bytearray(self.CONTENT)
        damaged[BLOCK_BYTES + 5] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(DamagedSnapshotError, match=rf"part, block 1, offset {BLOCK_BYTES}"):
            seal.verify(path)

    def test_a_truncated_file(self, sealed):
        path, seal = sealed
        path.write_bytes(self.CONTENT[:-1])
        with pytest.raises(DamagedSnapshotError, match="another size"):
            seal.verify(path)

    def test_a_missing_file(self, sealed):
        path, seal = sealed
        path.unlink()
        with pytest.raises(DamagedSnapshotError, match="cannot be read"):
            seal.verify(path)
