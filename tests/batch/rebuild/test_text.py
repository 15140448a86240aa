"""Rows of text by templates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.batch.rebuild._text import DIGITS, DOTTED, Templates
from portdip.index import ENTRY

PIECES = st.lists(st.sampled_from([DIGITS, DOTTED, b"", b"x", b", long words '%d'"]), max_size=6).map(b"".join)


def put(template, number):
    digits = str(number)
    return template.replace(DIGITS, digits.encode()).replace(DOTTED, "".join(f"{d}." for d in digits[::-1]).encode())


@given(
    st.lists(st.tuples(st.integers(1, 10**15 - 1), st.integers(0, 2)), max_size=30),
    st.lists(PIECES, min_size=3, max_size=3),
    st.integers(300, 900),
)
def test_rows_are_the_templates_with_the_digits_in_them(rows, templates, room):
    known = Templates()
    for match in range(3):
        for digits in range(1, 16):
            known.add(match, digits, templates[match])
    numbers, matches = (
        np.array([row[place] for row in rows], kind) for place, kind in ((0, np.uint64), (1, np.uint32))
    )
    text, row = b"", 0
    while row < len(rows):
        out = np.empty(room, np.uint8)
        end, used = known.write(numbers, matches, row, out)
        assert end > row
        text, row = text + bytes(out[:used]), end
    assert text == b"".join(put(templates[match], number) for number, match in rows)


def test_a_row_without_a_template_is_named():
    known = Templates()
    known.add(1, 3, DIGITS + b"\n")
    out = np.empty(1000, np.uint8)
    numbers, matches = np.array([123, 1234], np.uint64), np.array([1, 1], np.uint32)
    assert known.write(numbers, matches, 0, out) == (1, 4)
    assert known.write(numbers, np.array([1, ENTRY * 2], np.uint32), 0, out) == (1, 4)
    assert known.write(numbers, matches, 0, np.empty(3, np.uint8)) == (0, 0)


@pytest.mark.parametrize(("match", "digits"), [(ENTRY * 2, 3), (1, 0), (1, 16)])
def test_a_template_for_what_cannot_be_is_refused(match, digits):
    with pytest.raises(ValueError, match="digits"):
        Templates().add(match, digits, b"x")
