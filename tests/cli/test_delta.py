"""`portdip delta`: files shown, checked, and written by hand."""

import json

import pytest

from portdip.exchange.chain import Head
from portdip.exchange.keys import SigningKey
from tests.exchange.changes_made import EVERYTHING, encoded, made, ports
from tests.exchange.make_golden import DAMAGED, GOLDEN

UNSIGNED, SIGNED = GOLDEN / "delta-v1-unsigned.delta", GOLDEN / "delta-v1-signed.delta"
PUBLIC = (GOLDEN / "delta-v1-signed.public").read_text().strip()


@pytest.fixture
def delta(tmp_path):
    """A delta file, unsigned."""
    path = tmp_path / "1.delta"
    path.write_bytes(encoded(ports(20)))
    return path


def test_show(portdip):
    code, out, err = portdip("delta", "show", SIGNED, "--rows", "100")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == ["dataset   golden", "sequence  2, made 2026-01-02T03:04:05.678901+00:00"]
    assert "signer    21fe31dfa154a261" in lines
    assert f"size      {len(EVERYTHING)} rows, {SIGNED.stat().st_size:,} bytes" in lines
    assert "           3  mass-change" in lines
    assert "port 8613800138000 to CUCC/0B17" in lines
    assert (
        "port 999999999999999 to CUCC from CMCC/0C01 effective 2026-01-02T03:04:05.678901+00:00 order ORD-1 version 7"
        in lines
    )
    assert "withdraw 8613810000000-8613819999999" in lines
    assert "carrier to CUCC text 中国联通" in lines


def test_show_some_rows(portdip, delta):
    lines = portdip("delta", "show", delta, "--rows", "2").out.splitlines()
    assert lines[-1] == "... and 18 more"
    assert sum(line.startswith("port ") for line in lines) == 2


def test_show_json(portdip, delta):
    shown = json.loads(portdip("delta", "show", delta, "--json").out)
    assert (shown["dataset"], shown["sequence"], shown["signer"]) == ("test", 1, "")
    assert shown["digest"] == made(ports(20)).digest
    assert shown["counts"] == {"port": 20}
    assert shown["rows"][0]["number"] == 8613800000000
    assert len(shown["rows"]) == 20


@pytest.mark.parametrize("path", sorted(DAMAGED.glob("*.delta")), ids=lambda path: path.stem)
def test_damage_is_refused(portdip, path):
    verified = portdip("delta", "verify", path, "--key", PUBLIC)
    assert (verified.code, verified.out) == (4, "")
    assert verified.err.startswith("portdip: ")
    assert verified.err.count("\n") == 1
    if path.stem not in {"unsigned", "flipped-in-signature", "signed-by-a-stranger"}:
        for verb in ("show", "to-csv"):
            shown = portdip("delta", verb, path)
            assert (shown.code, shown.out, shown.err.count("\n")) == (4, "", 1)


def test_verify_a_chain(portdip):
    code, out, _ = portdip("delta", "verify", UNSIGNED)
    assert (code, out) == (0, f"ok  {UNSIGNED}  sequence 1, {len(EVERYTHING)} rows, unsigned\n")
    code, out, _ = portdip("delta", "verify", SIGNED)
    assert code == 0
    assert out.endswith("signed by 21fe31dfa154a261; not checked: signature, what it continues\n")
    code, out, _ = portdip("delta", "verify", SIGNED, "--key", PUBLIC)
    assert (code, out[-1 - len("what it continues") : -1]) == (0, "what it continues")
    code, out, err = portdip("delta", "verify", SIGNED, UNSIGNED, "--key", PUBLIC)
    assert code == 4
    assert "not signed" in err
    assert out.count("ok") == 1


def test_verify_against_a_store(portdip, tmp_path, delta):
    store = tmp_path / "store"
    portdip("init", store, "--dataset", "test")
    assert portdip("delta", "verify", delta, "--store", store).code == 0
    portdip("init", tmp_path / "other", "--dataset", "other")
    refused = portdip("delta", "verify", delta, "--store", tmp_path / "other")
    assert (refused.code, "another dataset" in refused.err) == (4, True)


def test_a_key_that_is_none(portdip, delta):
    assert portdip("delta", "verify", delta, "--key", "abc").code == 2


def test_a_file_that_is_not_there(portdip, tmp_path):
    for verb in ("show", "verify", "to-csv"):
        assert portdip("delta", verb, tmp_path / "nothing").code == 2


def test_to_csv_and_back(portdip, tmp_path, delta):
    text = portdip("delta", "to-csv", SIGNED)
    assert (text.code, text.out) == (0, SIGNED.with_suffix(".csv").read_text())
    out, again = tmp_path / "delta.csv", tmp_path / "again.delta"
    assert portdip("delta", "to-csv", delta, out) == (0, "", "")
    assert portdip("delta", "from-csv", out, again) == (0, f"{again}: sequence 1, 20 rows, unsigned\n", "")
    assert again.read_bytes() == delta.read_bytes()
    assert portdip("delta", "from-csv", out, again).code == 2  # a delta is never changed


def test_made_by_hand_and_signed(portdip, tmp_path):
    key = SigningKey.new()
    key.write(tmp_path / "key.pem")
    made_by_hand = tmp_path / "delta.csv"
    made_by_hand.write_text(SIGNED.with_suffix(".csv").read_text().partition("\n")[2])
    out = tmp_path / "new.delta"
    facts = ["--dataset", "test", "--sequence", "2", "--previous", Head.of(made()).digest, "--created", "2026-01-03"]
    finished = portdip("delta", "from-csv", made_by_hand, out, "--key", tmp_path / "key.pem", *facts)
    assert finished.out == f"{out}: sequence 2, {len(EVERYTHING)} rows, signed by {key.id}\n"
    assert portdip("delta", "verify", out, "--key", key.public).code == 0
    missing = portdip("delta", "from-csv", made_by_hand, tmp_path / "another.delta")
    assert missing.code == 2
    assert "give them as options" in missing.err
