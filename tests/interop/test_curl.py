"""curl asks over HTTP, with and without TLS and keys."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tests.interop.programs import output
from tests.lookup.stores import NATIVE, PORTED, UNALLOCATED, make_store
from tests.service.nodes import Node, free_port

pytestmark = pytest.mark.system("curl", "curl")


def curl(*arguments: object) -> str:
    return output("curl", "--silent", "--show-error", "--max-time", 10, *arguments)


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_one_dip(node, version):
    said = json.loads(curl(version, f"http://127.0.0.1:{node.http}/v1/dips/+{PORTED}"))
    assert (said["status"], said["carrier"]["id"], said["routing_number"]) == ("ported", "CU", "D002")
    assert (said["number"], said["range_holder"]["id"], said["sequence"]) == (f"+{PORTED}", "CM", 1)


def test_a_list_in_json(node):
    numbers = [str(number) for number in (PORTED, NATIVE, UNALLOCATED)]
    said = json.loads(curl("--json", json.dumps({"numbers": numbers}), f"http://127.0.0.1:{node.http}/v1/dips"))
    assert [dip["status"] for dip in said["dips"]] == ["ported", "native", "unallocated"]


def test_a_list_in_text(node, tmp_path):
    (tmp_path / "numbers.txt").write_text(f"{PORTED}\n{NATIVE}\n{UNALLOCATED}\n")
    said = curl(
        "--data-binary", f"@{tmp_path / 'numbers.txt'}", "--header", "content-type: text/plain",
        f"http://127.0.0.1:{node.http}/v1/dips",
    )  # fmt: skip
    assert said.splitlines() == ["D002;CU", f"{NATIVE};CM", f"{UNALLOCATED};"]


def test_a_list_as_an_arrow_stream_of_unknown_length(node, tmp_path):
    batch = pa.record_batch({"number": pa.array([PORTED, NATIVE, UNALLOCATED], pa.uint64())})
    with pa.OSFile(str(tmp_path / "in"), "wb") as file, pa.ipc.new_stream(file, batch.schema) as stream:
        for _ in range(50):
            stream.write_batch(batch)
    curl(
        "--upload-file", tmp_path / "in", "--request", "POST", "--header", "transfer-encoding: chunked",
        "--header", "content-type: application/vnd.apache.arrow.stream", "--output", tmp_path / "out",
        f"http://127.0.0.1:{node.http}/v1/dips",
    )  # fmt: skip
    answered = pa.ipc.open_stream((tmp_path / "out").read_bytes()).read_all()
    assert answered["status"].to_pylist() == ["ported", "native", "unallocated"] * 50
    assert answered["carrier"].to_pylist() == ["CU", "CM", None] * 50


def test_a_problem_says_what_it_is(node):
    for path, status in (("/v1/nothing", "404"), ("/v1/dips", "405")):
        said = curl("--write-out", "\n%{http_code} %{content_type}", f"http://127.0.0.1:{node.http}{path}")
        body, last = said.rsplit("\n", 1)
        assert last == f"{status} application/problem+json"
        assert json.loads(body)["status"] == int(status)


def test_beyond_loopback_nobody_comes_in_without_a_key(tmp_path):
    store = make_store(tmp_path / "store")
    key = output(sys.executable, "-m", "portdip", "keys", "api", "new", store, "--scopes", "dip").split()[0]
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/dips/{PORTED}"
    with Node(store, arguments=("--http", f"0.0.0.0:{port}")):
        code = ["--output", tmp_path / "body", "--write-out", "%{http_code}"]
        assert curl(*code, url) == "401"
        assert curl(*code, "--oauth2-bearer", key[:-1] + "x", url) == "401"
        assert curl(*code, "--oauth2-bearer", key, url) == "200"
        assert curl(*code, "--oauth2-bearer", key, "--json", '{"numbers":[]}', url.rpartition("/")[0]) == "403"


@pytest.mark.system("openssl", "openssl")
def test_tls_of_both_sides(store, tmp_path):
    ours, theirs, stranger = (certificate(tmp_path, name) for name in ("localhost", "switch", "stranger"))
    environment = {
        "PORTDIP_ACCESS__HTTP_SERVER__CERTIFICATE": f"{ours}.crt",
        "PORTDIP_ACCESS__HTTP_SERVER__KEY": f"{ours}.key",
        "PORTDIP_ACCESS__HTTP_SERVER__CLIENT_AUTHORITY": f"{theirs}.crt",
    }
    with Node(store, **environment) as node:
        asked = ["--cacert", f"{ours}.crt", f"https://localhost:{node.http}/v1/dips/{PORTED}"]
        said = curl("--cert", f"{theirs}.crt", "--key", f"{theirs}.key", *asked)
        assert json.loads(said)["routing_number"] == "D002"
        for refused in ([], ["--cert", f"{stranger}.crt", "--key", f"{stranger}.key"]):
            with pytest.raises(AssertionError, match=r"curl: \((35|52|56)\)"):
                curl(*refused, *asked)


def certificate(folder: Path, name: str) -> Path:
    """A certificate for `name` and its key: the path of both, without their endings."""
    path = folder / name
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
            "-keyout", f"{path}.key", "-out", f"{path}.crt",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return path
