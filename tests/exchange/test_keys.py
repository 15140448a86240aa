"""Keys: their files, the list of those that are trusted, and what a chain does to it."""

import hashlib
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portdip.errors import KeyFileError
from portdip.exchange.chain import Chain, Head
from portdip.exchange.changes import Operation
from portdip.exchange.key_ring import KeyRing
from portdip.exchange.keys import SigningKey, Trust, TrustedKey, TrustFile, key_id
from tests.exchange.changes_made import MADE, made, rows

# RFC 8032, section 7.1, test 2
SECRET = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def key_row(key, **more):
    return {"operation": Operation.TRUST_KEY, "text": key.public} | more


def revoke_row(key):
    return {"operation": Operation.REVOKE_KEY, "text": key.id}


@pytest.fixture
def key():
    return SigningKey.new()


def test_signatures_are_those_of_the_rfc():
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(SECRET))
    assert key.public == PUBLIC
    assert key.sign(b"\x72").hex() == SIGNATURE


def test_an_id_is_the_beginning_of_the_digest_of_the_key():
    assert key_id(PUBLIC) == key_id(PUBLIC.upper()) == hashlib.sha256(bytes.fromhex(PUBLIC)).hexdigest()[:16]


@pytest.mark.parametrize("public", ["", "ab", "zz" * 32, "ab" * 33])
def test_what_is_no_public_key(public):
    with pytest.raises(KeyFileError, match="not a public key"):
        key_id(public)


def test_a_private_key_is_for_its_owner_alone(key, tmp_path):
    key.write(tmp_path / "key.pem")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert SigningKey.read(tmp_path / "key.pem").public == key.public
    with pytest.raises(FileExistsError):
        SigningKey.new().write(tmp_path / "key.pem")


def test_what_is_no_private_key(tmp_path):
    path = tmp_path / "key.pem"
    with pytest.raises(KeyFileError, match="cannot be read"):
        SigningKey.read(path)
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(KeyFileError, match="cannot be read"):
        SigningKey.read(path)
    other = generate_private_key(65537, 2048)
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match=r"another kind; .*expected Ed25519"):
        SigningKey.read(path)


def test_a_key_may_sign_between_its_beginning_and_its_end(key):
    trusted = TrustedKey(key.public, since=3, until=6, expires=MADE)
    before = MADE - timedelta(microseconds=1)
    trust = Trust().with_key(trusted)
    assert [trust.may_sign(key.id, sequence, before) for sequence in range(2, 9)] == [0, 0, 1, 1, 1, 0, 0]
    assert not trust.may_sign(key.id, 5, MADE)
    assert not trust.may_sign(SigningKey.new().id, 5, before)
    assert trusted.why_not(9, before) == "was revoked after sequence 6"
    assert trusted.why_not(3, before) == "is trusted only after sequence 3"
    assert trusted.why_not(5, MADE) == "expired at 2026-01-02T03:04:05.678901+00:00"


def test_the_first_key_makes_a_dataset_signed_from_then_on(key):
    trust = Trust().with_key(TrustedKey(key.public, since=3))
    assert not Trust().signed
    assert trust.signed
    assert [trust.signed_at(sequence) for sequence in (1, 3, 4)] == [False, False, True]
    trust.check(made(), "x")  # sequence 1, unsigned


def test_a_chain_trusts_and_revokes(key):
    other = SigningKey.new()
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    trust = Trust().after(made(rows(key_row(key, order="me", effective=expires), key_row(other))))
    assert trust.keys == {
        key.id: TrustedKey(key.public, "me", 1, None, expires),
        other.id: TrustedKey(other.public, "", 1, None, None),
    }
    later = trust.after(made(rows(revoke_row(key)), after=Head("test", 4, "00" * 32, MADE)))
    assert later.keys[key.id].until == 5
    assert later.keys[other.id].until is None


def test_taking_the_keys_of_a_delta_twice_changes_nothing(key):
    deltas = [made(rows(key_row(key))), made(rows(revoke_row(key)), after=Head("test", 1, "00" * 32, MADE))]
    once = Trust().after(deltas[0]).after(deltas[1])
    assert once.after(deltas[0]).after(deltas[1]) == once.after(deltas[1]) == once


def test_a_revoked_key_does_not_come_back(key):
    revoked = Trust().with_key(TrustedKey(key.public)).without_key(key.id, 5)
    again = made(rows(key_row(key)), after=Head("test", 6, "00" * 32, MADE))
    assert revoked.after(again) == revoked
    assert revoked.without_key(key.id, 9) == revoked
    with pytest.raises(KeyFileError, match="in the list already"):
        revoked.with_new_key(TrustedKey(key.public))


