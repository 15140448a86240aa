"""The peers that benchmarks measure us against: what is checked before it is timed, and what a result becomes."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from benchmarks import populations
from benchmarks.figure import SMOKE
from benchmarks.peers import dictionary, report, running
from benchmarks.peers.hosted import Hosted, _Asking
from benchmarks.peers.name_server import NameServer
from benchmarks.peers.peer import Ported
from benchmarks.peers.result import Result, Row, rounded

ROWS = [
    Row("dict", False, 10_000_000, 639.0, 752.0, 85.8, 2.7, ("ranges", "sharing")),
    Row("portdip, engine.index", False, 10_000_000, 230.4, 11.23, 1.4, 0.2, ()),
    Row("Redis, GET", True, 1_000_000, 35_300.0, 9_900.0, 88.0, 3.1, ("ranges",)),
    Row("portdip serve, HTTP, Arrow stream", True, 1_000_000, None, 66.0, 1.65, 1.8, ()),
]


def ported(folder) -> Ported:
    return Ported(
        np.array([861, 863], np.uint64), np.array([1, 2], np.uint16), np.array([[861, 869, 3]], np.uint64), folder
    )


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "peers.json"
    figures = [{"detail": {"missing": []}}, *({"detail": {"row": asdict(row)}} for row in ROWS)]
    kept = {"measured": "2026-11-23T02:00:00+00:00", "machine": {"processor": "AMD EPYC"}, "figures": figures}
    path.write_text(json.dumps(kept))
    return path


def test_an_answer_that_is_wrong_is_not_timed(tmp_path):
    peer = dictionary.Dictionary(ported(tmp_path))
    asked = np.array([863, 862, 861] * 50, np.uint64)
    right = np.array([2, 0, 1] * 50, np.uint16)
    asking = _Asking(peer, asked, right, 0.0001)
    assert asking.one() > 0
    assert asking.many() > 0
    with pytest.raises(AssertionError, match="dict answers otherwise"):
        _Asking(peer, asked, np.roll(right, 1), 0.0001)


def test_what_is_not_installed_is_listed_and_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(populations, "CACHE", tmp_path)
    monkeypatch.setattr(running, "_INSIDE", ["portdip_index", "dictionary", "marisa"])
    monkeypatch.setattr(running, "_SERVED", [NameServer("no-such-name-server", "None")])
    imported = Hosted.__init__
    monkeypatch.setattr(
        Hosted, "__init__", lambda self, module, *rest: imported(self, module.replace("marisa", "no_such"), *rest)
    )
    missing, *figures = running.figures(SMOKE)
    assert missing.detail == {"missing": ["benchmarks.peers.no_such", "no-such-name-server"]}
    assert missing.verdict == "missed"
    assert {figure.name for figure in figures} >= {"portdip, engine.index", "dict"}
    assert "marisa-trie" not in {figure.name for figure in figures}


def test_a_result_becomes_tables_with_ours_first(result):
    assert Result.read(result).markdown().splitlines() == [
        "| 10 M numbers, in a process | one, ns | batch, ns | bytes a number | ready, s | does without |",
        "|---|---|---|---|---|---|",
        "| portdip, engine.index | 230 | 11 | 1.4 | 0.20 | – |",
        "| dict | 639 | 752 | 86 | 2.7 | ranges, sharing |",
        "",
        "| 1 M numbers, over the network | one, ns | batch, ns | bytes a number | ready, s | does without |",
        "|---|---|---|---|---|---|",
        "| portdip serve, HTTP, Arrow stream | – | 66 | 1.6 | 1.8 | – |",
        "| Redis, GET | 35,300 | 9,900 | 88 | 3.1 | ranges |",
    ]


def test_a_result_becomes_the_same_picture_each_time(result, capsys):
    report(result)
    picture = result.with_suffix(".svg").read_bytes()
    report(result)
    assert result.with_suffix(".svg").read_bytes() == picture
    assert all(row.peer.encode() in picture for row in ROWS)
    assert "| portdip, engine.index | 230 |" in capsys.readouterr().out


def test_figures_have_the_digits_they_deserve():
    assert [rounded(value) for value in (None, 0.0432, 1.274, 9.96, 14.7, 999.6, 1474.2, 379_254.4)] == [
        "–",
        "0.04",
        "1.3",
        "10",
        "15",
        "1,000",
        "1,470",
        "379,000",
    ]
