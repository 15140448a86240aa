"""Profiles as files: ours, and what is wrong with a file that is wrong."""

import re
import tomllib
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from portdip.errors import ProfileError
from portdip.porting import profile as profiles
from portdip.porting.profile import NAMES, TEXTS, Check, Duration
from portdip.porting.states import MOVES, Act, State

WRITTEN = {name: (resources.files("portdip.porting") / "profiles" / f"{name}.toml").read_text() for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_our_profiles_name_a_source_for_everything(name):
    def sections(value):
        if isinstance(value, dict):
            yield value
            for inner in value.values():
                yield from sections(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from sections(inner)

    told = tomllib.loads(WRITTEN[name])
    for part in ("calendar", "deciding", "slots", "quotas", "after_port", "complaints", "retention"):
        assert told[part]["source"]
    assert all(rule["source"] for rule in told["eligibility"])
    assert all(timer["source"] for timer in told["timers"].values())


def test_the_chinese_profile_says_what_the_rules_say():
    cn = profiles.load("cn")
    assert cn.code_lifetime("") == Duration(minutes=60)
    assert cn.code.attempts == 5
    assert cn.slots.rule == "next-full-hour"
    days = {rule.check: rule.days for rule in cn.eligibility}
    assert (days[Check.TENURE], days[Check.FREEZE]) == (120, 120)
    assert {rule.check for rule in cn.eligibility} >= {
        Check.REAL_NAME,
        Check.STATUS,
        Check.ARREARS,
        Check.UNBILLED,
        Check.CONTRACT,
        Check.KIND,
        Check.ONGOING,
    }


def test_an_indian_code_lives_longer_in_some_circles():
    india = profiles.load("in")
    assert (india.code_lifetime("MH").days, india.code_lifetime("JK").days) == (4, 30)


def test_a_state_starts_the_timer_that_nobody_names_as_the_next():
    nanp = profiles.load("nanp")
    assert nanp.timer_of(State.AWAITING_DONOR) == "initial-concurrence"
    assert nanp.timer_of(State.ACTIVE) == ""
    monday = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    assert nanp.due("initial-concurrence", monday) == monday + timedelta(hours=1)


def test_reasons_are_told_with_what_can_be_done():
    cn = profiles.load("cn")
    assert cn.reason_text("arrears", "en") == "Billed charges are unpaid. Pay them."
    assert cn.reason_text("code-invalid", "zh") == "授權碼無效。"
    assert cn.reason_text("unheard-of", "zh") == "unheard-of"


@pytest.mark.parametrize("name", NAMES)
def test_every_text_can_be_filled(name):
    profile = profiles.load(name)
    for text, values in TEXTS.items():
        for language in ("zh", "en"):
            filled = profile.texts[text].filled(language, **dict.fromkeys(values, "VALUE"))
            assert "{" not in filled
    for timer in profile.timers.values():
        assert (timer.state, timer.act) in MOVES or timer.act is Act.RELEASE


def wrong(tmp_path, pattern: str, replacement: str, name: str = "cn") -> str:
    """What is said of a profile of ours after one change."""
    path = tmp_path / "wrong.toml"
    written, count = re.subn(pattern, replacement, WRITTEN[name], count=1, flags=re.DOTALL)
    assert count == 1
    path.write_text(written)
    with pytest.raises(ProfileError) as error:
        profiles.load(str(path))
    return str(error.value)


@pytest.mark.parametrize(
    ("pattern", "replacement", "said"),
    [
        ('by = "code"', 'by = "dice"', "deciding.by"),
        ('name = "cn"', 'name = "cn"\nfavourite = 1', "favourite"),
        (r'skipped = \["conflict"', 'skipped = ["draft"', "draft"),
        (r'skipped = \["conflict"', 'skipped = ["code-issued"', "code form"),
        ("holidays = .*?\n]", 'holidays = ["never"]', "calendar.holidays"),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Atlantis"', "calendar.zone"),
        ('state = "queried"', 'state = "rejected"', "skipped or final"),
        ('act = "release"', 'act = "submit"', "no submit from return-pending"),
        ('act = "release"', 'act = "release"\nthen = "draft"', "`then`"),
        ('rule = "next-full-hour"', 'rule = "night-window"', "opens"),
        ("days = 120", "", "days"),
        (r"\[texts\]\neligible", "[texts]\nbeautiful", "texts must be"),
        ("號碼{number}符合", "號碼{code}符合", "names code"),
        (r"\[reasons.code-invalid\]", "[reasons.arrears]", "one code"),
        ('source = "ours"', 'source = ""', "source"),
        ('state = "draft"', 'state = "queried"', "two timers"),
        ("minutes = 60", "minutes = -1", "lifetime.minutes"),
        ('\\[timers.queried\\]\nstate = "queried"', '[timers.queried]\nstate = "code-issued"', "lifetime of codes"),
    ],
)
def test_a_profile_that_is_wrong_is_refused_and_the_place_named(tmp_path, pattern, replacement, said):
    assert said in wrong(tmp_path, pattern, replacement)


def test_a_timer_that_rejects_needs_its_reason(tmp_path):
    assert "no-answer" in wrong(tmp_path, r"\[reasons.no-answer\]", "[reasons.silence]", "nl")


def test_a_new_country_is_a_new_file(tmp_path, world):
    path = tmp_path / "xx.toml"
    path.write_text(WRITTEN["cn"].replace('name = "cn"', 'name = "xx"').replace("minutes = 60", "minutes = 5"))
    loaded = profiles.load_all([str(path)])
    assert sorted(loaded) == ["cn", "in", "nanp", "nl", "xx"]
    world.profiles["xx"] = loaded["xx"]
    world.profile = loaded["xx"]
    number = world.subscriber(8610000000000)
    code = world.applications.issue_code
    assert code
    assert world.submit(number, code=world.code(number)).profile == "xx"


@pytest.mark.parametrize("name", ["atlantis", "/nonexistent.toml", "/"])
def test_a_profile_that_is_not_there_is_named(name):
    with pytest.raises(ProfileError, match="no such profile"):
        profiles.load(name)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ProfileError, match="no TOML"):
        profiles.load(str(path))
