"""Lists of dips: JSON, lines of text, Arrow streams; what is refused, and that nothing stands in another's way."""

import io
import socket
import threading
import time

import httpx
import numpy as np
import pyarrow as pa
import pytest

from portdip.access.http import arrow_stream
from tests.lookup import stores

ARROW = arrow_stream.MEDIA_TYPE
TEXTS = [*map(str, stores.KINDS), f"+{stores.PORTED}", "x", "", "1" * 16]


def stream(*batches: pa.Array, name: str = "number", options: pa.ipc.IpcWriteOptions | None = None) -> bytes:
    sink = io.BytesIO()
    schema = pa.schema([pa.field(name, batches[0].type)])
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for numbers in batches:
            writer.write_batch(pa.record_batch([numbers], schema=schema))
    return sink.getvalue()


def post(client: httpx.Client, content: bytes, kind: str = ARROW, **headers: str) -> httpx.Response:
    return client.post("/v1/dips", content=content, headers={"content-type": kind, **headers})


def test_a_json_list(node, engine):
    with node.client() as client:
        answered = client.post("/v1/dips", json={"numbers": TEXTS}).json()
        single = [client.get(f"/v1/dips/{text}").json() if text else None for text in TEXTS]
    assert (answered["sequence"], answered["as_of"]) == (engine.sequence, engine.as_of.isoformat())
    for one, of_list, text in zip(single, answered["dips"], TEXTS, strict=True):
        if one is not None:
            assert of_list | {"sequence": answered["sequence"], "as_of": answered["as_of"]} == one
        assert text or of_list["status"] == "invalid"


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_a_json_list_of_any_length(node, engine, count):
    rng = np.random.default_rng(count)
    texts = [str(number) for number in rng.choice(stores.KINDS, count)]
    with node.client() as client:
        dips = client.post("/v1/dips", json={"numbers": texts}).json()["dips"]
    assert [(dip["number"], dip["status"]) for dip in dips] == [(f"+{text}", engine.dip(text).status) for text in texts]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"numbers": "1"}', 422),
        (b'{"numbers": [1]}', 422),
        (b'{"numbers": [null]}', 422),
        (b'{"numbers": [], "more": 1}', 422),
    ],
)
def test_what_is_no_json_list_is_refused(node, content, status):
    with node.client() as client:
        answered = post(client, content, "application/json")
    assert (answered.status_code, answered.headers["content-type"]) == (status, "application/problem+json")


def test_lines_of_text(node):
    asked = {
        f"+{stores.PORTED}": "D002;CU",
        str(stores.PORTED_WITHOUT_ROUTING_NUMBER): ";CM",
        f"{stores.NATIVE}\r": f"{stores.NATIVE};CM",
        str(stores.NATIVE_OF_INNER_RANGE): f"{stores.NATIVE_OF_INNER_RANGE};CT",
        str(stores.UNALLOCATED): f"{stores.UNALLOCATED};",
        "": ";",
        " 1": ";",
    }
    with node.client() as client:
        answered = post(client, "\n".join(asked).encode() + b"\n", "text/plain; charset=utf-8")
        assert answered.headers["content-type"] == "text/plain; charset=utf-8"
        assert post(client, b"", "text/plain").text == ""
    assert answered.text.split("\n") == [*asked.values(), ""]


