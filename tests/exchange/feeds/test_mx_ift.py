"""Mexico's numbering plan: columns are found by what is in them."""

import pytest

from portdip.errors import BadRowError, FeedError
from portdip.exchange.feeds.options import BadRows
from tests.exchange.feeds.samples import files_of, take

FEED = "mx-ift"
MOBILE, FIXED = "52-ejemplo-movil-s-a-de-c-v", "52-ejemplo-fija-s-a-p-i"
HEADER = "ZONA,NUMERACION_INICIAL,NUMERACION_FINAL,OCUPACION,MODALIDAD,RAZON_SOCIAL,FECHA_ASIGNACION"
RANGES = [
    (525555550000, 525555559999, MOBILE, ""),
    (523355550000, 523355550999, FIXED, ""),
    (528155550000, 528155554999, MOBILE, ""),
]


@pytest.mark.parametrize("name", ["pnn_shifted", "pnn_labelled"])
def test_columns_under_their_labels_or_beside_them(name):
    taken = take(FEED, files_of(FEED, name))
    assert taken.carriers == {MOBILE: "EJEMPLO MÓVIL, S.A. DE C.V.", FIXED: "EJEMPLO FIJA S.A.P.I."}
    assert taken.ranges == RANGES


def test_the_older_form():
    assert take(FEED, files_of(FEED, "cofetel")).ranges == [
        (525555550000, 525555559999, MOBILE, ""),
        (523335550000, 523335550999, FIXED, ""),
    ]


def test_labels_with_spaces_and_in_lower_case(tmp_path):
    path = tmp_path / "pnn.csv"
    path.write_text(HEADER.lower().replace(",", " , ") + "\nMEXICO, 5555550000 ,5555559999,10000,CPP,Ejemplo,\n")
    assert take(FEED, [path]).ranges == [(525555550000, 525555559999, "52-ejemplo", "")]


def test_a_damaged_row_does_not_hide_the_columns_and_is_refused(tmp_path):
    path = tmp_path / "pnn.csv"
    good = [f"55555{block}000,55555{block}999,1000,CPP,Ejemplo,01/03/2005," for block in range(10, 30)]
    path.write_text("\n".join([HEADER, "555555xxxx,5555559999,1000,CPP,Ejemplo,01/03/2005,", *good]))
    with pytest.raises(BadRowError, match=r"'555555xxxx' is not digits; at .*pnn\.csv, row 2"):
        take(FEED, [path])
    with BadRows(tmp_path / "rejected.csv") as bad_rows:
        assert len(take(FEED, [path], bad_rows).ranges) == 20


@pytest.mark.parametrize("row", ["MEXICO,1,2,10000,CPP,Ejemplo,", "5555550000,5555559999,1,CPP,,,", ""])
def test_columns_that_cannot_be_made_out_are_refused(tmp_path, row):
    path = tmp_path / "pnn.csv"
    path.write_text(f"{HEADER}\n{row}\n")
    with pytest.raises(FeedError, match=r"columns of the numbering plan cannot be made out; at .*pnn\.csv"):
        take(FEED, [path])


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("A,B\n1,2\n")
    with pytest.raises(FeedError, match="not a file of this feed"):
        take(FEED, [path])
