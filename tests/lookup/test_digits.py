"""Text to numbers: the compiled parser says what `portdip.number.parse` and libphonenumber say, and reads no byte
outside a text."""

import ctypes
import mmap
import struct

import numpy as np
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portdip import number
from portdip.errors import InvalidNumberError
from portdip.lookup import _digits
from portdip.lookup._digits import MISSING, NumberColumn, parse

STRINGS = [pa.string(), pa.large_string(), pa.string_view()]

#: What looks like a number and is none, and what is one, far more often than plain random text would.
texts = (
    st.from_regex(r"\+?[0-9]{0,18}", fullmatch=True)
    | st.from_regex(r"[+0-9a٣\x00 -]{0,18}", fullmatch=True)
    | st.text(max_size=24)
)


def plain(text: str) -> int:
    try:
        return number.parse(text)
    except InvalidNumberError:
        return 0


def read(column: pa.Array | pa.ChunkedArray) -> list[int]:
    """The numbers of a column, on which all instruction sets agree."""
    found = []
    for kernel in _digits.kernels():
        _digits.use_kernel(kernel)
        out = np.full(len(column), 77, dtype=np.uint64)
        NumberColumn(column).read(0, out)
        found.append(out.tolist())
    _digits.use_kernel(_digits.kernels()[0])
    assert all(numbers == found[0] for numbers in found)
    return found[0]


@given(texts)
@example("")
@example("+")
@example("++1")
@example("+0")
@example("1+2345678")
@example("1234567\x008")
@example("٨٦١٣٨٠٠١٣٨٠٠٠")
@example("８６１３８００１３８０００")
@example("8613800138000 ")
@example("\ud800")
def test_one_text_is_parsed_as_the_plain_parser_does(text):
    assert parse(text) == plain(text)


@given(st.lists(st.none() | texts.filter(lambda text: text.isprintable() or "\x00" in text)))
@example(["+1234567", "12345678", "+12345678", "+00000000"])
@example(["+123456789012345", "1234567890123456", "+1234567890123456", "123456789012345"])
@example(["012345678", "+012345678", "1234567+", "+1234567+"])
def test_columns_are_parsed_as_the_plain_parser_does(column):
    expected = [MISSING if text is None else plain(text) for text in column]
    for kind in STRINGS:
        assert read(pa.array(column, kind)) == expected


@given(st.lists(st.from_regex(r"\+?[0-9]{7,16}|[+0-9x]{8,16}", fullmatch=True), min_size=4, max_size=80))
def test_numbers_of_several_lengths_side_by_side_are_parsed_as_the_plain_parser_does(column):
    for kind in STRINGS:
        assert read(pa.array(column, kind)) == [plain(text) for text in column]


@given(st.lists(st.lists(texts.filter(str.isprintable), max_size=6), max_size=6), st.data())
def test_any_rows_of_a_column_in_chunks_are_read(chunks, data):
    expected = [plain(text) for chunk in chunks for text in chunk]
    first = data.draw(st.integers(0, len(expected)))
    last = data.draw(st.integers(first, len(expected)))
    for kind in STRINGS:
        column = pa.chunked_array(chunks, kind)
        assert read(column) == expected
        out = np.full(last - first, 77, dtype=np.uint64)
        NumberColumn(column).read(first, out)
        assert out.tolist() == expected[first:last]


@pytest.mark.parametrize("length", range(21))
def test_every_length_is_decided_on_its_digits(length):
    digits = "98765432198765432198"[:length]
    wrong = [digits[:place] + "x" + digits[place + 1 :] for place in range(length)]
    column = [digits, f"+{digits}", f"0{digits}"[:length], f"++{digits}", *wrong]
    expected = [int(digits)] * 2 if 1 <= length <= 15 else [0, 0]
    expected += [0] * (2 + length)
    for kind in STRINGS:
        assert read(pa.array(column, kind)) == expected


@pytest.mark.parametrize("place", range(13))
@pytest.mark.parametrize("length", [4, 8, 13])
def test_no_other_byte_passes_for_a_digit(length, place):
    text = bytearray(b"8613800138000"[:length])
    if place >= length:
        return
    for byte in range(256):
        text[place] = byte
        array = pa.Array.from_buffers(
            pa.string(), 1, [None, pa.py_buffer(np.array([0, length], np.int32)), pa.py_buffer(bytes(text))]
        )
        spelled = text.decode("latin-1")
        assert read(array) == [plain(spelled) if byte < 128 else 0], spelled


def test_valid_numbers_of_all_countries_are_read_as_libphonenumber_reads_them():
    checked = 0
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in range(11):
            sample = phonenumbers.example_number_for_type(region, kind)
            if sample is None:
                continue
            text = phonenumbers.format_number(sample, phonenumbers.PhoneNumberFormat.E164)
            again = phonenumbers.parse(text)
            zeros = "0" * (again.number_of_leading_zeros or 1) if again.italian_leading_zero else ""
            assert parse(text) == int(f"{again.country_code}{zeros}{again.national_number}"), text
            checked += 1
    assert checked > 1000


@pytest.mark.parametrize("kind", STRINGS)
def test_slices_and_nulls_with_text_beneath_are_respected(kind):
    whole = pa.array(["x", "86138", None, "+12025550123", "447700900123456", "1"], kind)
    assert read(whole[1:5]) == [86138, MISSING, 12025550123, 447700900123456]
    nulled = pa.Array.from_buffers(kind, len(whole), [pa.py_buffer(bytes([0b110101])), *whole.buffers()[1:]])
    assert read(nulled[:5]) == [0, MISSING, 0, MISSING, 447700900123456]


