"""The front door for text messages, in China and in India."""

import hashlib
import hmac
import json
import re

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portdip.errors import CannotTellError, PortingError
from portdip.porting import profile as profiles
from portdip.porting import sms
from portdip.porting.sms import FrontDoor
from portdip.porting.states import State
from portdip.porting.text_senders import NoTexts, TextSpool, Webhook, sender_of
from portdip.settings.porting import Sms
from tests.porting.world import IDENTITY, NAME, World, desk

ALL = profiles.load_all()


class Sent:
    """Keeps what is sent."""

    def __init__(self):
        self.texts: list[tuple[int, str]] = []

    def send(self, number: int, text: str) -> None:
        self.texts.append((number, text))


def ask(world: World, number: int, text: str) -> str:
    sent = Sent()
    door = FrontDoor(world.database, world.profile, world.applications, world.steps, sent)
    answer = door.receive(desk("ALPHA"), "ALPHA", number, text)
    assert sent.texts == [(number, answer)]
    return answer


def test_query_and_code_by_text_then_a_port(world):
    number = world.subscriber(world.number())
    assert ask(world, number, f"CXXZ#{NAME}#{IDENTITY}") == f"號碼{number}符合攜轉條件。"
    answer = ask(world, number, f"SQXZ#{NAME}#{IDENTITY}")
    code = re.search(r"授權碼為(\d{8}),有效期至2026-06-01 10:00", answer)[1]
    assert world.submit(number, code=code).state is State.SCHEDULED
    assert "正在辦理攜轉" in ask(world, number, f"SQXZ#{NAME}#{IDENTITY}")


def test_every_reason_comes_with_what_can_be_done_about_it(world):
    number = world.subscriber(world.number(), arrears="100", contract_until="2027-01-01T00:00:00Z")
    answer = ask(world, number, f"CXXZ#{NAME}#{IDENTITY}")
    for part in ("有未結清的已出賬費用", "請結清費用", "在網期限協議尚未到期", "解除協議"):
        assert part in answer


def test_somebody_elses_name_gets_no_code(world):
    number = world.subscriber(world.number())
    assert "不一致" in ask(world, number, f"SQXZ#李雷#{IDENTITY}")


@pytest.mark.parametrize("text", ["", "hello", "CXXZ", "CXXZ##", "CXXZ#a", "SQXZ#a#b#c", "#", "CXXZ#a#" + "9" * 600])
def test_what_is_no_command_is_answered_with_the_commands(world, text):
    answer = ask(world, world.number(), text)
    assert "CXXZ#name#identity" in answer
    assert "SQXZ#name#identity" in answer


def test_full_width_and_small_letters_are_as_good(world):
    number = world.subscriber(world.number())
    assert "符合" in ask(world, number, f" ｃｘｘｚ＃{NAME}＃{IDENTITY.lower()} ")


def test_a_number_that_nobody_knows_is_told_so(world):
    assert "不是攜出方的用戶號碼" in ask(world, world.number(), f"CXXZ#{NAME}#{IDENTITY}")


def test_a_donor_that_cannot_tell_is_no_refusal(database, clock):
    class Broken:
        def subscriber(self, number):
            raise CannotTellError("away")

    world = World(database, clock, remote={"ALPHA": Broken()})
    assert "稍後再試" in ask(world, world.number(), f"SQXZ#{NAME}#{IDENTITY}")


def test_in_india_port_and_cancel_are_in_english(world):
    world.in_country("in")
    number = world.subscriber(world.number())
    code = re.search(r"porting code of \d+ is ([A-Z2-9]{8}), valid until", ask(world, number, f"PORT {number}"))[1]
    order = world.submit(number, code=code)
    assert ask(world, number, f"cancel {number}") == f"The port of {number} is cancelled."
    assert world.now_of(order).state is State.CANCELLED
    assert "no port" in ask(world, number, f"CANCEL {number}")


def test_a_text_is_about_the_number_that_it_comes_from(world):
    world.in_country("in")
    number = world.subscriber(world.number())
    assert "Not understood" in ask(world, number, f"PORT {number + 1}")
    national = str(number).removeprefix("91")
    assert "porting code" in ask(world, number, f"PORT {national}")


@given(st.sampled_from(sorted(ALL)), st.text(max_size=40) | st.from_regex("(CXXZ|SQXZ|PORT)[# ].{0,20}"))
def test_no_text_breaks_the_reader(country, text):
    asked = sms.understood(ALL[country], 8610000000000, text)
    assert asked is None or asked.command in ALL[country].commands


def test_texts_lie_in_files_of_their_own_until_they_are_taken(tmp_path):
    spool = sender_of(Sms(sender="file", directory=tmp_path / "out"))
    assert isinstance(spool, TextSpool)
    for text in ("一", "二"):
        spool.send(8610000000000, text)
    files = sorted((tmp_path / "out").iterdir())
    assert [json.loads(path.read_bytes()) for path in files] == [
        {"number": "8610000000000", "text": "一"},
        {"number": "8610000000000", "text": "二"},
    ]


def test_a_spool_that_is_gone_says_so(tmp_path):
    spool = TextSpool(tmp_path / "out")
    (tmp_path / "out").rmdir()
    with pytest.raises(PortingError, match="could not be written"):
        spool.send(8610000000000, "一")


def test_a_webhook_gets_a_text_once_and_signed():
    posted = []

    def take(request):
        posted.append(request)
        return httpx.Response(200 if len(posted) == 1 else 500)

    webhook = Webhook("http://sms.invalid/", b"secret", 1, httpx.MockTransport(take))
    webhook.send(8610000000000, "一")
    signature = hmac.new(b"secret", posted[0].content, hashlib.sha256).hexdigest()
    assert posted[0].headers["portdip-signature"] == f"sha256={signature}"
    with pytest.raises(PortingError, match="could not be sent"):
        webhook.send(8610000000000, "二")
    assert len(posted) == 2
    webhook.close()


def test_without_a_sender_the_caller_passes_the_answer_on():
    sender = sender_of(Sms())
    assert isinstance(sender, NoTexts)
    sender.send(8610000000000, "一")
    hook = sender_of(Sms(sender="webhook", url="http://sms.invalid/"))
    assert isinstance(hook, Webhook)
    hook.close()
