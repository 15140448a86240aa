"""Deltas of every format version open for ever, and those under `data/damaged` never do."""

import pyarrow as pa
import pytest

from portdip.errors import (
    DamagedDeltaError,
    DeltaVersionError,
    MalformedDeltaError,
    TornDeltaError,
    UntrustedDeltaError,
)
from portdip.exchange import delta, delta_csv
from portdip.exchange.chain import Head
from portdip.exchange.changes import Operation
from portdip.exchange.keys import Trust, TrustedKey
from tests.exchange.make_golden import DAMAGED, GOLDEN

TRUST = Trust().with_key(TrustedKey((GOLDEN / "delta-v1-signed.public").read_text().strip()))

REFUSED = {
    "empty": (TornDeltaError, "offset 0"),
    "not-a-delta": (TornDeltaError, "ends before its seal"),
    "cut": (TornDeltaError, "ends before its seal"),
    "cut-in-seal": (TornDeltaError, "ends before its seal"),
    "longer": (TornDeltaError, "ends before its seal"),
    "flipped-in-body": (DamagedDeltaError, "offset 0;"),
    "flipped-in-checks": (DamagedDeltaError, "is damaged"),
    "flipped-in-magic": (DamagedDeltaError, "is damaged"),
    "flipped-in-version": (DamagedDeltaError, "is damaged"),
    "flipped-in-length": (DamagedDeltaError, "is damaged"),
    "flipped-in-digest": (DamagedDeltaError, "is damaged"),
    "flipped-in-signature": (UntrustedDeltaError, "signature is wrong"),
    "unsigned-with-signature": (DamagedDeltaError, "an unsigned delta has a signature"),
    "unsigned": (UntrustedDeltaError, "not signed"),
    "signed-by-a-stranger": (UntrustedDeltaError, "unknown key"),
    "later-version": (DeltaVersionError, "Update portdip"),
    "wrong-length": (MalformedDeltaError, "contradicts the size"),
    "no-header": (MalformedDeltaError, "no header"),
    "impossible-header": (MalformedDeltaError, "sequence 0"),
    "header-contradicts-rows": (MalformedDeltaError, "contradicts the rows"),
    "other-columns": (MalformedDeltaError, "other columns"),
    "rows-that-are-none": (MalformedDeltaError, "rows cannot be read"),
    "row-without-its-column": (MalformedDeltaError, "row 1; got port needs `carrier`"),
    "row-of-no-operation": (MalformedDeltaError, "row 1; got there is no operation 99"),
    "number-too-long": (MalformedDeltaError, "row 1; got .* not a number of 1 to 15 digits"),
    "port-of-a-range": (MalformedDeltaError, "row 1; got port of a range"),
}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.delta")), ids=lambda path: path.stem)
def test_a_golden_delta_equals_its_twin(path):
    found = delta.decode(path.read_bytes(), str(path))
    header, rows = delta_csv.from_csv(path.with_suffix(".csv").read_bytes(), str(path))
    assert found.rows == pa.Table.from_batches([rows])
    assert (header.dataset, header.sequence, header.previous) == ("golden", found.sequence, found.header.previous)
    assert header.created == found.header.created
    assert set(found.rows.column("operation").to_pylist()) == set(Operation)
    assert delta_csv.to_csv(found).encode() == path.with_suffix(".csv").read_bytes()


def test_there_are_golden_deltas():
    assert {path.stem for path in GOLDEN.glob("*.delta")} >= {"delta-v1-unsigned", "delta-v1-signed"}


def test_the_digests_are_what_they_were():
    """Digests are in other deltas and in snapshots: the same bytes must have the same one for ever."""
    digests = {path.stem: delta.decode(path.read_bytes(), "x").digest for path in GOLDEN.glob("delta-v1-*.delta")}
    assert digests == {
        "delta-v1-unsigned": "ce6a6024da9d5fad1d014613ea43e4559a2dc5c6db965b3bbcdf0412f83598b1",
        "delta-v1-signed": "dcb194a03cc0d19e24eb5ffb2e95c463fd0081964da3e11a31ba52b9bac050d6",
    }


def test_golden_deltas_are_a_chain_and_the_signature_is_good():
    first, second = (
        delta.decode((GOLDEN / f"delta-v1-{kind}.delta").read_bytes(), kind) for kind in ("unsigned", "signed")
    )
    Head.beginning("golden").check(first, "first")
    Head.of(first).check(second, "second")
    TRUST.check(second, "second")


def test_every_damaged_file_is_known():
    assert {path.stem for path in DAMAGED.glob("*.delta")} == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_a_damaged_delta_is_refused(name):
    error, reason = REFUSED[name]
    content = (DAMAGED / f"{name}.delta").read_bytes()
    with pytest.raises(error, match=reason):
        _take(content, error)


def _take(content, error):
    """What a node does, but for the signature where it is the writer that did wrong: that fault is to show."""
    sealed = delta.open_sealed(content, "file")
    if error is not MalformedDeltaError:
        TRUST.check(sealed, "file")
    sealed.open("file")
