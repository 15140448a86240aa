"""Who signs what is published: the first key, several, their rotation and their end."""

from datetime import timedelta

import pytest

from portdip.errors import KeyFileError
from portdip.exchange.chain import Head
from portdip.exchange.keys import SigningKey, Trust, TrustedKey
from tests.exchange.changes_made import MADE
from tests.exchange.places import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def signed(place):
    """A place whose dataset is signed: delta 1 trusts the key."""
    with place.writer() as writer:
        writer.new_key()
    return place


def test_an_unsigned_dataset_stays_so(place):
    with place.writer() as writer:
        writer.port(1, "A")
        assert writer.signer is None
    assert place.chain.read(1).header.signer == ""


def test_the_first_key_comes_unsigned_and_signs_from_then_on(place):
    with place.writer() as writer:
        writer.port(1, "A")
        key = writer.new_key(owner="me", expires=MADE + timedelta(days=10_000))
        writer.port(2, "A")
    assert [found.header.signer for found in place.deltas()] == ["", key.id]
    assert [found.rows.column("operation").to_pylist() for found in place.deltas()] == [[1, 10], [1]]
    trusted = TrustedKey(key.public, "me", 1, None, MADE + timedelta(days=10_000))
    assert place.trust.read() == Trust({key.id: trusted})


def test_another_key_is_trusted_by_the_one_there_is(signed):
    other = SigningKey.new()
    with signed.writer() as writer:
        writer.trust_key(other.public.upper(), owner="somebody else")
        writer.port(1, "A")
    first = signed.ring.ids()[0]
    assert [found.header.signer for found in signed.deltas()] == ["", first, first]
    assert signed.trust.read().keys[other.id].owner == "somebody else"


def test_rotation_ends_the_old_key_by_the_new_one(signed):
    (old,) = signed.ring.ids()
    with signed.writer() as writer:
        writer.port(1, "A")
        new = writer.rotate()
        writer.port(2, "A")
    assert [found.header.signer for found in signed.deltas()] == ["", old, new.id, new.id]
    assert signed.trust.read().keys[old].until == 3
    assert signed.trust.read().keys[new.id].since == 2


def test_fifty_rotations_refuse_no_good_delta(signed):
    """A node that knows nothing but the first key follows them all."""
    for number in range(1, 51):
        with signed.writer() as writer:
            writer.port(number, "A")
            writer.rotate()
    trust, head = Trust(), signed.chain.base
    for found in signed.deltas():
        head.check(found, "x")
        trust.check(found, "x")
        trust, head = trust.after(found), Head.of(found)
    assert trust == signed.trust.read()
    assert len(signed.ring.ids()) == 51


def test_only_a_signed_dataset_has_something_to_rotate(place):
    with pytest.raises(KeyFileError, match=r"unsigned.*portdip keys new"), place.writer() as writer:
        writer.rotate()


def test_the_last_key_cannot_be_revoked(signed):
    (only,) = signed.ring.ids()
    with pytest.raises(KeyFileError, match="no private key here may sign"), signed.writer() as writer:
        writer.revoke_key(only)
    with pytest.raises(KeyFileError, match="no such key"), signed.writer() as writer:
        writer.revoke_key("ab" * 8)
    assert signed.chain.head.sequence == 1


def test_a_key_is_trusted_once(signed):
    public = next(iter(signed.trust.read().keys.values())).public
    with pytest.raises(KeyFileError, match="in the list already"), signed.writer() as writer:
        writer.trust_key(public)


def test_without_the_private_key_nothing_is_published(signed):
    signed.ring.file(signed.ring.ids()[0]).unlink()
    with pytest.raises(KeyFileError, match="no private key here may sign it"), signed.writer() as writer:
        writer.port(1, "A")
    with pytest.raises(KeyFileError, match="no private key here may sign it"), signed.writer() as writer:
        writer.new_key()
    assert signed.chain.head.sequence == 1
    assert signed.ring.ids() == []


def test_a_crash_before_the_keys_were_noted_is_repaired(signed):
    noted = signed.trust.read()
    signed.trust.write(Trust())
    with signed.writer() as writer:
        assert writer.trust == noted
        writer.port(1, "A")
    assert signed.chain.read(2).header.signer == signed.ring.ids()[0]
    assert signed.trust.read() == noted
