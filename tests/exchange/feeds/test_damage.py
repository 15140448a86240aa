"""Files that cannot be read at all: every feed refuses them by name."""

import gzip
import zipfile
from pathlib import Path

import pytest

from portdip.errors import FeedError, PortdipError
from portdip.exchange import feeds
from portdip.exchange.feeds.options import BadRows
from tests.exchange.feeds.samples import SAMPLES, changes, files_of, take

#: A whole sample of each feed, uncompressed.
WHOLE = {
    "npac-bdd": files_of("npac-bdd", "202555-202556.22-11-2026070000")[0].read_bytes(),
    "coin": files_of("coin", "stream")[0].read_bytes(),
    "br-pip": gzip.decompress(files_of("br-pip", "bp_concluido_202607")[0].read_bytes()),
    "br-nsapn": files_of("br-nsapn", "STFC")[0].read_bytes(),
    "mx-ift": files_of("mx-ift", "pnn_shifted")[0].read_bytes(),
    "uk-ofcom": files_of("uk-ofcom", "S7")[0].read_bytes(),
}
WHOLE["nanpa-blocks"] = zipfile.ZipFile(files_of("nanpa-blocks")[0]).read("AllBlocksAugmentedReport.txt")
ZIPPED = sorted(SAMPLES.rglob("*.zip"))
READ = [(feed, take) for feed in WHOLE] + [(feed, changes) for feed in WHOLE if feed in feeds.delta_names()]


def test_every_feed_with_samples_is_here_and_is_described():
    assert {path.name for path in SAMPLES.iterdir() if path.is_dir()} == set(WHOLE)
    described = (SAMPLES / "README.md").read_text()
    for path in SAMPLES.rglob("*"):
        assert path.name == "README.md" or path.name in described, path


@pytest.mark.parametrize(("feed", "read"), READ)
def test_a_missing_file(feed, read):
    with pytest.raises(FeedError, match="no such file; at nowhere"):
        read(feed, [Path("nowhere")])


@pytest.mark.parametrize(("feed", "read"), READ)
@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf"], ids=repr)
def test_an_empty_file(feed, read, content, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_bytes(content)
    with pytest.raises(FeedError, match=r"at .*empty\.csv"):
        read(feed, [path])


@pytest.mark.parametrize(("feed", "read"), READ)
@pytest.mark.parametrize(
    "content", [b"\xff\x00certainly not\n" * 3, b"no\nsuch\nfile\n", bytes(range(256)) * 50], ids=len
)
def test_rubbish(feed, read, content, tmp_path):
    path = tmp_path / "rubbish.csv"
    path.write_bytes(content)
    with pytest.raises(FeedError, match=r"at .*rubbish\.csv"):
        read(feed, [path])


@pytest.mark.parametrize(("feed", "read"), READ)
def test_another_encoding(feed, read, tmp_path):
    path = tmp_path / "s7_code.txt"
    path.write_bytes(WHOLE[feed].decode("latin-1").encode("utf-16"))
    with pytest.raises(FeedError, match=r"at .*s7_code\.txt"):
        read(feed, [path])


@pytest.mark.parametrize(("feed", "read"), READ)
def test_a_compressed_file_cut_short(feed, read, tmp_path):
    path = tmp_path / "s7_code.txt.gz"
    whole = gzip.compress(WHOLE[feed] * 20)
    for cut in (len(whole) // 2, len(whole) - 4, 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(FeedError, match=r"at .*s7_code\.txt\.gz"):
            read(feed, [path])


@pytest.mark.parametrize(("feed", "read"), READ)
def test_a_compressed_file_with_a_wrong_byte(feed, read, tmp_path):
    path = tmp_path / "s7_code.txt.gz"
    whole = bytearray(gzip.compress(WHOLE[feed]))
    whole[len(whole) // 2] ^= 0x55
    path.write_bytes(whole)
    with pytest.raises(FeedError, match=r"at .*s7_code\.txt\.gz"):
        read(feed, [path])


@pytest.mark.parametrize("sample", ZIPPED, ids=lambda path: path.parent.name)
def test_a_damaged_archive(sample, tmp_path):
    path = tmp_path / sample.name
    whole = sample.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(FeedError, match=rf"at .*{sample.name}"):
        take(sample.parent.name, [path])
    wrong = bytearray(whole)
    for offset in range(60, 90):
        wrong[offset] ^= 0x55
    path.write_bytes(wrong)
    with pytest.raises(FeedError, match=rf"at .*{sample.name}"):
        take(sample.parent.name, [path])


def test_an_archive_without_files(tmp_path):
    path = tmp_path / "none.zip"
    zipfile.ZipFile(path, "w").close()
    with pytest.raises(FeedError, match=r"the archive holds no files; at .*none\.zip"):
        take("uk-ofcom", [path])


@pytest.mark.parametrize(("feed", "read"), READ)
def test_no_damage_raises_anything_else(feed, read, tmp_path, seed):
    """Bytes changed at random: rows, a refusal, or rejected rows, but no other exception."""
    import random

    dice = random.Random(seed)
    path = tmp_path / "s7_code.txt"
    for _ in range(60):
        content = bytearray(WHOLE[feed])
        for _ in range(dice.randrange(1, 4)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        path.write_bytes(content)
        for policy in (BadRows(), BadRows(tmp_path / "rejected.csv")):
            refusal = ""
            try:
                with policy:
                    read(feed, [path], policy)
            except PortdipError as error:
                refusal = error.where
            assert not refusal or refusal.startswith(str(path))
