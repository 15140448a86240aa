"""The same answer in other people's protocols: HTTP, ENUM and Kamailio's pdb.

A datagram walks: socket, `_listener` (who may ask, how often), a `_responder` (what was asked, what is answered),
socket. Requests over HTTP and TCP come in through asyncio and end at the same responders and engine.
"""

from portdip.access._clients import Clients
from portdip.access._enum import EnumResponder
from portdip.access._limits import Limits
from portdip.access._listener import Listener
from portdip.access._pdb import PdbResponder
from portdip.access._responder import OUTCOMES, Responder

__all__ = ["OUTCOMES", "Clients", "EnumResponder", "Limits", "Listener", "PdbResponder", "Responder"]
