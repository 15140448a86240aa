"""Digits to integer and back; prefix and range arithmetic.

A number is 1 to 15 E.164 digits, the first 1 to 9, held as an integer: the integer tells its own length, so numbers
of several lengths live side by side in one order. Text becomes an integer here, at the door, or is refused.
Human spelling (spaces, national form) goes through libphonenumber and only at the edge: `parse_human`.
"""

from __future__ import annotations

from portdip.errors import InvalidNumberError, InvalidRangeError

DIGITS_MAX = 15
#: One above the largest number: 15 digits (ITU-T E.164, section 6.2.1).
LIMIT = 10**DIGITS_MAX

_SEPARATORS = " -().+"
_FIX = "Give the number in international form, digits only, with or without a leading '+'."


def parse(text: str) -> int:
    """The integer of an international number written as digits, with or without one leading '+'.

    >>> parse("+8613800138000")
    8613800138000

    Raises InvalidNumberError for anything else: letters, separators, a leading zero, more than 15 digits.
    """
    digits = text[1:] if text.startswith("+") else text
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidNumberError("not a number", expected="digits only", got=repr(text[:40]), fix=_FIX)
    if len(digits) > DIGITS_MAX:
        raise InvalidNumberError("number too long", expected="at most 15 digits", got=f"{len(digits)} digits", fix=_FIX)
    if digits[0] == "0":
        raise InvalidNumberError("number starts with 0", expected="a country code first", got=repr(text), fix=_FIX)
    return int(digits)


def parse_human(text: str, region: str | None = None) -> int:
    """The integer of a number as a person writes it: separators, national form of `region` (ISO 3166 code).

    >>> parse_human("138 0013 8000", region="CN")
    8613800138000
    >>> parse_human("+86 138-0013-8000")
    8613800138000

    Raises InvalidNumberError. Costs some 30 microseconds (libphonenumber): for command lines and forms, not for
    dips.
    """
    if region is None and text.removeprefix("+").isdecimal():
        return parse(text)
    # libphonenumber would read letters as keys of a dial pad, and the first of two numbers.
    if not all(letter.isdecimal() or letter in _SEPARATORS for letter in text):
        raise InvalidNumberError("not a number", expected="digits and separators", got=repr(text[:40]), fix=_FIX)
    import phonenumbers

    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidNumberError("not a number", got=repr(text[:40]), fix=_FIX) from error
    return parse(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def check(number: int) -> int:
    """`number` itself if it is an E.164 number, else InvalidNumberError."""
    if not 1 <= number < LIMIT:
        raise InvalidNumberError("not a number", expected="1 to 15 digits", got=str(number), fix=_FIX)
    return number


def length(number: int) -> int:
    """How many digits the number has."""
    return len(str(number))


def interval_of_prefix(prefix: int, digits: int) -> tuple[int, int]:
    """The first and last number of `digits` digits that begin with `prefix`.

    >>> interval_of_prefix(861380, 13)
    (8613800000000, 8613809999999)
    """
    free = digits - length(check(prefix))
    if free < 0 or digits > DIGITS_MAX:
        raise InvalidRangeError(
            "prefix does not fit", expected=f"at most {DIGITS_MAX} digits", got=f"{prefix} for {digits} digits"
        )
    return prefix * 10**free, (prefix + 1) * 10**free - 1


def prefixes_of_interval(first: int, last: int) -> list[int]:
    """The fewest prefixes that together cover the closed interval of equal-length numbers, in order.

    >>> prefixes_of_interval(1380, 1399)
    [138, 139]
    """
    digits = length(check(first))
    if last < first or length(check(last)) != digits:
        raise InvalidRangeError("not an interval of one length", got=f"{first} to {last}")
    prefixes = []
    while first <= last:
        size = 1
        while first % (size * 10) == 0 and first + size * 10 - 1 <= last:
            size *= 10
        prefixes.append(first // size)
        first += size
    return prefixes


def mask(number: int) -> str:
    """The number with its middle hidden, for logs and messages that leave the machine.

    >>> mask(8613800138000)
    '86138*****000'
    >>> mask(12345)
    '**345'
    """
    digits = str(number)
    first = min(5, max(0, len(digits) - 6))
    last = digits[-3:] if len(digits) > 3 else ""
    return digits[:first] + "*" * (len(digits) - first - len(last)) + last
