"""Each fault of a store or its settings is found by the check that is for it, with what mends it."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portdip import settings
from portdip.access.api_keys import ApiKey, ApiKeyFile
from portdip.exchange.following import Following
from portdip.service.doctor import Level, examine, machine, serving, stores
from portdip.settings.access import Access
from portdip.table.store import Store
from tests.service.nodes import free_port


def found(store, access=None):
    """What is not good, by check."""
    chosen = settings.load()
    if access is not None:
        chosen = chosen.model_copy(update={"access": Access.model_validate(access)})
    findings = list(examine(serving.Plan(store, chosen), [*stores.CHECKS, *serving.CHECKS]))
    assert all(finding.fix for finding in findings if finding.level != Level.GOOD)
    return {finding.check: finding for finding in findings if finding.level != Level.GOOD}


def signed(store) -> None:
    with Store.open(store).writer() as writer:
        writer.new_key()


def test_a_good_store_is_good(own):
    signed(own)
    assert found(own) == {}


def test_an_unsigned_store_is_a_warning(own):
    assert {check: finding.level for check, finding in found(own).items()} == {"signatures": Level.WARNING}


def held(store):
    signed(store)
    Store.open(store).hold(1)


def stale(store):
    now = datetime.now(UTC)
    Following("there", now, None, [], now - timedelta(hours=1), "unreachable").write(store / "following.json")


def third(store) -> bytes:
    """Delta 3 of what may become of the store."""
    publisher = Path(shutil.copytree(store, store.with_name("publisher")))
    with Store.open(publisher).writer() as writer:
        for carrier in ("CT", "CU"):
            writer.port(8613800000009, carrier, "D100")
            writer.publish()
    return Store.open(publisher).chain.file(3).read_bytes()


def with_a_gap(store):
    Store.open(store).intake().offer(third(store), "elsewhere")


def refused(store):
    content = third(store)
    Store.open(store).intake().offer(content[:-1] + bytes([content[-1] ^ 1]), "elsewhere")


def readable_keys(store):
    signed(store)
    for key in (store / "keys").iterdir():
        key.chmod(0o644)


def writable(store):
    store.chmod(0o777)


def damaged(store):
    manifest = Store.open(store).current().path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"sequence": 1', b'"sequence": 2'))


@pytest.mark.parametrize(
    ("fault", "check", "level"),
    [
        (held, "chain", Level.WARNING),
        (stale, "freshness", Level.WRONG),
        (stale, "source", Level.WRONG),
        (refused, "quarantine", Level.WRONG),
        (with_a_gap, "gaps", Level.WRONG),
        (readable_keys, "secrets", Level.WRONG),
        (writable, "permissions", Level.WRONG),
        (damaged, "snapshot", Level.WRONG),
    ],
)
def test_a_fault_is_found(own, fault, check, level):
    fault(own)
    assert found(own)[check].level == level


def test_one_error_is_told_once(own):
    damaged(own)
    assert [check for check, finding in found(own).items() if "manifest" in finding.found] == ["snapshot"]


@pytest.mark.parametrize(
    ("access", "check", "level"),
    [
        ({"udp": {"clients": [{"network": "0.0.0.0/0"}]}}, "clients", Level.WRONG),
        ({"enum": ["0.0.0.0:5300"]}, "clients", Level.WRONG),
        ({"http": ["0.0.0.0:5300"]}, "api keys", Level.WRONG),
        ({"http": ["0.0.0.0:5300"]}, "certificate", Level.WARNING),
        ({"http_server": {"certificate": __file__, "key": __file__}}, "certificate", Level.WRONG),
        ({"http": ["nowhere"]}, "addresses", Level.WRONG),
        ({"http": ["192.0.2.1:80"]}, "addresses", Level.WARNING),
        ({"enum_zone": {"contact": "a..b"}}, "enum zone", Level.WRONG),
        ({"enum_zone": {"carriers": {"nobody": {}}}}, "carrier codes", Level.WARNING),
        ({"pdb": [":5574"]}, "pdb carriers", Level.WARNING),
    ],
)
def test_a_setting_that_does_not_do_is_found(own, access, check, level):
    assert found(own, access)[check].level == level


def test_a_key_that_ends_soon_is_a_warning(own):
    key, _ = ApiKey.new(["dip"], expires=datetime.now(UTC) + timedelta(days=3))
    ApiKeyFile(own).add(key)
    finding = found(own, {"http": ["0.0.0.0:5300"]})["api keys"]
    assert (finding.level, key.id in finding.found) == (Level.WARNING, True)


def test_the_machine_is_looked_at():
    findings = list(examine(Access(workers=256), machine.CHECKS))
    assert len(findings) == len(machine.CHECKS)
    assert next(finding for finding in findings if finding.check == "processors").level == Level.WARNING


def test_all_of_it_on_the_command_line(own, portdip):
    signed(own)
    finished = portdip("doctor", own)
    assert finished.code == 0
    assert " good, " in finished.out
    own.chmod(0o777)
    finished = portdip("doctor", own, "--json")
    assert finished.code == 1
    (fault,) = (finding for finding in json.loads(finished.out) if finding["level"] == "wrong")
    assert (fault["check"], "chmod" in fault["fix"]) == ("permissions", True)


def test_what_is_no_store_is_said_once(tmp_path, portdip):
    finished = portdip("doctor", tmp_path)
    assert (finished.code, finished.err.count("not a store")) == (2, 1)


@pytest.mark.parametrize(
    ("days", "mode", "level"),
    [(90, 0o600, None), (10, 0o600, Level.WARNING), (-1, 0o600, Level.WRONG), (90, 0o644, Level.WRONG)],
)
def test_a_certificate_must_hold_and_its_key_be_secret(own, tmp_path, days, mode, level):
    certificate, key = certificate_for(tmp_path, timedelta(days=days))
    key.chmod(mode)
    access = {"http": [f":{free_port()}"], "http_server": {"certificate": certificate, "key": key}}
    finding = found(own, access).get("certificate")
    assert (finding.level if finding else None) == level


def certificate_for(directory: Path, lasts: timedelta) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + lasts)
        .sign(private, hashes.SHA256())
    )
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key
