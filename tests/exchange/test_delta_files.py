"""Delta files held against each other, against keys and against a chain."""

import dataclasses

import pytest

from portdip.errors import DamagedDeltaError, ForeignDeltaError, KeyFileError, UntrustedDeltaError
from portdip.exchange import delta_files
from portdip.exchange.chain import Chain, Head
from portdip.exchange.changes import Operation
from portdip.exchange.keys import SigningKey, Trust, TrustedKey
from tests.exchange.changes_made import made, ports, rows

KEY, OTHER = SigningKey.new(), SigningKey.new()
TRUST = Trust().with_key(TrustedKey(KEY.public))


@pytest.fixture
def deltas():
    """Four deltas of one chain, signed; the third hands over to another key."""
    made_so_far, head = [], Head.beginning("test")
    hand_over = [
        {"operation": Operation.TRUST_KEY, "text": OTHER.public},
        {"operation": Operation.REVOKE_KEY, "text": KEY.id},
    ]
    for changes, key in [(ports(1), KEY), (ports(2), KEY), (rows(*hand_over), KEY), (ports(4), OTHER)]:
        made_so_far.append(made(changes, head, key))
        head = Head.of(made_so_far[-1])
    return made_so_far


@pytest.fixture
def files(deltas, tmp_path):
    paths = [tmp_path / f"{found.sequence}.delta" for found in deltas]
    for path, found in zip(paths, deltas, strict=True):
        path.write_bytes(found.content)
    return paths


def results(*arguments):
    return [
        (checked.delta.sequence if checked.delta else type(checked.error), checked.unchecked)
        for checked in delta_files.check(*arguments)
    ]


def test_files_are_held_against_each_other_in_the_order_of_sequences(files):
    assert results(files[::-1], TRUST, None) == [(1, []), (2, []), (3, []), (4, [])]


def test_what_could_not_be_checked_is_said(files):
    assert results([files[1], files[3]], None, None) == [
        (2, ["signature", "what it continues"]),
        (4, ["signature", "what it continues"]),
    ]


def test_a_signer_nobody_knows(files):
    assert results(files[:1], Trust().with_key(TrustedKey(OTHER.public)), None) == [(UntrustedDeltaError, [])]


def test_a_damaged_file_is_told_beside_the_good_ones(files):
    content = bytearray(files[1].read_bytes())
    content[100] ^= 1
    files[1].write_bytes(content)
    assert results(files[:3], TRUST, None) == [(DamagedDeltaError, []), (1, []), (3, ["what it continues"])]


def test_two_deltas_of_one_sequence(files, deltas, tmp_path):
    again = tmp_path / "again"
    again.write_bytes(deltas[1].content)
    assert results([*files[:2], again], TRUST, None) == [(1, []), (2, []), (2, [])]
    again.write_bytes(made(ports(9), Head.of(deltas[0]), KEY).content)
    found = list(delta_files.check([*files[:2], again], TRUST, None))
    assert isinstance(found[2].error, ForeignDeltaError)
    assert "another delta of this sequence" in str(found[2].error)


def test_a_file_of_another_chain(files, deltas):
    files[1].write_bytes(made(ports(2), dataclasses.replace(Head.of(deltas[0]), digest="00" * 32), KEY).content)
    assert results(files[:2], TRUST, None) == [(1, []), (ForeignDeltaError, [])]
    files[1].write_bytes(made(ports(2), dataclasses.replace(Head.of(deltas[0]), dataset="other"), KEY).content)
    assert results(files[:2], TRUST, None) == [(1, []), (ForeignDeltaError, [])]


def test_files_are_held_against_a_chain(files, deltas, tmp_path):
    chain = Chain.create(tmp_path / "deltas", Head.beginning("test"))
    chain.append(deltas[0])
    chain.append(deltas[1])
    assert results([files[0]], TRUST, chain) == [(1, [])]
    assert results([files[2]], TRUST, chain) == [(3, [])]  # the next one
    after_the_next = Trust().with_key(TrustedKey(OTHER.public))
    assert results([files[3]], after_the_next, chain) == [(4, ["what it continues"])]
    files[1].write_bytes(made(ports(9), Head.of(deltas[0]), KEY).content)
    assert results([files[1]], TRUST, chain) == [(ForeignDeltaError, [])]
    files[2].write_bytes(made(ports(9), dataclasses.replace(Head.of(deltas[1]), digest="00" * 32), KEY).content)
    assert results([files[2]], TRUST, chain) == [(ForeignDeltaError, [])]
    files[0].write_bytes(made(ports(1), Head.beginning("other"), KEY).content)
    assert results([files[0]], TRUST, chain) == [(ForeignDeltaError, [])]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(delta_files.check([tmp_path / "nothing"], None, None))


def test_a_key_that_is_none():
    with pytest.raises(KeyFileError):
        Trust().with_key(TrustedKey("abc"))
