"""A porting API over a store of its own, on a clock that is moved by hand, and keys of every role."""

import asyncio
import itertools
from datetime import timedelta

import httpx
import pytest

from portdip.access.http.docs_page import HEADERS, PAGE
from portdip.cli._served import Served
from portdip.lookup.load import init_store
from portdip.porting import resources
from portdip.porting.actor import CARRIER_ROLES, Role
from portdip.porting.api import keys
from portdip.porting.api.app import DocsPage, application
from portdip.porting.clock import VirtualClock
from portdip.porting.layer import Layer
from portdip.porting.subscribers import COLUMNS, import_csv
from portdip.settings.porting import Porting
from tests.porting.conftest import START, new_database
from tests.porting.world import CARRIERS, CENTRE, GOOD, IDENTITY, NAME

FIRST = 8610000000000
ROLES = [role for role in Role if role is not Role.SYSTEM]


class Texts:
    """A sender that keeps what it is to send."""

    def __init__(self):
        self.sent = []

    def send(self, number, text):
        self.sent.append((number, text))


class Api:
    """A layer, its API, and a key for every role: those of carriers by `role carrier`."""

    def __init__(self, layer, store, clock, runner):
        self.layer, self.store, self.clock = layer, store, clock
        self.texts = Texts()
        self.app = application(layer, self.texts, lambda: Served(store, clock.now()), DocsPage(PAGE, HEADERS))
        self.runner = runner
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://api")
        self.keys = {}
        self.fresh = (str(FIRST + offset) for offset in itertools.count(1))
        with layer.database.transaction() as tx:
            for place, carrier in enumerate(CARRIERS):
                begin = FIRST + 1000 * place
                resources.assign(tx, CENTRE, begin, begin + 999, carrier, "set-up")
            for role in ROLES:
                for carrier in CARRIERS if role in CARRIER_ROLES else [""]:
                    self.keys[f"{role} {carrier}".strip()] = keys.new(tx, CENTRE, role, carrier)
        row = ",".join(GOOD.get(name, "{number}") for name in COLUMNS)
        lines = [",".join(COLUMNS), *(row.replace("{number}", str(FIRST + offset)) for offset in range(200))]
        import_csv(layer.database, layer.vault, CENTRE, "ALPHA", lines)
        layer.step()

    def ask(self, who, method, path, body=None, **headers):
        """Ask as a role, `ROLE CARRIER`; header names with underscores."""
        given = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        given["authorization"] = f"Bearer {self.keys[who]}"
        return self.request(method, f"/v1/porting{path}", json=body, headers=given)

    def request(self, *arguments, **options):
        return self.runner.run(self.client.request(*arguments, **options))

    def claim(self, number=None, **changes):
        number = number or next(self.fresh)
        return {"number": number, "donor": "ALPHA", "identity": IDENTITY, "name": NAME} | changes

    def code(self, claim):
        answer = self.ask("desk ALPHA", "POST", "/codes", claim)
        assert answer.status_code == 201, answer.text
        return answer.json()["code"]

    def submission(self, **changes):
        """A submission with a good code."""
        claim = self.claim()
        of_claim = {name: claim[name] for name in ("number", "identity", "name")}
        return of_claim | {"code": self.code(claim), "routing_number": "B2", "risks_confirmed": "notice 1"} | changes

    def scheduled(self):
        """A new order of BETA for a number of ALPHA, as the API shows it."""
        answer = self.ask("recipient BETA", "POST", "/orders", self.submission())
        assert answer.status_code == 201, answer.text
        return answer.json()

    def ported(self):
        order = self.scheduled()
        self.clock.advance(timedelta(hours=1))
        self.layer.step()
        return self.ask("centre", "GET", f"/orders/{order['reference']}").json()


@pytest.fixture
def clock():
    return VirtualClock(START)


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.full, pytest.mark.system("pg_ctlcluster", "postgresql")]),
    ]
)
def database_url(request, tmp_path) -> str:
    """The URL of an empty database; PostgreSQL under `make test-full` only."""
    return f"sqlite:///{tmp_path}/porting.db" if request.param == "sqlite" else new_database(request)


@pytest.fixture
def api(tmp_path, database_url, clock):
    store = init_store(tmp_path / "store", "test")
    settings = Porting(database_url=database_url)
    with asyncio.Runner() as runner, Layer.open(store.path, settings, store.writer, clock) as layer:
        yield Api(layer, store, clock, runner)
