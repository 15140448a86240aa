"""Events posted to carriers: signed, in order, again where they did not arrive, given up in the end."""

import hashlib
import hmac
from datetime import timedelta

import httpx
import orjson
import pytest
from sqlalchemy import select

from portdip.porting.api.webhooks import Deliveries
from portdip.porting.tables.access import WEBHOOKS
from portdip.settings.porting import Porting

URL = "https://alpha.example/events"


class Receiver:
    """A carrier's system; it answers as `statuses` say, then 204."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.posts = []

    def __call__(self, request):
        self.posts.append(request)
        status = self.statuses.pop(0) if self.statuses else 204
        if status is None:
            raise httpx.ReadTimeout("silence")
        return httpx.Response(status)

    @property
    def ids(self):
        return [int(post.headers["portdip-event"]) for post in self.posts]


@pytest.fixture
def hooked(api):
    """A webhook of ALPHA, its secret, and events for it."""
    made = api.ask("centre", "POST", "/webhooks", {"carrier": "ALPHA", "url": URL}).json()
    api.scheduled()
    return made


def deliveries(api, receiver, attempts=8):
    settings = Porting(webhook_attempts=attempts)
    return Deliveries(api.layer.database, api.layer.vault, settings, httpx.MockTransport(receiver))


def all_of(made):
    while made.step():
        pass


def webhook(api):
    (one,) = api.ask("donor ALPHA", "GET", "/webhooks").json()["webhooks"]
    return one


def test_every_event_is_posted_once_in_order_and_signed(api, hooked):
    receiver = Receiver()
    all_of(deliveries(api, receiver))
    expected = [event["id"] for event in api.ask("donor ALPHA", "GET", "/events").json()["events"]]
    assert receiver.ids == expected
    for post in receiver.posts:
        moment, mac = (part.split("=")[1] for part in post.headers["portdip-signature"].split(","))
        signed = moment.encode() + b"." + post.content
        assert hmac.compare_digest(mac, hmac.digest(hooked["secret"].encode(), signed, hashlib.sha256).hex())
    assert orjson.loads(receiver.posts[-1].content)["body"]["state"] == "scheduled"
    assert webhook(api)["position"] == expected[-1]
    all_of(deliveries(api, receiver))
    assert len(receiver.posts) == len(expected)


def test_an_event_that_does_not_arrive_is_posted_again_later_before_those_after_it(api, hooked):
    receiver = Receiver(500, None, 302)
    made = deliveries(api, receiver)
    for pause in (1, 2, 4):
        all_of(made)
        assert len(set(receiver.ids)) == 1
        api.clock.advance(timedelta(seconds=pause - 0.5))
        all_of(made)
        assert webhook(api)["attempts"] == len(receiver.posts)
        api.clock.advance(timedelta(seconds=0.5))
    all_of(made)
    assert receiver.ids == sorted(receiver.ids)
    assert len(set(receiver.ids)) == len(receiver.ids) - 3


def test_an_event_is_given_up_after_so_many_attempts_and_the_next_goes_out(api, hooked):
    receiver = Receiver(500, 500)
    made = deliveries(api, receiver, attempts=2)
    all_of(made)
    api.clock.advance(timedelta(seconds=1))
    all_of(made)
    assert (webhook(api)["given_up"], len(set(receiver.ids))) == (1, len(receiver.ids) - 1)


def test_two_processes_post_an_event_once(api, hooked):
    receiver = Receiver()
    one, other = deliveries(api, receiver), deliveries(api, receiver)
    (row,) = one._due()
    assert one._claim(row) is not None
    assert other._due() == []
    assert other._claim(row) is None


def test_a_process_that_died_while_posting_is_followed_by_another(api, hooked):
    receiver = Receiver()
    died = deliveries(api, receiver)
    (row,) = died._due()
    died._claim(row)
    after = deliveries(api, receiver)
    assert after.step() == 0
    api.clock.advance(timedelta(seconds=20))
    assert after.step() == 1


def test_a_webhook_is_made_and_removed_by_the_centre_and_its_secret_shown_once(api, hooked):
    assert webhook(api)["secret"] is None
    with api.layer.database.reading() as connection:
        assert hooked["secret"].encode() not in connection.execute(select(WEBHOOKS.c.secret)).scalar_one()
    again = api.ask("centre", "POST", "/webhooks", {"carrier": "ALPHA", "url": URL})
    assert again.status_code == 409
    for url in ("ftp://alpha.example/", "https://", "https://user@alpha.example/"):
        assert api.ask("centre", "POST", "/webhooks", {"carrier": "ALPHA", "url": url}).status_code in (409, 422)
    assert api.ask("centre", "GET", "/webhooks?carrier=ALPHA").json()["webhooks"][0]["url"] == URL
    assert api.ask("donor BETA", "GET", "/webhooks").json() == {"webhooks": []}
    assert api.ask("centre", "DELETE", f"/webhooks/{hooked['id']}").status_code == 204
    assert api.ask("centre", "DELETE", f"/webhooks/{hooked['id']}").status_code == 409
    receiver = Receiver()
    all_of(deliveries(api, receiver))
    assert receiver.posts == []