@pytest.mark.parametrize("kind", arrow_stream.TYPES)
@pytest.mark.parametrize("rows", [0, 1, 100_000])
def test_an_arrow_stream(node, engine, kind, rows):
    rng = np.random.default_rng(rows)
    numbers = pa.array(rng.choice([*stores.KINDS, 0], rows).astype(np.uint64), mask=rng.random(rows) < 0.1)
    numbers = numbers if kind == "uint64" else numbers.cast(pa.string()).cast(kind)
    with node.client() as client:
        answered = post(client, stream(numbers, numbers.slice(rows // 2)))
    assert answered.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answered.content).read_all()
    sent = pa.chunked_array([numbers, numbers.slice(rows // 2)])
    assert table.schema.metadata[b"sequence"] == str(engine.sequence).encode()
    assert table.schema.metadata[b"as_of"] == engine.as_of.isoformat().encode()
    assert table.column("number").combine_chunks().equals(sent.combine_chunks())
    expected = engine.annotate(sent)
    for name in ("carrier", "routing_number", "ported", "status"):
        assert table.column(name).to_pylist() == expected.column(name).to_pylist()
    holders = {number: engine.dip(int(number)).range_holder for number in {*sent.to_pylist()} - {None}}
    ids = {number: holder.id if holder else None for number, holder in holders.items()}
    assert table.column("range_holder").to_pylist() == [ids.get(number) for number in sent.to_pylist()]


def test_the_dips_of_a_stream_are_counted(start):
    node = start()
    with node.client() as client:
        post(client, stream(pa.array([stores.PORTED, stores.NATIVE, None, 0], pa.uint64())))
    total = node.total()
    assert [total[status] for status in ("ported", "native", "unallocated", "invalid")] == [1, 1, 0, 1]


def test_a_stream_that_ends_without_its_end_mark_is_whole(node):
    content = stream(pa.array([1], pa.uint64()))
    with node.client() as client:
        answered = post(client, content.removesuffix(b"\xff\xff\xff\xff\0\0\0\0"))
    assert pa.ipc.open_stream(answered.content).read_all().num_rows == 1


COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"not arrow at all", 400),
        (stream(pa.array([1], pa.uint64()))[:-40], 400),
        (stream(pa.array([1], pa.uint64()))[:100], 400),
        (stream(pa.array([1], pa.int64())), 422),
        (stream(pa.array([1], pa.uint64()), name="telephone"), 422),
        (stream(pa.array(["1"]).dictionary_encode()), 422),
        (stream(pa.array([1] * 10_000, pa.uint64()), options=COMPRESSED), 422),
        (stream(pa.array(np.zeros(1 << 22, np.uint64))), 413),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f", 400),
    ],
    ids=["empty", "text", "cut batch", "cut schema", "int64", "name", "dictionary", "compressed", "batch", "metadata"],
)
def test_what_is_no_stream_of_numbers_is_refused(node, content, status):
    with node.client() as client:
        answered = post(client, content)
    if answered.status_code == 200:  # the schema was good, and its answer had begun: the connection is cut
        pytest.fail(f"not refused: {answered.content[:100]!r}")
    assert (answered.status_code, answered.headers["content-type"]) == (status, "application/problem+json")


def test_a_stream_that_goes_wrong_after_its_first_answers_is_cut_short(node):
    good = stream(pa.array([1], pa.uint64())).removesuffix(b"\xff\xff\xff\xff\0\0\0\0")
    with node.client() as client, pytest.raises(httpx.RemoteProtocolError):
        post(client, good + b"rubbish!")


@pytest.mark.parametrize("kind", ["application/xml", "multipart/form-data", "application/jsonp"])
def test_other_types_are_refused(node, kind):
    with node.client() as client:
        answered = post(client, b"x", kind)
        assert answered.status_code == 415
        assert ARROW in answered.headers["accept-post"]
        assert post(client, b"{}", "application/json", **{"content-encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_too_large_is_refused_and_the_connection_goes_on(node, kind, announced):
    body = b"1\n" * (5 << 20)
    with node.client() as client:
        content = body if announced else (body[place : place + 65536] for place in range(0, len(body), 65536))
        assert post(client, content, kind).status_code == 413
        assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200


def test_so_many_lists_at_a_time(start):
    node = start(bulk_requests=1)
    with node.connect() as slow, node.client() as client:
        slow.sendall(
            b"POST /v1/dips HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        )
        until(lambda: node.service._lists == 1)
        answered = client.post("/v1/dips", json={"numbers": []})
        assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
        assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200
    until(lambda: node.service._lists == 0)
    with node.client() as client:
        assert client.post("/v1/dips", json={"numbers": []}).status_code == 200


def test_a_stream_is_answered_while_it_comes(node):
    """The answer to each batch can be read before the next one is sent."""
    sink = io.BytesIO()
    schema = pa.schema([("number", pa.uint64())])
    with node.connect() as connection, pa.ipc.new_stream(sink, schema) as writer:
        connection.sendall(
            b"POST /v1/dips HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: "
            + ARROW.encode()
            + b"\r\n\r\n"
        )
        answered = b""
        for count in (1, 2, 3):
            writer.write_batch(pa.record_batch([pa.array([stores.PORTED], pa.uint64())], schema=schema))
            batch = sink.getvalue()
            sink.seek(0)
            sink.truncate()
            connection.sendall(b"%x\r\n%b\r\n" % (len(batch), batch))
            while answered.count(stores.PORTED.to_bytes(8, "little")) < count:
                answered += connection.recv(65536)


def test_a_reader_who_stands_still_is_cut_off_and_holds_little(start):
    node = start(stall_seconds=1.0)
    batch = stream(pa.array(np.zeros(100_000, np.uint64))).removesuffix(b"\xff\xff\xff\xff\0\0\0\0")
    with node.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(
            b"POST /v1/dips HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\nContent-Type: "
            + ARROW.encode()
            + b"\r\n\r\n"
        )
        connection.sendall(batch)
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            send_for_ever(connection, batch[-800_000:])
        until(lambda: node.service._lists == 0)


def test_a_body_that_stands_still_is_cut_off(start):
    node = start(stall_seconds=0.5)
    for kind in ("application/json", ARROW):
        with node.connect() as connection:
            head = f"POST /v1/dips HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\nContent-Type: {kind}\r\n\r\n"
            connection.sendall(head.encode() + b"{")
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
            assert b"" in iter(lambda connection=connection: connection.recv(65536), None)


def test_a_budget_slows_a_stream_down(start):
    node = start(is_local=False, dips_per_second=1000)
    with node.client("bulk") as client:
        began = time.monotonic()
        answered = post(client, stream(*[pa.array(np.zeros(500, np.uint64))] * 4))
        assert answered.status_code == 200
        assert time.monotonic() - began > 0.9


def test_single_dips_go_on_beside_lists(node):
    content = stream(pa.array(np.full(1_000_000, stores.PORTED, np.uint64)))
    with node.client() as client, node.client() as other:
        thread = threading.Thread(target=lambda: post(other, content))
        thread.start()
        while thread.is_alive():
            assert client.get(f"/v1/dips/{stores.NATIVE}").status_code == 200
        thread.join()


def send_for_ever(connection: socket.socket, piece: bytes, pause_s: float = 0.0) -> None:
    while True:
        connection.sendall(piece)
        time.sleep(pause_s)


def until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("never")
