"""Forgeries, one by one: what a node knows (its chain's head, its keys) refuses each, and takes the honest delta.

The node of these tests has taken deltas 1 and 2. Delta 1 trusts the publisher's key and a second one; delta 2 is signed
and revokes the second. An expired key is trusted by hand. Mallory has a key of her own, old deltas, and deltas of other
datasets.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pytest

from portdip.errors import DeltaError, ForeignDeltaError, UntrustedDeltaError
from portdip.exchange import delta
from portdip.exchange.chain import Head
from portdip.exchange.changes import Operation
from portdip.exchange.keys import SigningKey, Trust, TrustedKey
from tests.exchange.changes_made import MADE, encoded, made, ports, rows

REPEATS = 1000 if os.environ.get("PORTDIP_TEST_FULL") else 50

PUBLISHER, REVOKED, EXPIRED, MALLORY = (SigningKey.new() for _ in range(4))


def trusting(*keys: SigningKey) -> pa.RecordBatch:
    return rows(*({"operation": Operation.TRUST_KEY, "text": key.public} for key in keys))


FIRST = made(trusting(PUBLISHER, REVOKED))
SECOND = made(rows({"operation": Operation.REVOKE_KEY, "text": REVOKED.id}), Head.of(FIRST), PUBLISHER)
HEAD = Head.of(SECOND)
TRUST = (
    Trust().after(FIRST).after(SECOND).with_key(TrustedKey(EXPIRED.public, since=1, expires=MADE + timedelta(days=1)))
)
LATER = MADE + timedelta(days=1)


def offer(content: bytes) -> delta.Delta:
    """What a node does with a delta that is offered."""
    sealed = delta.open_sealed(content, "offered")
    TRUST.check(sealed, "offered")
    HEAD.check(sealed, "offered")
    return sealed.open("offered")


def honest(count: int = 1) -> bytes:
    return encoded(ports(count), HEAD, PUBLISHER, LATER)


def resealed(content: bytes, key: SigningKey | None, **facts: object) -> bytes:
    """The same rows under another header, sealed again and signed by `key`, whoever facts["signer"] says it is by."""
    found = delta.decode(content, "x")
    header = dataclasses.replace(found.header, signer=key.id if key else "")
    changed = dataclasses.replace(header, **facts)  # type: ignore[arg-type]
    signer = _Claiming(key, changed.signer) if key else None
    return delta.encode(changed, found.rows.combine_chunks().to_batches()[0], signer)


@dataclasses.dataclass
class _Claiming:
    """Signs with one key and says it is another."""

    key: SigningKey
    id: str

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


def signature_of(content: bytes) -> bytes:
    return content[-64:]


FORGERIES: dict[str, tuple[Callable[[int], bytes], type[DeltaError], str]] = {
    "signed by an unknown key": (
        lambda n: encoded(ports(n), HEAD, MALLORY, LATER),
        UntrustedDeltaError,
        "signed by an unknown key",
    ),
    "signed by an unknown key in the name of a good one": (
        lambda n: resealed(honest(n), MALLORY, signer=PUBLISHER.id),
        UntrustedDeltaError,
        "signature is wrong",
    ),
    "signed by a revoked key": (
        lambda n: encoded(ports(n), HEAD, REVOKED, LATER),
        UntrustedDeltaError,
        "revoked after sequence 2",
    ),
    "signed by an expired key": (
        lambda n: encoded(ports(n), HEAD, EXPIRED, LATER),
        UntrustedDeltaError,
        "expired",
    ),
    "signed by an expired key and dated back": (
        lambda n: encoded(ports(n), HEAD, EXPIRED, MADE - timedelta(microseconds=n)),
        ForeignDeltaError,
        "older than the one before",
    ),
    "signed by a good key before it was trusted": (
        lambda n: encoded(ports(n), Head.beginning("test"), PUBLISHER),
        UntrustedDeltaError,
        "trusted only after sequence 1",
    ),
    "of another dataset": (
        lambda n: encoded(ports(n), dataclasses.replace(HEAD, dataset="other"), PUBLISHER, LATER),
        ForeignDeltaError,
        "another dataset",
    ),
    "of another history": (
        lambda n: encoded(ports(n), dataclasses.replace(HEAD, digest=f"{n:064x}"), PUBLISHER, LATER),
        ForeignDeltaError,
        "continues another chain",
    ),
    "with the previous digest exchanged": (
        lambda n: resealed(honest(n), None, previous=f"{n:064x}"),
        UntrustedDeltaError,
        "not signed",
    ),
    "an old delta again": (
        lambda n: SECOND.content,
        ForeignDeltaError,
        "not the next one.*expected sequence 3; got 2",
    ),
    "an old delta under the next number": (
        lambda n: resealed(SECOND.content, None, sequence=3, previous=HEAD.digest, signer=""),
        UntrustedDeltaError,
        "not signed",
    ),
    "the header changed, the signature kept": (
        lambda n: resealed(honest(n), MALLORY, sequence=4, signer=PUBLISHER.id)[:-64] + signature_of(honest(n)),
        UntrustedDeltaError,
        "signature is wrong",
    ),
    "the header changed, the seal kept": (
        lambda n: honest(n).replace(b'"sequence":3', b'"sequence":4'),
        DeltaError,
        "damaged",
    ),
    "the signature taken off": (
        lambda n: encoded(ports(n), HEAD, None, LATER),
        UntrustedDeltaError,
        "not signed",
    ),
    "the signature set to nothing": (
        lambda n: honest(n)[:-64] + bytes(64),
        UntrustedDeltaError,
        "signature is wrong",
    ),
    "the signature of another delta": (
        lambda n: honest(n)[:-64] + signature_of(encoded(ports(n + 1), HEAD, PUBLISHER, LATER)),
        UntrustedDeltaError,
        "signature is wrong",
    ),
    "a signature over the digest alone": (
        lambda n: honest(n)[:-64] + PUBLISHER.sign(honest(n)[-96:-64]),
        UntrustedDeltaError,
        "signature is wrong",
    ),
    "a signature stretched by the order of the group": (
        lambda n: honest(n)[:-32] + _plus_order(honest(n)[-32:]),
        UntrustedDeltaError,
        "signature is wrong",
    ),
    "other rows under the same seal": (
        lambda n: encoded(ports(n, carrier="CMCC"), HEAD, PUBLISHER, LATER)[:-96] + honest(n)[-96:],
        DeltaError,
        "damaged",
    ),
    "a delta that trusts the key that signs it": (
        lambda n: encoded(trusting(MALLORY), HEAD, MALLORY, LATER),
        UntrustedDeltaError,
        "unknown key",
    ),
    "an unsigned delta that trusts a key": (
        lambda n: encoded(trusting(MALLORY), HEAD, None, LATER),
        UntrustedDeltaError,
        "not signed",
    ),
    "a revoked key trusted again by itself": (
        lambda n: encoded(trusting(REVOKED), HEAD, REVOKED, LATER),
        UntrustedDeltaError,
        "revoked",
    ),
    "a delta from the future of the chain": (
        lambda n: encoded(ports(n), dataclasses.replace(HEAD, sequence=2 + n), PUBLISHER, LATER),
        ForeignDeltaError,
        "not the next one",
    ),
}


def _plus_order(scalar: bytes) -> bytes:
    """s + L: the same point, which a verifier that does not look would take for a second signature (RFC 8032, 8.4)."""
    order = 2**252 + 27742317777372353535851937790883648493
    return ((int.from_bytes(scalar, "little") + order) % 2**256).to_bytes(32, "little")


def test_the_honest_delta_is_taken() -> None:
    assert offer(honest()).sequence == 3


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_refused(forgery: str) -> None:
    forge, error, reason = FORGERIES[forgery]
    for count in range(1, REPEATS + 1):
        with pytest.raises(error, match=reason):
            offer(forge(count))


def test_keys_of_a_delta_that_is_refused_are_not_taken() -> None:
    """Trusting Mallory takes a delta of somebody who is trusted."""
    assert MALLORY.id not in TRUST.keys
    introduced = TRUST.after(made(trusting(MALLORY), HEAD, PUBLISHER, LATER))
    assert introduced.may_sign(MALLORY.id, 4, LATER)
    assert not introduced.may_sign(MALLORY.id, 3, LATER)


def test_a_revoked_key_stays_good_for_what_it_signed() -> None:
    TRUST.check(made(ports(1), Head.of(FIRST), REVOKED), "x")


def test_rows_are_not_unpacked_before_the_signature_is_checked() -> None:
    """A bad row in a forged delta is never reached."""
    forged = encoded(rows({"operation": Operation.RELEASE}), HEAD, MALLORY, LATER)
    with pytest.raises(UntrustedDeltaError):
        offer(forged)
