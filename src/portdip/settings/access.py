"""The settings of a query process: where it listens, who may ask, what each protocol answers.

Addresses are `host:port`, `[ipv6]:port` or `:port` (loopback). In TOML all of it is the table `access`; in the
environment, for example, PORTDIP_ACCESS__ENUM__TTL.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Network = IPv4Network | IPv6Network


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Client(_Section):
    """A network that may ask over UDP and ENUM's TCP. Of several around a source the narrowest counts."""

    network: Network = Field(description="Source addresses, such as 10.1.0.0/16.")
    profile: str = Field(default="default", description="The ENUM profile its answers are made by.")
    queries_per_second: int = Field(
        default=0, ge=0, description="For each /24 or /64 in it; what is more is dropped. 0: no limit."
    )
    replies_per_second: int = Field(
        default=2000,
        ge=0,
        description="Equal ENUM replies for each /24 or /64 in it, as NSD limits them; all `no such name` are equal. "
        "0: no limit. NSD's rate for known clients: a switch asks for many unknown numbers.",
    )


def _loopback() -> tuple[Client, ...]:
    return tuple(
        Client(network=network, replies_per_second=0) for network in (IPv4Network("127.0.0.0/8"), IPv6Network("::1"))
    )


class Udp(_Section):
    """What ENUM and pdb have in common."""

    clients: tuple[Client, ...] = Field(
        default_factory=_loopback, description="Who may ask; everybody else gets no reply. Loopback by default."
    )
    stale_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Lag beyond which pdb is silent and ENUM answers SERVFAIL: a wrong answer is worse than none.",
    )
    wait_limit_ms: float = Field(
        default=40.0,
        gt=0,
        description="Requests that waited longer are shed: a pdb client has given up after 50 ms, and takes a late "
        "reply for the answer to its next question.",
    )
    receive_buffer: int = Field(
        default=1 << 20, ge=4096, description="Bytes of requests that may wait for each worker and address."
    )
    slip: int = Field(
        default=2, ge=0, description="Of the ENUM replies over the limit every so-manieth is sent truncated. 0: none."
    )


class Record(_Section):
    """One NAPTR record (RFC 6116). `uri` may name {number}, {rn}, {carrier}, {spn}, {mcc} and {mnc}.

    A parameter such as `;rn={rn}` whose name stands for nothing is left out, and rn-context with rn.
    """

    service: str = Field(default="E2U+pstn:tel", pattern=r"^E2U(\+[A-Za-z0-9]+(:[A-Za-z0-9-]+)*)+$")
    uri: str = Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")
    order: int = Field(default=10, ge=0, le=65535)
    preference: int = Field(default=100, ge=0, le=65535)


class Profile(_Section):
    """How a client network wants its ENUM answers; no records: NXDOMAIN.

    A reply over UDP has at most three times the bytes of its query: what two records make larger is truncated, and
    costs the client a connection over TCP. Clients with other wants are better served by a profile each.
    """

    ported: tuple[Record, ...] = (Record(uri="tel:+{number};npdi;rn={rn}"),)
    native: tuple[Record, ...] = (Record(uri="tel:+{number};npdi"),)
    unknown: tuple[Record, ...] = ()


class CarrierCodes(_Section):
    """What a carrier is called in an ENUM answer: {spn}, {mcc} and {mnc}."""

    spn: str = Field(default="", pattern=r"^[0-9A-Za-z-]*$")
    mcc: str = Field(default="", pattern=r"^([0-9]{3})?$")
    mnc: str = Field(default="", pattern=r"^([0-9]{2,3})?$")


class Enum(_Section):
    """ENUM (RFC 6116): numbers in the DNS."""

    apex: str = Field(default="e164.arpa", pattern=r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$", max_length=180)
    ttl: int = Field(default=0, ge=0, le=604_800, description="Seconds; 0 lets nobody keep what may change.")
    negative_ttl: int = Field(default=0, ge=0, le=86_400, description="Seconds for which a name may be held absent.")
    name_server: str = Field(default="ns.invalid", description="The NS record, and the first name of the SOA.")
    contact: str = Field(default="hostmaster.invalid", description="The second name of the SOA.")
    profiles: dict[str, Profile] = Field(default_factory=lambda: {"default": Profile()})
    carriers: dict[str, CarrierCodes] = Field(default_factory=dict, description="By carrier id.")
    shed: Literal["drop", 2, 5] = Field(
        default="drop", description="What overload gets: nothing, SERVFAIL (2) or REFUSED (5)."
    )


class Pdb(_Section):
    """Kamailio's pdb protocol, versions 1 and 0."""

    carriers: dict[str, Annotated[int, Field(ge=1, le=32767)]] = Field(
        default_factory=dict,
        description="Carrier id to the integer that clients get. An id that is itself such an integer needs none.",
    )
    other: Annotated[int, Field(ge=1, le=32767)] = Field(
        default=1000, description="What carriers without an integer get; pdbt calls 1000 the other carrier."
    )
    v0_not_found: Literal[0, -1] = Field(
        default=0, description="What version 0 says for no carrier; Kamailio since 2024 says -1."
    )


class Http(_Section):
    """HTTP: what a request may cost, and TLS."""

    certificate: Path | None = Field(default=None, description="TLS certificate chain (PEM).")
    key: Path | None = Field(default=None, description="Its private key (PEM).")
    client_authority: Path | None = Field(
        default=None, description="Certificates (PEM) that those of clients must be signed by: mutual TLS."
    )
    header_seconds: float = Field(default=10.0, gt=0, description="For a request's head to arrive, or it is cut off.")
    stall_seconds: float = Field(default=30.0, gt=0, description="For a body to move on, in or out.")
    json_bytes: int = Field(default=1 << 20, ge=1024, description="The largest JSON or text body.")
    bulk_bytes: int = Field(default=1 << 40, ge=1024, description="The largest Arrow stream.")
    connections: int = Field(default=4096, ge=1, description="Open at a time in a worker; more get 503.")
    bulk_requests: int = Field(
        default=8, ge=1, description="List requests at work at a time in a worker; more get 503."
    )
    loop_delay_ms: float = Field(default=250.0, gt=0, description="Delay in a worker beyond which dips get 503.")
    dips_per_second: int = Field(default=0, ge=0, description="For each key and worker; more get 429. 0: no limit.")

    @model_validator(mode="after")
    def _both_or_none(self) -> Http:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key go together")
        if self.client_authority is not None and self.certificate is None:
            raise ValueError("mutual TLS wants a certificate of our own too")
        return self


class Access(_Section):
    """The query process."""

    http: tuple[str, ...] = Field(default=(), description="Addresses for HTTP.")
    enum: tuple[str, ...] = Field(default=(), description="Addresses for ENUM, UDP and TCP.")
    pdb: tuple[str, ...] = Field(default=(), description="Addresses for pdb, UDP.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that answer.")
    resident: bool = Field(default=False, description="Each worker copies the index into huge pages of its own.")
    log_dips: float = Field(
        default=0.0, ge=0, le=1, description="Share of the dips over HTTP that are logged, numbers masked."
    )
    udp: Udp = Udp()
    enum_zone: Enum = Enum()
    pdb_server: Pdb = Pdb()
    http_server: Http = Http()

    @model_validator(mode="after")
    def _profiles_exist(self) -> Access:
        for client in self.udp.clients:
            if client.profile not in self.enum_zone.profiles:
                raise ValueError(f"client {client.network} has a profile that is not there: {client.profile}")
        return self
