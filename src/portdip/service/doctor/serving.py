"""Checks of the settings of the query process, against the store where there is one."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from cryptography import x509

from portdip import files
from portdip.access.api_keys import ApiKeyFile
from portdip.access.enum_tables import Answers, Zone
from portdip.access.pdb_carriers import carrier_integers
from portdip.errors import ServiceError
from portdip.route import Route
from portdip.service.doctor.check import Finding, good, warning, wrong
from portdip.service.doctor.stores import ENDS_SOON, Patient
from portdip.service.sockets import check_free, places
from portdip.settings.access import Access


@dataclass(frozen=True)
class Plan(Patient):
    """A store, and the query process that is to answer from it."""

    @property
    def access(self) -> Access:
        """The settings of the query process."""
        return self.settings.access

    @cached_property
    def routes(self) -> dict[int, Route]:
        """The routes of the store's snapshot by code."""
        return self.store.current().routes

    @property
    def is_open(self) -> bool:
        """Whether HTTP is to be reached from other machines."""
        return any(place.protocol == "http" and not place.address.is_loopback for place in places(self.access))


def addresses(plan: Plan) -> Iterator[Finding]:
    """Whether the addresses can be listened at."""
    wanted = places(plan.access)
    if not wanted:
        yield good("the settings name no address: `portdip serve` takes --http, --enum and --pdb")
        return
    try:
        check_free(wanted)
    except ServiceError as error:
        yield warning(f"{error.what} at {error.where}: {error.got}", f"All is well if portdip runs. {error.fix}")
    else:
        yield good(f"free: {', '.join(map(str, wanted))}")


def clients(plan: Plan) -> Iterator[Finding]:
    """Whether those who are to ask over UDP may, and nobody else."""
    networks = [client.network for client in plan.access.udp.clients]
    reached = [place for place in places(plan.access) if place.protocol != "http" and not place.address.is_loopback]
    everybody = [network for network in networks if network.prefixlen == 0]
    if everybody:
        yield wrong(
            f"{everybody[0]} lets everybody ask, with any forged source",
            "Name the networks of your switches in access.udp.clients.",
        )
    elif reached and all(network.is_loopback for network in networks):
        yield wrong(
            f"{reached[0]} can be reached from other machines, which may not ask",
            "Name their networks in access.udp.clients.",
        )
    else:
        yield good(f"{', '.join(map(str, networks)) or 'nobody'} may ask over UDP")


def api_keys(plan: Plan) -> Iterator[Finding]:
    """Whether there are keys for HTTP that do not end soon, where they are needed."""
    keys, now = ApiKeyFile(plan.path).read().values(), datetime.now(UTC)
    valid = [key for key in keys if key.expires is None or key.expires > now]
    soon = [key.id for key in valid if key.expires is not None and key.expires < now + ENDS_SOON]
    if plan.is_open and not valid:
        yield wrong("HTTP can be reached from other machines and nobody has a key", "portdip keys api new STORE")
    elif soon:
        yield warning(f"keys that end soon: {', '.join(soon)}", "portdip keys api new STORE, and revoke the old one.")
    else:
        yield good(f"{len(valid)} API keys in force")


def certificate(plan: Plan) -> Iterator[Finding]:
    """Whether what is said over HTTP is encrypted, with a certificate that does not end soon."""
    http = plan.access.http_server
    if http.certificate is None or http.key is None:
        if plan.is_open:
            yield warning("HTTP can be read on its way", "Set access.http_server.certificate and key.")
        else:
            yield good("HTTP is for this machine only, not encrypted")
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(http.certificate, http.key)
        if http.client_authority is not None:
            context.load_verify_locations(http.client_authority)
        ends = x509.load_pem_x509_certificate(files.read_bytes(http.certificate)).not_valid_after_utc
    except (ssl.SSLError, ValueError) as error:
        yield wrong(f"{http.certificate} and {http.key}: {error}", "Name a PEM certificate chain and its own key.")
        return
    if http.key.stat().st_mode & 0o077:
        yield wrong(f"others may read {http.key}", f"chmod 600 {http.key}")
    if ends < datetime.now(UTC) + ENDS_SOON:
        yield (wrong if ends < datetime.now(UTC) else warning)(
            f"the certificate ends at {ends.isoformat()}", "Renew it, then: systemctl reload portdip"
        )
    else:
        yield good(f"the certificate holds until {ends.date()}")


def enum_zone(plan: Plan) -> Iterator[Finding]:
    """Whether the ENUM profiles can be rendered for every route."""
    zone = plan.access.enum_zone
    Zone.of(zone)
    rendered = Answers.of(plan.routes, zone)
    yield good(f"{zone.apex}, {len(zone.profiles)} profiles, {len(rendered.records):,} records")


def carrier_codes(plan: Plan) -> Iterator[Finding]:
    """Whether the carriers that the settings name are there."""
    known = {route.carrier.id for route in plan.routes.values()}
    named = {*plan.access.enum_zone.carriers, *plan.access.pdb_server.carriers}
    unknown = sorted(named - known)
    if unknown:
        yield warning(
            f"no number has a route of {', '.join(unknown[:5])}{' …' * (len(unknown) > 5)}",
            "Correct the ids in access.enum_zone.carriers and access.pdb_server.carriers: portdip inspect names them.",
        )
    else:
        yield good(f"{len(named)} carriers named, {len(known)} in the table")


def pdb_carriers(plan: Plan) -> Iterator[Finding]:
    """Whether pdb's clients can tell the carriers apart."""
    if not plan.access.pdb:
        yield good("pdb is not spoken")
        return
    pdb = plan.access.pdb_server
    integers = carrier_integers({route.carrier for route in plan.routes.values()}, pdb)
    others = sorted(name for name, integer in integers.items() if integer == pdb.other)
    if len(others) > 1:
        yield warning(
            f"{len(others)} carriers are all {pdb.other} to pdb's clients: {', '.join(others[:5])}",
            "Give them integers in access.pdb_server.carriers.",
        )
    else:
        yield good(f"{len(integers)} carriers have integers of their own")


CHECKS = (addresses, clients, api_keys, certificate, enum_zone, carrier_codes, pdb_carriers)
