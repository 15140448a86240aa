"""The report: one file that needs nothing, shown and printed by a real browser."""

import re
import struct
from html import escape
from html.parser import HTMLParser

import pytest

from portdip.capacity import plots, report
from portdip.capacity.evidence import Evidence
from portdip.capacity.plan import plan
from portdip.capacity.published import systems
from portdip.capacity.traffic import profile
from portdip.errors import MissingPackageError
from tests.capacity import browser, results

imread = pytest.importorskip("matplotlib.image", reason="the extra `report` is not installed").imread

GIVEN = {"traffic": {"subscribers": 1.8e9, "busy_hour_attempts": (0.1, 0.16)}, "porting": {"ported_numbers": 120e6}}


def made(given=GIVEN, spread=0.1, **other):
    return plan(profile(None, given), Evidence(results.result(spread=spread, **other), is_reference=False))


@pytest.fixture(scope="module")
def page() -> str:
    return report.page(made())


class _Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in {"src", "href", "xlink:href", "srcset", "action", "data"}:
                self.addresses.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in {"meta", "br"}:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_refers_to_nothing_but_itself(page):
    read = _Read()
    read.feed(page)
    assert read.open == []
    assert len(set(read.ids)) == len(read.ids)
    assert all(address.startswith("#") and address[1:] in read.ids for address in read.addresses)
    assert not read.tags & {"script", "img", "link", "iframe", "object", "embed", "form"}
    assert not re.search(r"url\((?!#)|@import|@font-face", page)


def test_every_line_and_every_source_is_on_it(page):
    shown = made()
    for line in shown.lines.values():
        assert escape(line.label) in page
    for section in {line.section for line in shown.lines.values()}:
        assert f"<h3>{section}</h3>" in page
    for system in systems():
        assert system.name in page
        assert escape(system.source) in page
    assert page.count("<svg") == 4


def test_what_comes_from_a_file_cannot_become_part_of_the_page():
    machine = results.result().machine | {"processor": "<script>alert(1)</script>"}
    assert "<script" not in report.page(made(machine=machine))


def test_the_same_plan_makes_the_same_page():
    assert report.page(made()) == report.page(made())


@pytest.mark.parametrize(
    "given",
    [
        {"traffic": {"subscribers": 1000}, "porting": {"ports_per_day": 0, "ported_share": 0}},
        {"traffic": {"subscribers": 5e10, "busy_hour_attempts": 50}},
        {"traffic": {"subscribers": 1e6}, "nodes": {"protocol": "engine", "sites": 1}},
        {"traffic": {"subscribers": 1e6, "dipped_share": 0.0001, "sms_share": 0}, "nodes": {"cores": 1}},
    ],
)
def test_small_and_large_networks_have_a_page_too(given):
    assert report.page(made(given, spread=0.0)).count("<svg") == 4


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match="matplotlib") as missing:
        plots.check()
    assert "portdip[report]" in missing.value.fix


def test_a_pair_of_subscribers_is_a_pair_in_the_title_too():
    shown = report.page(made({"traffic": {"subscribers": (1e6, 4e6)}}))
    assert "<h1>Capacity plan: 1 M to 4 M subscribers, 2 sites</h1>" in shown


def test_what_a_plan_for_one_site_inside_a_process_shows_is_true_of_it():
    shown = report.page(made({"traffic": {"subscribers": 1e6}, "nodes": {"protocol": "engine", "sites": 1}}))
    assert "2 at one site, one to spare" in shown
    assert "dots are" not in shown
    assert "dots are measured" in report.page(made())


def test_values_that_nobody_gave_are_told_apart(page):
    assert '<span class="kind assumed">assumed</span>' in page
    assert '<span class="kind given">given</span>' in page


@pytest.mark.system("chromium", "chromium")
@pytest.mark.parametrize("width", [400, 800, 1280])
def test_nothing_runs_off_the_right_edge_of_a_screen(page, tmp_path, width):
    path = tmp_path / "report.html"
    path.write_text(page)
    margin = imread(browser.look_at(path, tmp_path, width, 9000).picture)[:, -10:, :3]
    assert (margin == 1).all()


@pytest.mark.system("chromium", "chromium")
def test_a_browser_shows_and_prints_it_without_a_complaint_or_a_request(page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page)
    seen = browser.look_at(path, tmp_path)
    assert seen.console == []
    assert [address for address in seen.fetched if not address.startswith("file:")] == []
    assert struct.unpack(">II", seen.picture.read_bytes()[16:24]) == (1200, 1600)
    pages = len(re.findall(rb"/Type\s*/Page\b", seen.paper.read_bytes()))
    assert 4 <= pages <= 12


@pytest.mark.system("chromium", "chromium")
def test_a_page_that_complains_and_asks_for_more_is_found_out(tmp_path):
    path = tmp_path / "bad.html"
    path.write_text('<img src="http://127.0.0.1:9/picture.png"><script>console.error("broken")</script>')
    seen = browser.look_at(path, tmp_path)
    assert any("broken" in line for line in seen.console)
    assert seen.fetched == ["http://127.0.0.1:9/picture.png"]
