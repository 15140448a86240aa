"""Kamailio as a redirect server with the configuration that we print, and SIPp as its caller."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from portdip.access.redirect import Redirect
from tests.interop.programs import output, resolving_at, running
from tests.interop.sip import Caller
from tests.lookup.stores import NATIVE, PORTED, UNALLOCATED
from tests.service.nodes import free_port

GATEWAY = "gw.example:5080"
SCENARIO = Path(__file__).with_name("redirect.xml")


@contextlib.contextmanager
def kamailio(folder: Path, name_server: str = "", **options: object) -> Iterator[Caller]:
    """Kamailio with our configuration, for the block, and a caller at it."""
    port = free_port()
    folder.mkdir()
    redirect = Redirect(listen=f"127.0.0.1:{port}", gateway=GATEWAY, **options)  # type: ignore[arg-type]
    (folder / "kamailio.cfg").write_text(redirect.configuration())
    command = [shutil.which("kamailio") or "", "-DD", "-E", "-f", str(folder / "kamailio.cfg"), "-Y", str(folder)]
    if name_server:
        command = resolving_at(name_server, command, folder)
    with Caller(port) as caller, running(command, folder / "log", caller.answers):
        yield caller


def contact(user: str) -> str:
    return f"sip:{user}@{GATEWAY};user=phone"


def user_parts(caller: Caller) -> list[str]:
    """What a ported, a native and an unknown number are redirected to; a status where they are not."""
    replies = [caller.request(f"sip:+{number}@127.0.0.1") for number in (PORTED, NATIVE, UNALLOCATED)]
    return [reply.contact.removeprefix("sip:") or str(reply.status) for reply in replies]


def sipp(caller: Caller, folder: Path, calls: int, rate: int, transport: str = "u1") -> list[str]:
    """What so many calls of SIPp, so many a second, are told, over UDP (u1) or TCP (t1).

    It fails where one of them is not told anything.
    """
    host, port = caller.address
    log = folder / "calls.log"
    output(
        "sipp", "-sf", SCENARIO, "-inf", folder / "numbers.csv", "-m", calls, "-r", rate, "-nd", "-nostdin",
        "-timeout", 15, "-timeout_error", "-t", transport, "-i", host, "-p", free_port(),
        "-trace_logs", "-log_file", log, f"{host}:{port}",
    )  # fmt: skip
    return log.read_text().splitlines()
