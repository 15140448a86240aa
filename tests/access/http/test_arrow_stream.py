"""The cutting of a stream into messages, and that no damage to one does any."""

import contextlib
import random
import struct
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.access.http.arrow_stream import MESSAGE_BYTES_MAX, ArrowDips, MessageSplitter, read_head
from portdip.access.http.problems import Problem
from tests.access.http.test_lists import COMPRESSED, stream
from tests.conftest import FULL

GOOD = stream(pa.array([8613800000001, None, 0], pa.uint64()), pa.array([1] * 9, pa.uint64()))
TEXTS = stream(pa.array(["8613800000001", None, "x"]), pa.array(["1"] * 9))
VIEWS = stream(pa.array(["8613800000001", None, "x"], pa.string_view()), pa.array(["1"] * 9, pa.string_view()))


def messages(content: bytes, cuts=()) -> list[bytes]:
    splitter, found = MessageSplitter(), []
    for first, last in pairwise([0, *sorted(cuts), len(content)]):
        found += splitter.feed(content[first:last])
    splitter.finish()
    return found


@given(st.sets(st.integers(0, len(GOOD)), max_size=20))
def test_the_messages_are_the_same_however_a_stream_is_cut(cuts):
    assert messages(GOOD, cuts) == messages(GOOD)


def test_the_messages_are_those_that_pyarrow_reads():
    reader = pa.ipc.MessageReader.open_stream(GOOD)
    read = [(message.type, message.metadata.to_pybytes()) for message in reader]
    cut = [pa.ipc.read_message(message) for message in messages(GOOD)]
    assert [(message.type, message.metadata.to_pybytes()) for message in cut] == read
    assert len(read) == 3


def test_what_the_head_of_a_message_says():
    def heads(content):
        parsed = (pa.ipc.read_message(message) for message in messages(content))
        return [(message, read_head(message.metadata.to_pybytes())) for message in parsed]

    for message, head in heads(GOOD):
        assert head.body_bytes == (message.body.size if message.body else 0)
        assert not head.is_compressed
    for compressed in messages_raw(stream(pa.array(np.zeros(999, np.uint64)), options=COMPRESSED))[1:2]:
        assert read_head(compressed).is_compressed


def messages_raw(content: bytes) -> list[bytes]:
    return [message.metadata.to_pybytes() for message in pa.ipc.MessageReader.open_stream(content)]


@pytest.mark.parametrize("place", range(1, len(GOOD) - 8, 7))
def test_a_stream_that_ends_within_a_message_is_no_stream(place):
    ends = np.cumsum([0, *map(len, messages(GOOD))])
    if place not in ends:
        with pytest.raises(Problem):
            messages(GOOD[:place])


def test_what_follows_the_end_mark_is_not_looked_at():
    assert messages(GOOD + b"more") == messages(GOOD)


def test_no_more_than_one_message_and_one_piece_are_held():
    splitter = MessageSplitter()
    for place in range(0, len(GOOD) * 50, 64):
        for _ in splitter.feed((GOOD[:-8] * 50)[place : place + 64]):
            pass
        assert len(splitter._held) < len(GOOD)


@pytest.mark.parametrize("good", [GOOD, TEXTS, VIEWS], ids=["integers", "texts", "views"])
def test_a_damaged_stream_is_refused_or_answered_row_for_row(engine, good, seed):
    """Mutations of a good stream: nothing but a Problem comes of them, and nothing is read outside."""
    rng = random.Random(seed)
    answered, refused = 0, set()
    for _ in range(20_000 if FULL else 1000):
        content = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        dips = ArrowDips(engine.generation)
        try:
            for message in messages(bytes(content)):
                for rendered, rows, _ in dips.answer(message):
                    answered += rows
                    assert len(rendered) < MESSAGE_BYTES_MAX
            dips.finish()
        except Problem as problem:
            refused.add(problem.status)
    assert answered
    assert refused <= {400, 413, 422}


def test_what_lies_under_a_null_is_not_followed_out_of_the_message(engine):
    """A server could be ended so by one request: Arrow minds only the views that are not null."""
    schema, batch, _ = messages(VIEWS)
    first, null = struct.pack("<i4sii", 13, b"8613", 0, 0), bytes(16)
    assert batch.count(first + null) == 1
    damaged = batch.replace(first + null, first + struct.pack("<i4sii", 100, b"8613", 10**6, 0))
    dips = ArrowDips(engine.generation)
    list(dips.answer(schema))
    [(_, rows, _)] = dips.answer(damaged)
    assert rows == 3


@given(st.binary(max_size=300))
def test_metadata_of_any_bytes_is_read_or_refused(metadata):
    with contextlib.suppress(Problem):
        assert 0 <= read_head(metadata).kind < 256
