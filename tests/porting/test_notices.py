"""Notices to subscribers: which, when, once."""

from datetime import timedelta

import pytest

from portdip.errors import PortingError
from portdip.porting.notices import Notices
from portdip.porting.states import Act
from tests.porting.world import CENTRE, desk


class Sender:
    """Keeps the texts, or fails."""

    def __init__(self):
        self.texts: list[str] = []
        self.broken = False

    def send(self, number: int, text: str) -> None:
        if self.broken:
            raise PortingError("away")
        self.texts.append(text)


@pytest.fixture
def sender():
    return Sender()


@pytest.fixture
def notices(world, sender):
    begun = Notices(world.database, world.profiles, sender)
    assert begun.step() == 0
    return begun


def test_a_subscriber_is_told_of_every_step_that_matters(world, notices, sender):
    order = world.port(world.number())
    order = world.move(world.move(order, Act.CUT_OVER), Act.COMPLETE)
    assert notices.step() == 3
    assert sender.texts == [
        f"號碼{order.number}攜入BETA的申請已受理。",
        f"號碼{order.number}將於2026-06-01 10:00攜轉至BETA。",
        f"號碼{order.number}已由BETA提供服務。",
    ]
    assert notices.step() == 0


def test_a_refusal_is_told_with_its_reasons_and_in_the_applicants_language(world, notices, sender):
    world.suspended.add("BETA")
    number = world.in_country("nl").number()
    world.submit(number, language="zh")
    assert notices.step() == 2
    assert sender.texts[1] == f"號碼{number}的攜轉申請未通過:新運營商被暫停攜入業務。"


def test_what_was_never_submitted_needs_no_notice(world, notices, sender):
    number = world.subscriber(world.number())
    world.code(number)
    with world.database.transaction() as tx:
        world.steps.cancel(tx, world.orders.open_of(tx, number), CENTRE, "left")
    assert notices.step() == 0
    order = world.submit(number, code=world.code(number))
    with world.database.transaction() as tx:
        world.steps.cancel(tx, world.orders.get(tx, order.reference), desk("BETA"), "they stay")
    assert notices.step() == 3
    assert sender.texts[-1] == f"號碼{number}的攜轉申請已取消。"


def test_what_cannot_be_sent_is_sent_later_and_what_was_is_not_sent_again(world, notices, sender):
    world.port(world.number())
    sender.broken = True
    with pytest.raises(PortingError):
        notices.step()
    sender.broken = False
    assert notices.step() == 2


def test_what_is_a_day_old_is_not_sent_any_more(world, notices, sender):
    world.port(world.number())
    world.clock.advance(timedelta(days=1, seconds=1))
    world.port(world.number(1))
    assert notices.step() == 2
    assert all(str(world.number(1)) in text for text in sender.texts)


def test_another_process_leaves_them_alone_meanwhile(world, notices, sender):
    other = Notices(world.database, world.profiles, Sender())
    world.port(world.number())
    taken: list[int] = []
    send = sender.send

    def slow(number, text):
        taken.append(other.step())
        send(number, text)

    sender.send = slow
    assert notices.step() == 2
    assert taken == [0, 0]


def test_what_a_process_held_when_it_died_is_taken_over_after_a_minute(world, notices, sender):
    world.port(world.number())
    assert notices._taken() is not None
    assert notices.step() == 0
    world.clock.advance(timedelta(minutes=1))
    assert notices.step() == 2
