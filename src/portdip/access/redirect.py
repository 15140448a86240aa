"""The configuration that makes a stock Kamailio a redirect server which dips at portdip.

Kamailio speaks SIP so that we need not: an INVITE comes in, it asks us by pdb or ENUM, a 302 goes out. `redirect.cfg`
beside this module is the same for everybody; what differs stands before it as definitions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_network

from portdip.errors import SettingsError

#: What the user part of the Contact looks like; `redirect.cfg` says how each does.
CONTACTS = ("npdi", "rn", "plain", "lrn")

_HOST = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_HOST_AND_PORT = re.compile(rf"{_HOST}:[0-9]{{1,5}}")
_HOST_PORT_IF_ANY = re.compile(rf"{_HOST}(:[0-9]{{1,5}})?")
_APEX = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_CONTACT = re.compile("|".join(CONTACTS))
_PREFIX = re.compile(r"\+?[0-9A-Fa-f]*")


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """What a redirect server is told.

    It listens at `listen` for `clients` (networks) and names `gateway` in the Contact, whose form is one of CONTACTS.
    It dips by pdb at all of `servers`, where `other` is the carrier that stands for none in particular, and the routing
    number is `rn_prefix` and the carrier; or by ENUM under `apex`, through the resolver of its host. Unknown numbers
    get 404, or 302 to `unknown_route`; where no answer comes in time (in `timeout_ms` by pdb), all get 503, or 302 to
    `failed_route`.

    All addresses are texts `host:port`; the port of a gateway or route may be left out.
    """

    listen: str = "127.0.0.1:5060"
    clients: Sequence[str] = ("127.0.0.0/8",)
    gateway: str = "gateway.invalid"
    contact: str = "npdi"
    servers: Sequence[str] = ("127.0.0.1:5574",)
    timeout_ms: int = 50
    rn_prefix: str = "D"
    other: int = 1000
    apex: str = ""
    unknown_route: str = ""
    failed_route: str = ""

    def configuration(self) -> str:
        """The configuration file. Raises SettingsError for what no address, network or name of a zone is."""
        body = files("portdip.access").joinpath("redirect.cfg").read_text()
        return "\n".join(["#!KAMAILIO", *self._definitions(), "", body])

    def _definitions(self) -> list[str]:
        lines = [
            f'#!substdef "!LISTEN!{_checked(self.listen, _HOST_AND_PORT, "listen")}!g"',
            f'#!define CLIENTS "{",".join(_network(client) for client in self.clients)}"',
            f'#!define GATEWAY "{_checked(self.gateway, _HOST_PORT_IF_ANY, "gateway")}"',
            f"#!define CONTACT_{_checked(self.contact, _CONTACT, 'contact').upper()}",
        ]
        if self.apex:
            lines += ["#!define WITH_ENUM", f'#!define APEX "{_checked(self.apex, _APEX, "enum").rstrip(".")}."']
        else:
            servers = ",".join(_checked(server, _HOST_AND_PORT, "pdb") for server in self.servers)
            lines += [
                "#!define WITH_PDB",
                f'#!define PDB_SERVERS "{servers}"',
                f"#!define PDB_TIMEOUT_MS {self.timeout_ms}",
                f'#!define RN_PREFIX "{_checked(self.rn_prefix, _PREFIX, "rn-prefix")}"',
                f"#!define OTHER_CARRIER {self.other}",
            ]
        for name, route in (("UNKNOWN", self.unknown_route), ("FAILED", self.failed_route)):
            if route:
                checked = _checked(route, _HOST_PORT_IF_ANY, f"{name.lower()}-route")
                lines.append(f'#!define {name}_ROUTE "{checked}"')
        return lines


def _checked(text: str, form: re.Pattern[str], option: str) -> str:
    """`text` if it has the form; nothing else may stand between the quotes of the file."""
    if not form.fullmatch(text):
        raise SettingsError("not a value for Kamailio's configuration", where=option, got=repr(text))
    return text


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise SettingsError("not a network", where="client", got=repr(text), expected=str(error)) from error
