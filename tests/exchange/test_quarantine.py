from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from portdip.errors import DamagedDeltaError, LocationError
from portdip.exchange import quarantine
from portdip.exchange.quarantine import Quarantine, short_digest

ERROR = DamagedDeltaError("the delta is damaged", where="src/x, offset 4096")


@pytest.fixture
def kept(tmp_path) -> Quarantine:
    return Quarantine(tmp_path / "quarantine")


def test_nothing_was_refused_at_first(kept):
    assert kept.refusals() == []


def test_a_refusal_says_what_where_whence_and_when(kept):
    before = datetime.now(UTC)
    refusal = kept.put(b"bad", 12, "src/x", ERROR)
    assert refusal.name == f"00000000000000000012-{short_digest(b'bad')}"
    assert (refusal.sequence, refusal.kind, refusal.reason) == (12, "DamagedDeltaError", str(ERROR))
    assert (refusal.where, refusal.origin) == ("src/x, offset 4096", "src/x")
    assert before <= refusal.refused_at <= datetime.now(UTC)
    assert kept.refusals() == [refusal]


def test_what_could_not_be_read_has_a_reason_and_no_bytes(kept):
    for name in ("a", "b"):
        assert kept.put(b"", None, f"src/{name}.delta", LocationError("the file cannot be read")) is not None
    assert [refusal.origin for refusal in kept.refusals()] == ["src/a.delta", "src/b.delta"]
    assert not list(kept.path.glob("*.delta"))


def test_a_sequence_beyond_all_measure_is_none(kept):
    assert kept.put(b"bad", 10**4000, "src/x", ERROR).sequence is None


def test_a_text_beyond_all_measure_is_cut(kept):
    refusal = kept.put(b"bad", 1, "src/" + "x" * 10**6, DamagedDeltaError("y" * 10**6))
    assert len(json.dumps(refusal.as_json())) < 10_000


def test_the_newest_are_kept(kept, monkeypatch):
    monkeypatch.setattr(quarantine, "REFUSALS_MAX", 3)
    for sequence in range(1, 6):
        kept.put(b"bad", sequence, "src/x", ERROR)
    assert [refusal.sequence for refusal in kept.refusals()] == [3, 4, 5]
    assert len(list(kept.path.iterdir())) == 6


def test_a_reason_that_a_crash_kept_back_comes_with_the_next_refusal(kept):
    name = kept.put(b"bad", 12, "src/x", ERROR).name
    (kept.path / f"{name}.json").unlink()
    assert kept.refusals() == []
    assert kept.put(b"bad", 12, "src/x", ERROR) is not None
    assert [refusal.name for refusal in kept.refusals()] == [name]


def test_what_is_not_ours_is_passed_over(kept):
    kept.put(b"bad", 12, "src/x", ERROR)
    for name in ("notes.json", "unknown-0123456789abcdef.json"):
        (kept.path / name).write_bytes(b"[]")
    assert len(kept.refusals()) == 1
