"""Brazil's numbering plan: three kinds of file."""

import pytest

from portdip.errors import BadRowError, FeedError
from tests.exchange.feeds.samples import files_of, take

FEED = "br-nsapn"
MOBILE, FIXED = "00000001000191", "00000002000135"
HEADER = "# Nome da Prestadora;CNPJ;CN;Prefixo;Faixa Inicial;Faixa Final;Status"


def test_mobile_in_an_archive():
    taken = take(FEED, files_of(FEED, "SMP"))
    assert taken.carriers == {MOBILE: "EXEMPLO MÓVEL S.A."}
    assert taken.ranges == [
        (5511955500000, 5511955509999, MOBILE, ""),
        (5521995500000, 5521995504999, MOBILE, ""),
    ]


def test_fixed_and_non_geographic():
    taken = take(FEED, files_of(FEED, "STFC", "CNG"))
    assert taken.carriers == {FIXED: "EXEMPLO FIXA LTDA"}
    assert sorted(taken.ranges) == [
        (552155500000, 552155500999, FIXED, ""),
        (558005550102, 558005550102, FIXED, ""),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("N;1;11;95550;0000;9999", "6 columns instead of 7"),
        ("N;1;11;9555;0000;0999;1;", "8 columns instead of 7"),
        ("N;1;1;9555;0000;0999;1", "10 or 11 digits"),
        ("N;1;11;95550;0000;99990;1", "10 or 11 digits"),
        ("N;1;11;95550;9999;0000;1", "last number is before the first"),
        ("N;1;11;9555O;0000;9999;1", "'9555O' is not digits"),
        ("N;1;11;;0000;9999;1", "'' is not digits"),
        ("N;;11;95550;0000;9999;1", "no carrier"),
    ],
)
def test_a_damaged_row_is_refused(tmp_path, line, reason):
    path = tmp_path / "SMP.csv"
    path.write_text(f"{HEADER}\nN;1;11;95551;0000;9999;1\n{line}\n", encoding="latin-1")
    with pytest.raises(BadRowError, match=rf"{reason}; at .*SMP\.csv, row 3; got N;"):
        take(FEED, [path])


@pytest.mark.parametrize("header", [HEADER[2:], HEADER + ";More"])
def test_another_file_is_refused(tmp_path, header):
    path = tmp_path / "SMP.csv"
    path.write_text(f"{header}\n")
    with pytest.raises(FeedError, match=r"not a file of this feed; at .*SMP\.csv"):
        take(FEED, [path])
