"""Whoever reads an error of the chain, the intake or the keys learns where it is, what was due, and what to do."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portdip.errors import DamagedDeltaError, ForeignDeltaError, KeyFileError, UntrustedDeltaError
from portdip.exchange.chain import Chain, sequence_named
from portdip.exchange.delta import open_sealed
from portdip.exchange.intake import Kind
from portdip.exchange.keys import SigningKey, Trust, TrustedKey, TrustFile, key_id

from .nodes import BEGAN, Node, Publisher, damaged, offer, signed_publisher


@pytest.fixture
def publisher() -> Publisher:
    return signed_publisher(4)


@pytest.fixture
def node(tmp_path, publisher) -> Node:
    return Node(tmp_path / "node", publisher.key)


def told(error: BaseException) -> dict[str, str]:
    return {part: getattr(error, part) for part in ("what", "where", "expected", "got", "fix") if getattr(error, part)}


def test_a_hole_in_the_chain(node, publisher):
    offer(node, publisher, 1, 2, 3)
    node.chain.file(2).unlink()
    with pytest.raises(DamagedDeltaError) as caught:
        _ = Chain(node.deltas).head
    assert told(caught.value) == {
        "what": "a delta of the chain is missing",
        "where": str(node.deltas),
        "expected": "00000000000000000002.delta",
        "fix": "Fetch it from where the others came from, or from a backup.",
    }


def test_a_delta_in_the_wrong_place(node, publisher):
    offer(node, publisher, 1, 2)
    node.chain.file(2).write_bytes(publisher.contents[1])
    with pytest.raises(ForeignDeltaError) as caught:
        node.chain.read(2)
    assert told(caught.value) == {
        "what": "a delta is in the wrong place",
        "where": str(node.chain.file(2)),
        "got": "sequence 1",
    }


def test_a_delta_on_disk_that_continues_another_chain(node, publisher):
    offer(node, publisher, 1)
    other = publisher.make(sequence=2, previous="ab" * 32)
    node.chain.file(2).write_bytes(other)
    with pytest.raises(ForeignDeltaError) as caught:
        list(node.chain.after(publisher.heads[1]))
    assert told(caught.value) == {
        "what": "the delta continues another chain",
        "where": str(node.chain.file(2)),
        "expected": f"previous digest {publisher.heads[1].digest}",
        "got": "ab" * 32,
        "fix": "Fetch the delta of this sequence from the publisher of this chain.",
    }


def test_a_delta_appended_out_of_turn(node, publisher):
    with pytest.raises(ForeignDeltaError) as caught:
        node.chain.append(open_sealed(publisher.contents[2], "somewhere"))
    assert told(caught.value) == {
        "what": "the delta is not the next one",
        "where": str(node.chain.file(2)),
        "expected": "sequence 1",
        "got": "2",
    }


def test_a_delta_older_than_the_one_before(node, publisher):
    offer(node, publisher, 1)
    older = publisher.make(sequence=2, created=BEGAN - timedelta(days=1))
    assert told(node.intake.offer(older, "src/2").error) == {
        "what": "the delta claims to be older than the one before it",
        "where": "src/2",
        "expected": f"made at {publisher.heads[1].created.isoformat()} or later",
        "got": (BEGAN - timedelta(days=1)).isoformat(),
    }


def test_two_deltas_of_one_sequence(node, publisher):
    offer(node, publisher, 1, 2)
    other = publisher.make(sequence=2, created=BEGAN + timedelta(hours=1))
    outcome = node.intake.offer(other, "else/2")
    assert told(outcome.error) == {
        "what": "the chain has another delta of this sequence",
        "where": "else/2",
        "expected": f"digest {publisher.heads[2].digest}",
        "got": open_sealed(other, "").digest,
        "fix": "Find out who published two deltas of one sequence.",
    }
    assert (outcome.sequence, [(each.sequence, each.origin) for each in outcome.moved.refused]) == (2, [(2, "else/2")])


@pytest.mark.parametrize("sequence", [1, 2, 4], ids=["passed", "next", "waiting"])
def test_a_delta_of_another_dataset(node, publisher, sequence):
    offer(node, publisher, 1)
    stranger = Publisher(publisher.key, "nanp")
    for _ in range(sequence):
        stranger.publish()
    outcome = node.intake.offer(stranger.contents[sequence], "src/x")
    assert told(outcome.error) == {
        "what": "the delta is of another dataset",
        "where": "src/x",
        "expected": "cn",
        "got": "nanp",
    }
    assert [(each.sequence, each.origin) for each in outcome.moved.refused] == [(sequence, "src/x")]


@pytest.mark.parametrize("sequence", [1, 2], ids=["passed", "next"])
def test_an_unknown_signer(node, publisher, sequence):
    offer(node, publisher, 1)
    stranger = SigningKey.new()
    forged = publisher.make(sequence=sequence, key=stranger, created=BEGAN + timedelta(hours=1))
    assert told(node.intake.offer(forged, "src/x").error) == {
        "what": "the delta is signed by an unknown key",
        "where": "src/x",
        "got": f"key {stranger.id}",
        "fix": "If the key is good, trust it with portdip keys trust.",
    }


def test_what_waited_and_was_lost_names_its_file_and_its_sequence(node, publisher):
    offer(node, publisher, 2)
    (path,) = node.waiting.glob("*2-*")
    path.unlink()
    path.symlink_to("nowhere")
    (refusal,) = node.intake.offer(publisher.contents[1], "src/1").moved.refused
    assert (refusal.sequence, refusal.origin) == (2, "src/2")
    assert refusal.reason.startswith(f"a delta that waited cannot be read; at {path}; got ")


def test_what_waited_and_rotted_names_its_source_and_its_sequence(node, publisher):
    offer(node, publisher, 2)
    (path,) = node.waiting.glob("*2-*")
    path.write_bytes(damaged(publisher.contents[2]))
    (refusal,) = node.intake.offer(publisher.contents[1], "src/1").moved.refused
    assert (refusal.sequence, refusal.origin) == (2, "src/2")
    assert "src/2" in refusal.reason
    assert node.quarantined == {damaged(publisher.contents[2])}


def test_what_waited_for_another_process_is_named_by_its_file(node, publisher):
    offer(node, publisher, 2)
    (path,) = node.waiting.glob("*2-*")
    path.write_bytes(damaged(publisher.contents[2]))
    node.restart()
    (refusal,) = node.intake.offer(publisher.contents[1], "src/1").moved.refused
    assert refusal.origin == str(path)


@pytest.mark.parametrize("shorter", [True, False], ids=["no delta", "another delta"])
def test_a_chain_that_does_not_continue_its_beginning(node, publisher, shorter):
    offer(node, publisher, 1, 2)
    beginning = json.loads((node.deltas / "BASE").read_bytes())
    if shorter:
        node.chain.file(1).unlink()
        expected = {
            "what": "the chain does not continue its beginning",
            "where": str(node.deltas),
            "expected": "a delta of sequence 1",
            "got": "one of sequence 2",
            "fix": "Restore the store from a backup.",
        }
    else:
        (node.deltas / "BASE").write_text(json.dumps(beginning | {"digest": "cd" * 32}))
        expected = {
            "what": "the delta continues another chain",
            "where": str(node.deltas),
            "expected": f"previous digest {'cd' * 32}",
            "got": beginning["digest"],
            "fix": "Fetch the delta of this sequence from the publisher of this chain.",
        }
    node.restart()
    with pytest.raises(ForeignDeltaError) as caught:
        offer(node, publisher, 3)
    assert told(caught.value) == expected


def test_a_list_of_keys_that_does_not_know_who_signed(node, publisher):
    offer(node, publisher, 1)
    node.trust.write(Trust())
    node.restart()
    with pytest.raises(KeyFileError) as caught:
        offer(node, publisher, 2)
    assert told(caught.value) == {
        "what": "the list of trusted keys does not know who signed the chain",
        "where": str(node.trust.path),
        "expected": f"key {publisher.key.id}",
        "fix": "Restore the list, or trust the key again with portdip keys trust.",
    }


@pytest.mark.parametrize("content", [b"", b"{", b'[{"public": 1}]', b'[{"owner": "x"}]', b"[1]", b"\xff"])
def test_a_list_of_keys_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "trusted.json"
    path.write_bytes(content)
    with pytest.raises(KeyFileError) as caught:
        TrustFile(path).read()
    assert caught.value.what == "the list of trusted keys cannot be read"
    assert caught.value.where == str(path)
    assert caught.value.got not in ("", "None")


def test_a_key_that_is_in_the_list_already():
    key = TrustedKey(SigningKey.new().public)
    with pytest.raises(KeyFileError) as caught:
        Trust().with_new_key(key).with_new_key(key)
    assert told(caught.value) == {
        "what": "the key is in the list already",
        "got": key.id,
        "fix": "See portdip keys list.",
    }


def test_a_key_that_is_not_in_the_list():
    key = TrustedKey(SigningKey.new().public)
    with pytest.raises(KeyFileError) as caught:
        Trust().without_key("0123", 1)
    assert told(caught.value) == {"what": "no such key", "got": "0123", "expected": "one of none"}
    with pytest.raises(KeyFileError) as caught:
        Trust({key.id: key}).without_key("0123", 1)
    assert caught.value.expected == f"one of {key.id}"


def test_signatures_that_do_not_hold(publisher):
    key = publisher.key
    sealed = open_sealed(publisher.contents[2], "src")
    for trusted, what in (
        (TrustedKey(key.public, until=1), "the delta is signed by a key that was revoked after sequence 1"),
        (TrustedKey(key.public, since=2), "the delta is signed by a key that is trusted only after sequence 2"),
        (TrustedKey(key.public, expires=BEGAN), f"the delta is signed by a key that expired at {BEGAN.isoformat()}"),
    ):
        with pytest.raises(UntrustedDeltaError) as caught:
            Trust({key.id: trusted}).check(sealed, "src/2")
        assert told(caught.value) == {
            "what": what,
            "where": "src/2",
            "got": f"key {key.id}",
            "fix": "Ask the publisher for a delta signed by a key in force.",
        }


def test_a_delta_without_a_signature(node):
    unsigned = Publisher()
    assert told(node.intake.offer(unsigned.make(), "src/1").error) == {
        "what": "the delta is not signed",
        "where": "src/1",
        "fix": "Ask its publisher for the signed one.",
    }


@pytest.mark.parametrize("size", [0, 5, 300])
def test_a_delta_that_was_cut_off(node, publisher, size):
    content = publisher.contents[1][:size]
    outcome = node.intake.offer(content, "src/1")
    assert outcome.kind is Kind.TORN
    assert told(outcome.error) == {
        "what": "the delta ends before its seal",
        "where": f"src/1, offset {len(content)}",
        "expected": "a seal at the end",
        "fix": "Fetch the file again from where it came.",
    }


@pytest.mark.parametrize(
    ("content", "got"), [(None, "No such file"), (b"", "PEM"), (b"-----BEGIN PRIVATE KEY-----\n", "PEM")]
)
def test_a_private_key_that_cannot_be_read(tmp_path, content, got):
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyFileError) as caught:
        SigningKey.read(path)
    assert (caught.value.what, caught.value.where) == ("the private key cannot be read", str(path))
    assert got in caught.value.got


def test_a_private_key_of_another_kind(tmp_path):
    private = x25519.X25519PrivateKey.generate()
    path = tmp_path / "key.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError) as caught:
        SigningKey.read(path)
    assert told(caught.value) == {
        "what": "the private key is of another kind",
        "where": str(path),
        "expected": "Ed25519",
    }


@pytest.mark.parametrize("content", [[{"public": 1}], [{"owner": "x"}], [1], {}, 7])
def test_what_is_no_list_of_keys(content):
    with pytest.raises(KeyFileError) as caught:
        Trust.of_json(content)
    assert caught.value.what == "not a list of keys"
    assert caught.value.got not in ("", "None")


def test_what_became_of_a_delta_names_it_and_what_else_moved(node, publisher):
    later = node.intake.offer(publisher.contents[3], "src/3")
    assert (later.kind, later.sequence, later.applied) == (Kind.WAITING, 3, [])
    assert node.intake.offer(publisher.contents[1], "src/1").applied == [1]
    again = node.intake.offer(publisher.contents[1], "src/1")
    assert (again.kind, again.sequence, again.applied) == (Kind.DUPLICATE, 1, [])
    assert node.intake.offer(publisher.contents[2], "src/2").applied == [2, 3]


@pytest.mark.parametrize(("offered", "kind"), [(2, Kind.DUPLICATE), (4, Kind.WAITING)])
def test_what_moved_before_the_delta_that_is_offered_is_told_too(node, publisher, offered, kind):
    """Somebody else has put into the chain what another delta waited for."""
    offer(node, publisher, 2)
    Chain(node.deltas).append(open_sealed(publisher.contents[1], "src/1").open("src/1"))
    outcome = node.intake.offer(publisher.contents[offered], "src/x")
    assert (outcome.kind, outcome.sequence, outcome.applied) == (kind, offered, [2])


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        (f"{7:020}.delta", 7),
        (f"{7:020}", None),
        ("7.delta", None),
        (f"{7:021}.delta", None),
        ("x" * 20 + ".delta", None),
        ("٧" * 20 + ".delta", None),
        (f"{7:020}.delta.new", None),
    ],
)
def test_names_of_deltas_and_other_names(name, sequence):
    assert sequence_named(name) == sequence


@pytest.mark.parametrize("public", ["", "xyz", "ab" * 31, "ab" * 200])
def test_what_is_no_public_key(public):
    with pytest.raises(KeyFileError) as caught:
        key_id(public)
    expected = {"what": "not a public key", "expected": "64 hex digits", "got": public[:80]}
    assert told(caught.value) == {part: text for part, text in expected.items() if text}


def test_a_signature_that_is_wrong(node, publisher):
    content = bytearray(publisher.contents[1])
    content[-1] ^= 1
    assert told(node.intake.offer(bytes(content), "src/1").error) == {
        "what": "the signature is wrong",
        "where": "src/1",
        "got": f"key {publisher.key.id}",
        "fix": "Fetch the file again.",
    }
