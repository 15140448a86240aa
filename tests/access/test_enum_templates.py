"""Records as templates: what is left out, what is escaped, what is refused."""

import pytest

from portdip.access.enum_templates import NUMBERS_MAX, Template
from portdip.errors import SettingsError
from portdip.settings.access import Record

ALL = {"rn": "D002", "carrier": "46000", "spn": "51589", "mcc": "460", "mnc": "00"}
NONE = dict.fromkeys(ALL, "")


def rendered(uri: str, number: str = "8613800138000", **values: str) -> str | None:
    """The URI that a template's substitution makes of a number."""
    found = Template(Record(uri=uri), "here").render(NONE | values)
    if found is None:
        return None
    text = number.join(part.decode() for part in found.parts)
    assert text.startswith("!^.*$!")
    assert text.endswith("!")
    return text[6:-1]


@pytest.mark.parametrize(
    ("uri", "values", "expected"),
    [
        ("tel:+{number};npdi;rn={rn}", {"rn": "+852001100"}, "tel:+8613800138000;npdi;rn=+852001100"),
        ("tel:+{number};npdi;rn={rn}", {}, "tel:+8613800138000;npdi"),
        ("tel:+{number};npdi;rn={rn};rn-context=+7", {"rn": "d2701"}, "tel:+8613800138000;npdi;rn=d2701;rn-context=+7"),
        ("tel:+{number};npdi;rn={rn};rn-context=+7", {}, "tel:+8613800138000;npdi"),
        ("tel:+{number};rn-context=+7;rn={rn};npdi", {}, "tel:+8613800138000;npdi"),
        ("tel:+{number};rn=D1{rn}2;x={spn}{mcc}", {"spn": "1"}, "tel:+8613800138000"),
        (
            "tel:+{number};rn=+{number};rn-context=+7;spn={spn}",
            {},
            "tel:+8613800138000;rn=+8613800138000;rn-context=+7",
        ),
        ("sip:+{number};npdi;rn={rn}@gw;user=phone", {}, "sip:+8613800138000;npdi@gw;user=phone"),
        ("sip:+{number}@{spn}.gw?x={mcc}", {"spn": "a", "mcc": "460"}, "sip:+8613800138000@a.gw?x=460"),
        ("sip:{rn}@gw", {}, None),
        ("sip:+{number}@{spn}.gw", {}, None),
        ("sip:+{number};x@gw?y={mcc}", {}, None),
        ("tel:+{number};mcc={mcc};mnc={mnc}", {"mcc": "310", "mnc": "012"}, "tel:+8613800138000;mcc=310;mnc=012"),
        ("{number}", {}, "8613800138000"),
        ("tel:+999", {}, "tel:+999"),
        ("tel:+1;a!b\\c", {}, "tel:+1;a\\!b\\\\c"),
        ("tel:+1;c={carrier}", {"carrier": "a b;c!é@"}, "tel:+1;c=a%20b%3Bc%21%C3%A9%40"),
    ],
)
def test_what_a_record_says(uri, values, expected):
    assert rendered(uri, **values) == expected


@pytest.mark.parametrize("uri", ["{nummer}", "{number", "number}", "{}", "tel:{{number}}", "{Number}"])
def test_what_names_nothing_is_refused_with_its_place(uri):
    with pytest.raises(SettingsError, match=r"at here; .*spn"):
        Template(Record(uri=uri), "here")


def test_what_no_record_could_hold_is_refused():
    Template(Record(uri="{number}" * NUMBERS_MAX), "here")
    with pytest.raises(SettingsError, match="too long"):
        Template(Record(uri="{number}" * (NUMBERS_MAX + 1)), "here")
    with pytest.raises(SettingsError, match="too long"):
        Template(Record(service="E2U+" + "x" * 200, uri="tel:1"), "here")


def test_a_substitution_has_at_most_255_bytes_with_the_longest_number():
    room = 255 - len("!^.*$!" + "tel:+;c=" + "!") - 15
    uri = "tel:+{number};c={carrier}"
    assert rendered(uri, carrier="x" * room) is not None
    assert rendered(uri, carrier="x" * (room + 1)) is None


def test_the_head_is_that_of_rfc_3403():
    record = Record(service="E2U+pstn:sip", uri="sip:1", order=258, preference=772)
    found = Template(record, "here").render(NONE)
    assert found is not None
    assert found.head == b"\x01\x02\x03\x04\x01u\x0cE2U+pstn:sip"
