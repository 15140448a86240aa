import pyarrow.parquet as pq
import pytest

from portdip.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["generate", *map(str, arguments)])
    return int(caught.value.code or 0)


def test_the_file_holds_the_numbers_asked_for(tmp_path, capsys):
    out = tmp_path / "numbers.parquet"
    assert run(out, "--plan", "cn", "--numbers", 5000, "--share", 0.16) == 0
    assert pq.ParquetFile(out).metadata.num_rows == 5000
    assert "5,000 ported numbers" in capsys.readouterr().out


def test_the_seed_decides_what_is_in_it(tmp_path):
    files = [tmp_path / name for name in "abc"]
    for file, seed in zip(files, (7, 7, 8), strict=True):
        run(file, "--plan", "nanp", "--numbers", 500, "--share", 0.02, "--seed", seed)
    one, same, other = (file.read_bytes() for file in files)
    assert one == same != other


def test_ranges_are_written_beside_the_numbers_on_request(tmp_path, capsys):
    ranges = tmp_path / "ranges.parquet"
    arguments = "--plan", "nanp", "--numbers", 500, "--share", 0.16, "--ranges-out", ranges
    assert run(tmp_path / "numbers.parquet", *arguments) == 0
    assert pq.ParquetFile(ranges).schema_arrow.names == ["first", "last", "carrier", "routing_number"]
    assert str(ranges) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plan", "mars", "--numbers", 5), "cn or nanp"),
        (("--plan", "cn", "--numbers", 3 * 10**9), "cannot hold so many"),
        (("--plan", "cn", "--numbers", 5, "--share", 2), "at most 0.5"),
        (("--plan", "cn", "--numbers", -5), "numbers"),
        (("--plan", "cn", "--numbers", 5, "--seed", -5), "seed"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(tmp_path, capsys, arguments, message):
    assert run(tmp_path / "numbers.parquet", *arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_named(tmp_path, capsys):
    assert run(tmp_path / "nowhere" / "numbers.parquet", "--plan", "cn", "--numbers", 5) == 2
    assert str(tmp_path / "nowhere") in capsys.readouterr().err
