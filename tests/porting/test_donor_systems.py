"""What a donor says of a subscriber: by our table, by its own system, and when that system misbehaves."""

import socket
import threading

import httpx
import pytest

from portdip.errors import CannotTellError
from portdip.porting.donor_systems import RemoteDonorSystem, SubscriberTable
from portdip.settings.porting import DonorSystem
from tests.porting.world import CLAIM, IDENTITY, NAME, World, desk

NUMBER = 8610000000000
ANSWER = {
    "number": str(NUMBER),
    "kind": "personal",
    "status": "normal",
    "real_name": True,
    "identity": IDENTITY,
    "name": NAME,
    "arrears": 0,
    "unbilled": 0,
    "joined": "2020-01-01T00:00:00Z",
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr("portdip.porting.donor_systems._PAUSE_S", 0)


def remote(world, *answers, attempts=3) -> tuple[RemoteDonorSystem, list[httpx.Request]]:
    """A system that gives these answers in turn: a response, or an error to raise."""
    asked: list[httpx.Request] = []
    left = list(answers)

    def answer(request):
        asked.append(request)
        said = left.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    settings = DonorSystem(url="http://alpha.invalid/subscribers/", token="secret", attempts=attempts)
    return RemoteDonorSystem(settings, world.vault, "ALPHA", httpx.MockTransport(answer)), asked


def test_the_table_knows_a_carriers_own_subscribers_only(world):
    number = world.subscriber(world.number(), "ALPHA", bars="court sub-judice", contract_until="2027-01-01T00:00:00Z")
    found = SubscriberTable(world.database, world.vault, "ALPHA").subscriber(number)
    assert (found.name, found.bars, found.contract_until.year) == (NAME, {"court", "sub-judice"}, 2027)
    assert world.vault.is_identity(IDENTITY, found.identity)
    assert SubscriberTable(world.database, world.vault, "BETA").subscriber(number) is None
    assert NAME not in repr(found)


def test_a_carriers_own_system_is_asked_with_its_token(world):
    system, asked = remote(world, httpx.Response(200, json=ANSWER))
    found = system.subscriber(NUMBER)
    assert (str(asked[0].url), asked[0].headers["authorization"]) == (
        f"http://alpha.invalid/subscribers/{NUMBER}",
        "Bearer secret",
    )
    assert world.vault.is_identity(IDENTITY, found.identity)
    assert (found.carrier, found.identity_last4, found.name) == ("ALPHA", "002X", NAME)


def test_a_number_it_does_not_know_is_none(world):
    assert remote(world, httpx.Response(404))[0].subscriber(NUMBER) is None


def test_what_may_pass_is_tried_again(world):
    system, asked = remote(world, httpx.ConnectError("no"), httpx.Response(503), httpx.Response(200, json=ANSWER))
    assert system.subscriber(NUMBER) is not None
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("answers", "attempts"),
    [
        ([httpx.Response(500)] * 3, 3),
        ([httpx.ReadTimeout("slow")] * 3, 3),
        ([httpx.Response(403)], 1),
        ([httpx.Response(302, headers={"location": "http://elsewhere.invalid"})], 1),
        ([httpx.Response(200, text="not JSON")], 1),
        ([httpx.Response(200, json=[])], 1),
        ([httpx.Response(200, json=ANSWER | {"number": "8610000000001"})], 1),
        ([httpx.Response(200, json=ANSWER | {"arrears": -1})], 1),
        ([httpx.Response(200, json=ANSWER | {"status": "fine"})], 1),
        ([httpx.Response(200, json=ANSWER | {"joined": "2020-01-01T00:00:00"})], 1),
        ([httpx.Response(200, content=b" " * 100_000)] * 3, 3),
    ],
)
def test_anything_else_cannot_tell_and_says_nothing_of_the_person(world, answers, attempts):
    system, asked = remote(world, *answers)
    with pytest.raises(CannotTellError) as error:
        system.subscriber(NUMBER)
    assert len(asked) == attempts
    assert str(NUMBER) not in str(error.value)
    assert NAME not in str(error.value)


@pytest.mark.parametrize("opening", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_a_system_that_hangs_is_given_up(world, opening):
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def hang():
            for _ in range(2):
                connection, _ = server.accept()
                connection.sendall(opening)
                held.append(connection)

        thread = threading.Thread(target=hang)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        system = RemoteDonorSystem(DonorSystem(url=url, timeout_seconds=0.1, attempts=2), world.vault, "ALPHA")
        with pytest.raises(CannotTellError, match="Timeout"):
            system.subscriber(NUMBER)
        system.close()
        thread.join()
        for connection in held:
            connection.close()


def test_an_answer_that_drips_is_given_up(world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
                while not stop.wait(0.02):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        system = RemoteDonorSystem(DonorSystem(url=url, timeout_seconds=0.2, attempts=1), world.vault, "ALPHA")
        with pytest.raises(CannotTellError, match="TimeoutError"):
            system.subscriber(NUMBER)
        stop.set()
        system.close()
        thread.join()


def test_nothing_is_decided_and_nothing_is_held_up_while_a_system_cannot_tell(database, clock):
    class Broken:
        def subscriber(self, number):
            with database.transaction():  # nobody holds the database while the system is asked
                raise CannotTellError("hangs")

    world = World(database, clock, remote={"ALPHA": Broken()})
    number = world.number()
    for ask in (world.applications.query, world.applications.issue_code):
        with pytest.raises(CannotTellError):
            ask(desk("ALPHA"), world.profile, number, "ALPHA", CLAIM, "CXXZ")
    with database.reading() as connection:
        assert world.orders.of_number(connection, number) == []
