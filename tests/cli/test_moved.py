"""`portdip moved`: who changed carrier between two states."""

from tests.cli.chains import changes, own  # noqa: F401 - fixtures
from tests.lookup import stores


def test_numbers_and_ranges_that_moved(portdip, own, changes, tmp_path):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,,", "assign,,CU,,8613800200000,8613800200999,,,"))
    portdip("publish", own, changes(f"release,{stores.PORTED},,,,,,,"))
    out = tmp_path / "moved.csv"

    def moved(*options: object) -> list[str]:
        finished = portdip("moved", own, *options, "--write", out)
        assert finished.code == 0, finished.err
        return out.read_text().replace('"', "").splitlines()[1:]

    native, home = (
        f"{stores.NATIVE},{stores.NATIVE},CM,,CT,D100,ported",
        f"{stores.PORTED},{stores.PORTED},CU,D002,CM,,native",
    )
    block = "8613800200000,8613800200999,CM,,CU,,native"
    assert moved("--from", 1) == [block, home, native]
    assert moved("--from", 1, "--to", 2) == [block, native]
    assert moved("--from", 2) == [home]
    assert moved("--from", 1, "--carrier", "CU", "--in") == [block]
    assert moved("--from", 1, "--carrier", "CU", "--out") == [home]
    assert moved("--from", 1, "--carrier", "CU") == [block, home]
    assert moved("--from", 3) == []


def test_times_ask_the_history(portdip, own, changes, tmp_path):  # noqa: F811
    portdip("publish", own, changes(f"port,{stores.NATIVE},CT,D100,,,,2025-01-01T00:00:00Z,"))
    out = tmp_path / "moved.csv"

    def moved(*options: object) -> list[str]:
        finished = portdip("moved", own, *options, "--write", out)
        assert finished.code == 0, finished.err
        return out.read_text().replace('"', "").splitlines()[1:]

    row = f"{stores.NATIVE},{stores.NATIVE},CM,,CT,D100,ported"
    assert moved("--from", "2024-12-31", "--to", "2025-01-01T08:00+08:00") == [row]
    assert moved("--from", "2024-12-31T12:00") == [row]
    assert moved("--from", "2025-01-01") == []
    assert "two sequences or two times" in portdip("moved", own, "--from", "2024-12-31", "--to", 2).err


def test_questions_without_sense_are_refused(portdip, own):  # noqa: F811
    assert "want a --carrier" in portdip("moved", own, "--from", 1, "--in").err
    assert "comes before" in portdip("moved", own, "--from", 1, "--to", 0).err
    assert "no snapshot that is kept" in portdip("moved", own, "--from", 7).err
