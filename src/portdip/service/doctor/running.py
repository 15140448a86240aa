"""Checks of a running service, from outside, over HTTP."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from portdip.errors import ServiceError
from portdip.service.doctor.check import Finding, good, warning, wrong
from portdip.service.doctor.stores import ENDS_SOON
from portdip.service.remote import Remote

#: Beyond this a switch would rather not wait.
_SLOW_SECONDS = 0.05
_CLOCKS_DIFFER_SECONDS = 5.0
#: A worker says how it is twenty times a second.
_SILENT_SECONDS = 5.0
#: The share of requests that may go unanswered without anybody being told.
_LOST_SHARE = 1e-4


@dataclass(frozen=True)
class Running:
    """A service that is asked; each document is fetched once."""

    remote: Remote

    @cached_property
    def status(self) -> dict[str, Any]:
        """Its status. Raises ServiceError."""
        return self.remote.status()

    @cached_property
    def figures(self) -> dict[str, dict[str, float]]:
        """Its metrics by protocol. Raises ServiceError where it does not tell them."""
        found = self.remote.figures()
        if not found:
            raise ServiceError("the service does not tell its metrics", fix="Name a key with the scope admin.")
        return found

    @property
    def host(self) -> str:
        """The host of its URL."""
        return urlsplit(self.remote.url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether it is asked on this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def sum(self, metric: str, *labels: str) -> float:
        """A metric over all protocols, of the samples that have one of these labels."""
        samples = self.figures.get(metric, {}).items()
        return sum(value for name, value in samples if not labels or set(labels) & set(name.split()))


def answer(running: Running) -> Iterator[Finding]:
    """Whether it answers, and how fast."""
    reply = min((running.remote.ask("/healthz") for _ in range(3)), key=lambda reply: reply.seconds)
    if reply.status != 200:
        yield wrong(f"/healthz says {reply.status}", "Ask portdip itself, not what stands before it.")
    elif reply.seconds > _SLOW_SECONDS:
        yield warning(f"an answer takes {reply.seconds * 1e3:,.0f} ms", "See the load, and the way there.")
    else:
        yield good(f"an answer takes {reply.seconds * 1e3:,.1f} ms")


def readiness(running: Running) -> Iterator[Finding]:
    """Whether it wants to be asked."""
    reply = running.remote.ask("/readyz")
    if reply.status != 200:
        yield wrong(f"not ready: {reply.json().get('reason', reply.status)}", "See freshness and trouble below.")
    else:
        yield good("ready")


def freshness(running: Running) -> Iterator[Finding]:
    """Whether it may have missed changes."""
    lag = running.status["lag"]
    if lag is None:
        yield wrong("how stale it is cannot be told", "See that its disk is there.")
    elif not running.status["ready"]:
        yield wrong(f"may have missed changes for {lag:,.0f} s", "Start `portdip follow`, or see why it cannot go on.")
    else:
        yield good(f"sequence {running.status['sequence']}, lag {lag:.1f} s")


def trouble(running: Running) -> Iterator[Finding]:
    """Whether something keeps it from going on with the chain."""
    if running.status["trouble"]:
        yield wrong(running.status["trouble"], "portdip doctor STORE on that machine says more.")
    else:
        yield good("nothing keeps it from new deltas")


def workers(running: Running) -> Iterator[Finding]:
    """Whether all workers answer, and from the same state."""
    listed = running.status["workers"]
    now = datetime.fromisoformat(running.status["time"])
    silent = [
        worker["pid"]
        for worker in listed
        if (now - datetime.fromisoformat(worker["heartbeat"])).total_seconds() > _SILENT_SECONDS
    ]
    unready = [worker["pid"] for worker in listed if not worker["ready"]]
    if silent:
        yield wrong(f"workers {silent} say nothing", "The parent ends and replaces them; the log says why.")
    elif unready:
        yield warning(f"workers {unready} are starting or leaving", "Look again; the log says why if they stay so.")
    else:
        yield good(f"{len(listed)} workers answer")


def restarts(running: Running) -> Iterator[Finding]:
    """Whether workers die again and again."""
    started = [datetime.fromisoformat(worker["started"]) for worker in running.status["workers"]]
    if started and (max(started) - min(started)).total_seconds() > 60:
        yield warning(
            f"the youngest worker began at {max(started).isoformat()}, the oldest at {min(started).isoformat()}",
            "One has died: the log says of what. `systemctl reload portdip` renews all.",
        )
    else:
        yield good("all workers are of one age")


def api_keys(running: Running) -> Iterator[Finding]:
    """Whether the API keys can be read, and are asked for."""
    if running.status["keys_trouble"]:
        yield wrong(running.status["keys_trouble"], "Restore the file, or make new keys: portdip keys api new STORE")
    elif not running.is_local and running.remote.ask("/v1/status", key="").status == 200:
        yield wrong(
            "it answers without a key from another machine", "Ask portdip itself: something before it adds one."
        )
    else:
        yield good("keys are asked for" if not running.is_local else "asked on its own machine, no key needed")


def encryption(running: Running) -> Iterator[Finding]:
    """Whether what is asked can be read on its way, and the certificate does not end soon."""
    parts = urlsplit(running.remote.url)
    if parts.scheme == "http":
        if running.is_local:
            yield good("on this machine only")
        else:
            yield warning("numbers and keys can be read on their way", "Set access.http_server.certificate and key.")
        return
    address = (running.host, parts.port or 443)
    with (
        socket.create_connection(address, timeout=5) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=running.host) as secure,
    ):
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"])), UTC)
    if ends < datetime.now(UTC) + ENDS_SOON:
        yield warning(f"the certificate ends at {ends.isoformat()}", "Renew it, then: systemctl reload portdip")
    else:
        yield good(f"the certificate holds until {ends.date()}")


def clocks(running: Running) -> Iterator[Finding]:
    """Whether its clock and ours agree."""
    reply = running.remote.ask("/healthz")
    told = reply.headers.get("date") or reply.headers.get("Date")
    if told is None:
        yield warning("it does not tell the time", "Ask portdip itself, not what stands before it.")
        return
    apart = abs(parsedate_to_datetime(told).timestamp() - time.time())
    if apart > _CLOCKS_DIFFER_SECONDS:
        yield warning(f"its clock and ours are {apart:,.0f} s apart", "Run chrony or systemd-timesyncd on both.")
    else:
        yield good("its clock and ours agree")


def releases(running: Running) -> Iterator[Finding]:
    """Whether it is of the same release as this program."""
    theirs, ours = running.status["version"], version("portdip")
    if theirs != ours:
        yield warning(f"it is {theirs}, this is {ours}", "Bring both to one release.")
    else:
        yield good(f"portdip {theirs}")


def strangers(running: Running) -> Iterator[Finding]:
    """Whether somebody asks who may not."""
    dropped = running.sum("portdip_refused_total", "source")
    if dropped:
        yield warning(
            f"{dropped:,.0f} requests from networks that are no clients",
            "If it is a switch of yours, name its network in access.udp.clients.",
        )
    else:
        yield good("nobody asks who may not")


def limits(running: Running) -> Iterator[Finding]:
    """Whether clients ask more than they may."""
    over = running.sum("portdip_refused_total", "rate", "reply_rate", "too_many")
    if over > _LOST_SHARE * running.sum("portdip_requests_total"):
        yield warning(
            f"{over:,.0f} requests over the limits",
            "If they are rightful, raise queries_per_second, replies_per_second or dips_per_second.",
        )
    else:
        yield good("clients keep within their limits")


def overload(running: Running) -> Iterator[Finding]:
    """Whether requests were given up because there was too much to do."""
    shed = running.sum("portdip_shed_total")
    if shed > _LOST_SHARE * running.sum("portdip_requests_total"):
        yield warning(f"{shed:,.0f} requests were shed", "More workers, more nodes, or a larger receive buffer.")
    else:
        yield good(f"{shed:,.0f} requests were shed")


def failures(running: Running) -> Iterator[Finding]:
    """Whether dips failed."""
    failed = running.sum("portdip_dips_total", "failed")
    if failed:
        yield warning(f"{failed:,.0f} dips failed", "It was stale, or its data are damaged: portdip verify STORE")
    else:
        yield good("no dip failed")


def network(running: Running) -> Iterator[Finding]:
    """Whether replies could be sent."""
    errors = running.sum("portdip_network_errors_total")
    if errors > _LOST_SHARE * running.sum("portdip_replies_total"):
        yield warning(f"{errors:,.0f} replies could not be sent", "See firewalls and routes to the clients.")
    else:
        yield good(f"{errors:,.0f} replies could not be sent")


CHECKS = (
    answer, readiness, freshness, trouble, workers, restarts, api_keys, encryption, clocks, releases, strangers, limits,
    overload, failures, network,
)  # fmt: skip
