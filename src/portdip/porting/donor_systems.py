"""What a donor knows of a subscriber: from our own table, or asked of the carrier's own system over HTTP.

Whoever asks gets a subscriber, or None for a number the donor does not know, or CannotTellError. The last is neither
a yes nor a refusal: nothing may be decided from it. A carrier's system can be slow; it is never asked within a
database transaction.

Over HTTP the question is `GET URL/NUMBER`, the number in digits without '+', with the bearer token of the settings.
404 says unknown; 200 brings JSON of the fields of `_Answer`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal, Protocol

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import bindparam, select

from portdip import number as numbers
from portdip.errors import CannotTellError
from portdip.porting.database import Database
from portdip.porting.privacy import Vault
from portdip.porting.tables.subscribers import SUBSCRIBERS
from portdip.settings.porting import DonorSystem as DonorSettings

_ANSWER_BYTES_MAX = 64 * 1024
_PAUSE_S = 0.1

Kind = Literal["personal", "corporate", "iot", "reseller", "satellite"]
Status = Literal["normal", "suspended", "lost", "closed"]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A line as its carrier knows it.

    `identity` is a hash of `portdip.porting.privacy`; `name` is plain, for comparing only, '' where it is not known.
    Money is in the smallest unit of the currency.
    """

    number: int
    carrier: str
    kind: str
    status: str
    area: str
    real_name: bool
    identity: str
    identity_last4: str
    name: str = field(repr=False)
    arrears: int
    unbilled: int
    unbilled_agreed: bool
    contract_until: datetime | None
    joined: datetime
    bars: frozenset[str]


class DonorSystem(Protocol):
    """Something that knows the subscribers of a carrier. Safe to share between threads."""

    def subscriber(self, number: int) -> Subscriber | None:
        """The subscriber of a number, None where there is none. Raises CannotTellError."""
        ...


class SubscriberTable:
    """The subscribers of one carrier in our table."""

    def __init__(self, database: Database, vault: Vault, carrier: str) -> None:
        self._database = database
        self._vault = vault
        self._carrier = carrier

    def subscriber(self, number: int) -> Subscriber | None:
        """The subscriber of a number, None where the carrier has none of it."""
        with self._database.reading() as connection:
            row = connection.execute(_SUBSCRIBER, {"number": number, "carrier": self._carrier}).first()
        if row is None:
            return None
        values = dict(row._mapping)
        sealed = values.pop("name")
        del values["changed"]
        values["bars"] = frozenset(values["bars"])
        name = "" if sealed is None else self._vault.unseal(sealed, name_context(number))
        return Subscriber(**values, name=name)


class RemoteDonorSystem:
    """A carrier's own system, asked over HTTP; close it in the end.

    An attempt ends when nothing has come for `timeout_seconds`, or the whole answer took longer than that; after one
    that failed comes a pause, twice as long each time.
    """

    def __init__(
        self, settings: DonorSettings, vault: Vault, carrier: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._vault = vault
        self._carrier = carrier
        token = settings.token.get_secret_value()
        self._client = httpx.Client(
            timeout=settings.timeout_seconds,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"}
            | ({"Authorization": f"Bearer {token}"} if token else {}),
            transport=transport,
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def subscriber(self, number: int) -> Subscriber | None:
        """The subscriber of a number, None where the system says it does not know it. Raises CannotTellError."""
        said = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                time.sleep(_PAUSE_S * 2 ** (attempt - 1))
            try:
                status, content = self._asked(number)
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                said = type(error).__name__
                continue
            if status == 404:
                return None
            if status == 200:
                return self._read(number, content)
            said = f"status {status}"
            if status < 500 and status != 429:
                break
        raise self._cannot_tell(number, said)

    def _asked(self, number: int) -> tuple[int, bytes]:
        """Status and body. The client's own timeouts start anew with every byte, so the body is timed here."""
        until = time.monotonic() + self._settings.timeout_seconds
        with self._client.stream("GET", f"{self._settings.url.rstrip('/')}/{number}") as response:
            content = b""
            for part in response.iter_bytes():
                content += part
                if len(content) > _ANSWER_BYTES_MAX:
                    raise httpx.DecodingError(f"more than {_ANSWER_BYTES_MAX} bytes")
                if time.monotonic() > until:
                    raise TimeoutError
            return response.status_code, content

    def _read(self, number: int, content: bytes) -> Subscriber:
        try:
            answer = _Answer.model_validate_json(content)
        except ValidationError as error:
            key = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise self._cannot_tell(number, f"an answer that is wrong at {key or 'its beginning'}") from None
        if answer.number != str(number):
            raise self._cannot_tell(number, "the answer is of another number")
        identity = self._vault.identity(answer.identity)
        return Subscriber(
            number=number,
            carrier=self._carrier,
            identity=identity.hash,
            identity_last4=identity.last4,
            **answer.model_dump(exclude={"number", "identity"}),
        )

    def _cannot_tell(self, number: int, got: str) -> CannotTellError:
        return CannotTellError(
            f"the system of {self._carrier} gave no usable answer",
            where=numbers.mask(number),
            got=got,
            fix="Nothing was decided; ask again later.",
        )


class DonorSystems:
    """The donor systems of all carriers: those named have one of their own, all others are in our table."""

    def __init__(self, database: Database, vault: Vault, remote: Mapping[str, DonorSystem]) -> None:
        self._database = database
        self._vault = vault
        self._remote = remote

    def of(self, carrier: str) -> DonorSystem:
        """The system that knows a carrier's subscribers."""
        return self._remote.get(carrier) or SubscriberTable(self._database, self._vault, carrier)


def name_context(number: int) -> str:
    """What a subscriber's name is sealed with, so that no row's name opens in another's."""
    return f"subscriber {number}"


_SUBSCRIBER = select(SUBSCRIBERS).where(
    SUBSCRIBERS.c.number == bindparam("number"), SUBSCRIBERS.c.carrier == bindparam("carrier")
)


class _Answer(BaseModel):
    """What a carrier's system says of a subscriber; identity number and name are plain there, and only there."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    number: str
    kind: Kind
    status: Status
    area: str = ""
    real_name: bool
    identity: Annotated[str, Field(min_length=1)]
    name: str = ""
    arrears: Annotated[int, Field(ge=0)]
    unbilled: Annotated[int, Field(ge=0)]
    unbilled_agreed: bool = False
    contract_until: AwareDatetime | None = None
    joined: AwareDatetime
    bars: frozenset[str] = frozenset()