@pytest.mark.parametrize(("length", "buffer", "offset"), [(100, 10**6, 0), (100, 0, 2 * 10**9), (-1, -1, -1)])
def test_what_lies_under_a_null_in_a_column_of_views_is_not_followed(length, buffer, offset):
    text = b"8613800138000"
    views = [struct.pack("<i4sii", *view) for view in ((len(text), text[:4], 0, 0), (length, b"8613", buffer, offset))]
    buffers = [pa.py_buffer(b"\x01"), pa.py_buffer(b"".join(views)), pa.py_buffer(text)]
    column = pa.Array.from_buffers(pa.string_view(), 2, buffers)
    column.validate(full=True)  # Arrow minds only what is not null
    assert read(column) == [8613800138000, MISSING]
    assert read(column[1:]) == [MISSING]


def test_pieces_of_a_column_are_read_from_any_row():
    column = NumberColumn(pa.array(["1", "2", "3", "4"]))
    out = np.zeros(2, dtype=np.uint64)
    column.read(1, out)
    assert out.tolist() == [2, 3]
    for row in (-1, 3):
        with pytest.raises(IndexError):
            column.read(row, out)


def test_integers_outside_the_numbering_plan_become_0_and_nulls_stay_nulls():
    array = pa.array([8613800138000, 0, 10**15 - 1, 10**15, MISSING, None], pa.uint64())
    assert read(array) == [8613800138000, 0, 10**15 - 1, 0, 0, MISSING]


@pytest.mark.parametrize("kind", [*STRINGS, pa.uint64()])
def test_empty_columns_and_columns_of_nulls_are_read(kind):
    assert read(pa.array([], kind)) == []
    assert read(pa.nulls(3, kind)) == [MISSING] * 3
    if kind != pa.uint64():
        assert read(pa.array(["", ""], kind)) == [0, 0]


@pytest.mark.parametrize(
    ("column", "got"),
    [(pa.array([1.5]), "double"), (pa.chunked_array([[1]]), "int64"), (["1"], "list"), (None, "None")],
)
def test_other_types_are_refused(column, got):
    with pytest.raises(TypeError, match=f"numbers must be an Arrow array of .*, not {got}"):
        NumberColumn(column)


def test_a_type_of_somebodys_own_that_calls_itself_uint64_is_refused():
    class Small(pa.ExtensionType):
        def __init__(self):
            super().__init__(pa.int8(), "portdip.tests.small")

        def __arrow_ext_serialize__(self):
            return b""

        def __str__(self):
            return "uint64"

    with pytest.raises(TypeError, match="numbers must be"):
        NumberColumn(pa.ExtensionArray.from_storage(Small(), pa.array([1], pa.int8())))


def test_an_instruction_set_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no kernel 'abacus' here"):
        _digits.use_kernel("abacus")


@pytest.fixture(scope="module")
def walled_page():
    """One page of memory between two that may not be touched, and its address."""
    area = mmap.mmap(-1, 3 * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for wall in (start, start + 2 * mmap.PAGESIZE):
        assert protect(ctypes.c_void_p(wall), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    yield memoryview(area)[mmap.PAGESIZE : 2 * mmap.PAGESIZE], start + mmap.PAGESIZE
    for wall in (start, start + 2 * mmap.PAGESIZE):
        protect(ctypes.c_void_p(wall), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_WRITE)


@pytest.mark.parametrize("plus", ["", "+"])
@pytest.mark.parametrize("length", range(21))
def test_no_byte_outside_a_text_is_read(walled_page, length, plus):
    page, address = walled_page
    text = (plus + "98765432198765432198"[:length]).encode()
    for begin in (0, len(page) - len(text)):  # the first byte after a wall, the last before one
        page[begin : begin + len(text)] = text
        memory = pa.foreign_buffer(address, len(page), page)
        for kind, offset in ((pa.string(), np.int32), (pa.large_string(), np.int64)):
            offsets = pa.py_buffer(np.array([begin, begin + len(text)], dtype=offset))
            assert read(pa.Array.from_buffers(kind, 1, [None, offsets, memory])) == [plain(text.decode())]
        view = np.array([len(text), int.from_bytes(text[:4].ljust(4, b"\0"), "little"), 0, begin], dtype=np.int32)
        if len(text) > 12:
            assert read(pa.Array.from_buffers(pa.string_view(), 1, [None, pa.py_buffer(view), memory])) == [
                plain(text.decode())
            ]


@pytest.mark.parametrize("plus", ["", "+"])
@pytest.mark.parametrize("length", range(7, 17))
def test_no_byte_outside_four_texts_side_by_side_is_read(walled_page, length, plus):
    page, address = walled_page
    text = (plus + "9876543219876543"[:length]).encode()
    for begin in (0, len(page) - 4 * len(text)):
        page[begin : begin + 4 * len(text)] = 4 * text
        memory = pa.foreign_buffer(address, len(page), page)
        offsets = pa.py_buffer(np.arange(begin, begin + 5 * len(text), len(text), dtype=np.int32)[:5])
        assert read(pa.Array.from_buffers(pa.string(), 4, [None, offsets, memory])) == [plain(text.decode())] * 4


@pytest.mark.parametrize("length", range(13))
def test_no_byte_outside_an_inline_view_is_read(walled_page, length):
    page, address = walled_page
    text = b"987654321987"[:length]
    view = np.int32(length).tobytes() + text.ljust(12, b"\0")
    for begin in (0, len(page) - 16):
        page[begin : begin + 16] = view
        memory = pa.foreign_buffer(address + begin, 16, page)
        assert read(pa.Array.from_buffers(pa.string_view(), 1, [None, memory])) == [plain(text.decode())]
