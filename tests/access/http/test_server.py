"""The server around it: TLS, stopping, readiness, what is logged."""

import io
import ipaddress
import json
import logging
import random
import ssl
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portdip.access import logging as our_logging
from portdip.access.http.app import application
from portdip.access.http.server import server_config
from portdip.lookup.engine import open_engine
from portdip.table.store import Store
from tests.access.http.conftest import running
from tests.access.http.test_lists import until
from tests.lookup import stores


def certificate(folder, name, issuer=None):
    """A certificate and its key as PEM files, for 127.0.0.1, signed by `issuer` or itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer_name, signer = issuer or (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files, (subject, key)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority, issuer = certificate(folder, "authority")
    return {
        "authority": authority,
        "server": certificate(folder, "server", issuer)[0],
        "client": certificate(folder, "client", issuer)[0],
        "stranger": certificate(folder, "stranger")[0],
    }


def trusting(certificates, own=None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates["authority"][0])
    if own:
        context.load_cert_chain(*certificates[own])
    return context


def test_tls(start, certificates):
    chain, key = certificates["server"]
    node = start(certificate=chain, key=key)
    with node.client(verify=trusting(certificates)) as client:
        answered = client.get(f"/v1/dips/{stores.PORTED}")
    assert answered.json()["status"] == "ported"
    assert answered.headers["strict-transport-security"].startswith("max-age=")
    with pytest.raises(httpx.ConnectError), node.client() as client:
        client.get("/healthz")
    config = server_config(node.service.settings.http_server, application(node.service))
    config.load()
    assert config.ssl.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_mutual_tls(start, certificates):
    chain, key = certificates["server"]
    node = start(certificate=chain, key=key, client_authority=certificates["authority"][0], is_local=False)
    with node.client("dip", verify=trusting(certificates, "client")) as client:
        assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200
        assert client.get(f"/v1/dips/{stores.PORTED}", headers={"authorization": ""}).status_code == 401
    for own in (None, "stranger"):
        with pytest.raises(httpx.TransportError), node.client("dip", verify=trusting(certificates, own)) as client:
            client.get("/healthz")


def test_a_handshake_that_does_not_come_is_cut_off(start, certificates):
    chain, key = certificates["server"]
    node = start(certificate=chain, key=key, header_seconds=0.5)
    with node.connect() as connection:
        assert connection.recv(1) == b""


def test_a_stop_answers_what_is_in_flight(start):
    node = start()
    body = b'{"numbers": ["1"]}'
    with node.connect() as connection, node.connect() as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(
            b"POST /v1/dips HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
        )
        until(lambda: node.service._lists == 1)
        stopping = threading.Thread(target=node.stop)
        stopping.start()
        assert idle.recv(1) == b""
        assert node.service.is_stopping
        connection.sendall(body)
        answered = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b'"status":"unallocated"' in answered
        stopping.join()


def test_a_stale_node_is_not_ready_and_goes_on(start):
    node = start()
    with node.client() as client:
        assert client.get("/readyz").json() == {"ready": True, "reason": ""}
        node.is_down.append(True)
        answered = client.get("/readyz")
        assert (answered.status_code, answered.json()) == (503, {"ready": False, "reason": "stale"})
        assert client.get("/healthz").status_code == 200
        assert client.get(f"/v1/dips/{stores.PORTED}").status_code == 200


@pytest.fixture
def logged():
    """What is logged, as it leaves the process."""
    stream = io.StringIO()
    root, level = list(logging.getLogger().handlers), logging.getLogger().level
    our_logging.configure(stream, logging.DEBUG)
    yield stream
    logging.getLogger().handlers[:] = root
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_no_number_is_in_a_log_line_or_a_problem(start, logged, seed, monkeypatch):
    node = start(is_local=False, log_dips=1.0)
    rng = random.Random(seed)
    numbers = [str(rng.randrange(10 ** (length - 1), 10**length)) for length in range(9, 16) for _ in range(30)]
    problems = ""
    with node.client("all") as client, node.client() as stranger:
        for number in numbers:
            client.get(f"/v1/dips/+{number}")
            for answered in (
                stranger.get(f"/v1/dips/{number}"),
                client.get(f"/v1/dips/{number}", params={"at": number}),
                client.get(f"/v1/numbers/{number}x/history"),
                client.get(f"/v1/nothing/{number}"),
                client.post("/v1/dips", content=number, headers={"content-type": "application/json"}),
                client.post(f"/v1/dips?{number}", json={"numbers": [number, 1]}),
            ):
                assert answered.status_code >= 400
                problems += answered.text
        broken = RuntimeError(f"about +{numbers[0]}")
        monkeypatch.setattr(node.service.engine, "history", lambda number: (_ for _ in ()).throw(broken))
        assert client.get(f"/v1/numbers/{numbers[0]}/history").status_code == 500
    lines = logged.getvalue().splitlines()
    assert len([line for line in lines if json.loads(line)["event"] == "dip"]) == len(numbers)
    assert any("RuntimeError" in line for line in lines)
    for number in numbers:
        assert number not in logged.getvalue()
        assert number not in problems


def test_dips_are_not_logged_unless_asked_for(start, logged):
    node = start()
    with node.client() as client:
        for number in stores.KINDS:
            client.get(f"/v1/dips/{number}")
    assert '"dip"' not in logged.getvalue()


def test_a_new_generation_is_answered_from_at_once_and_never_mixed(tmp_path):
    path = stores.make_store(tmp_path / "store")
    with open_engine(path, live=True) as engine, running(engine, {}, path) as node, node.client() as client:
        answered = client.get(f"/v1/dips/{stores.NATIVE}").json()
        for count in range(1, 6):
            before = answered["sequence"]
            with Store.open(path).writer() as writer:
                for number in (stores.NATIVE, stores.PORTED):
                    writer.port(number, "CU", f"D{count}")
            while answered["sequence"] == before:
                answered = client.get(f"/v1/dips/{stores.NATIVE}").json()
                numbers = [str(stores.NATIVE), str(stores.PORTED)] * 20
                listed = client.post("/v1/dips", json={"numbers": numbers}).json()
                assert (
                    len({dip["routing_number"] for dip in listed["dips"] if dip["number"] == f"+{stores.NATIVE}"}) == 1
                )
                if listed["sequence"] > 1:
                    assert {dip["routing_number"] for dip in listed["dips"]} == {f"D{listed['sequence'] - 1}"}
            assert (answered["status"], answered["routing_number"]) == ("ported", f"D{count}")