def test_revoking_an_unknown_key(key):
    with pytest.raises(KeyFileError, match="no such key; expected one of none"):
        Trust().without_key(key.id, 1)
    assert Trust().after(made(rows(revoke_row(key)))) == Trust()


def test_a_list_of_keys_comes_back(key, tmp_path):
    file = TrustFile(tmp_path / "keys" / "trusted.json")
    assert file.read() == Trust()
    trust = Trust().with_key(TrustedKey(key.public, "me", 1, 2, MADE)).with_key(TrustedKey(PUBLIC))
    file.write(trust)
    assert file.read() == trust
    assert list(file.read().keys) == [key.id, key_id(PUBLIC)]


@pytest.mark.parametrize("content", [b"", b"{}{", b"[1]", b'[{"public": "ab"}]', b'[{"expires": 5}]', b"\xff"])
def test_a_list_that_cannot_be_read(tmp_path, content):
    (tmp_path / "trusted.json").write_bytes(content)
    with pytest.raises(KeyFileError):
        TrustFile(tmp_path / "trusted.json").read()


def test_the_list_catches_up_with_a_chain_after_a_crash(key, tmp_path):
    """Between a delta that trusts a key and the list that says so there may be a crash."""
    chain = Chain.create(tmp_path / "deltas", Head.beginning("test"))
    chain.append(made(rows(key_row(key))))
    file = TrustFile(tmp_path / "trusted.json")
    assert file.catch_up(chain, 0).keys.keys() == {key.id}
    assert file.read().keys[key.id].since == 1
    written = file.path.stat().st_mtime_ns
    assert file.catch_up(chain, 0) == file.catch_up(chain, 1) == file.read()
    assert file.path.stat().st_mtime_ns == written


def test_a_list_that_was_lost_does_not_make_a_dataset_unsigned(key, tmp_path):
    chain = Chain.create(tmp_path / "deltas", Head.beginning("test"))
    chain.append(made(rows(key_row(key))))
    chain.append(made(rows({"operation": Operation.RELEASE, "number": 1}), chain.head, key))
    file = TrustFile(tmp_path / "trusted.json")
    with pytest.raises(KeyFileError, match=f"does not know who signed the chain.*expected key {key.id}"):
        file.catch_up(chain, 1)
    file.change(tmp_path / "lock", lambda trust: trust.with_key(TrustedKey(key.public)))
    assert file.catch_up(chain, 1).keys.keys() == {key.id}


class TestKeyRing:
    def test_it_has_the_keys_that_it_made(self, tmp_path):
        ring = KeyRing(tmp_path / "keys")
        assert ring.ids() == []
        made = [ring.make().id for _ in range(3)]
        assert ring.ids() == sorted(made)
        assert SigningKey.read(ring.file(made[0])).id == made[0]

    def test_an_unsigned_dataset_needs_none(self, tmp_path):
        assert KeyRing(tmp_path).signer(Trust(), 1, MADE) is None

    def test_the_key_trusted_last_signs(self, tmp_path):
        ring = KeyRing(tmp_path)
        first, second = ring.make(), ring.make()
        elsewhere = SigningKey.new()
        trust = Trust()
        for key in (first, second, elsewhere):
            trust = trust.with_key(TrustedKey(key.public))
        assert ring.signer(trust, 1, MADE).id == second.id
        assert ring.signer(trust.without_key(second.id, 3), 3, MADE).id == second.id
        assert ring.signer(trust.without_key(second.id, 3), 4, MADE).id == first.id

    def test_without_a_key_that_may_sign_it_says_what_to_do(self, tmp_path, key):
        ring = KeyRing(tmp_path)
        ring.make()
        trust = Trust().with_key(TrustedKey(key.public))
        with pytest.raises(KeyFileError, match=rf"no private key here.*{key.id}\.pem.*portdip keys trust"):
            ring.signer(trust, 1, MADE)
        with pytest.raises(KeyFileError, match="none: all ended"):
            ring.signer(trust.without_key(key.id, 1), 2, MADE)

    def test_a_key_under_another_name(self, tmp_path, key):
        ring = KeyRing(tmp_path)
        SigningKey.new().write(ring.file(key.id))
        with pytest.raises(KeyFileError, match=f"wrong file.*expected key {key.id}"):
            ring.signer(Trust().with_key(TrustedKey(key.public)), 1, MADE)
