"""What servers are asked: the same questions in the form of each protocol, and the zone file that name servers load."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

import portdip

from . import askers, populations, servers
from .askers import Numbers
from .figure import Size
from .populations import Columns, questions, store

_NUMBERS_OF_HTTP = 100_000
#: A zone file of more numbers would take a name server minutes and all the memory.
_ZONE_MAX = 2_000_000
#: What a zone begins with.
APEX_RECORDS = (
    f"$ORIGIN {servers.APEX}.\n$TTL 0\n@ SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 0\n@ NS ns.invalid.\n"
)


class Asked(NamedTuple):
    """The questions in every form, and where the answers are."""

    drawn: Columns
    questions: Numbers
    store: Path
    folder: Path
    names: Path
    enum: Path
    pdb: Path
    numbers: Path
    stream: Path
    stream_count: int
    zone: Path
    first: bytes
    asker: Path


def prepare(drawn: Columns, size: Size) -> Asked:
    """Files with the questions in every form; the zone file has all ported numbers."""
    path = store(drawn, size.numbers, 0.16)
    folder = populations.CACHE / f"access-{size.numbers}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    numbers = questions(drawn, size.questions)
    asked = numbers.tolist()
    names = folder / "names"
    names.write_text("".join(f"{askers.reversed_name(number)} NAPTR\n" for number in asked))
    text = folder / "numbers"
    text.write_text("".join(f"{number}\n" for number in asked[:_NUMBERS_OF_HTTP]))
    repeated = np.tile(numbers, 1 if size.numbers < 1_000_000 else 10)
    return Asked(
        drawn=drawn,
        questions=numbers,
        store=path,
        folder=folder,
        names=names,
        enum=askers.write_datagrams((askers.enum_query(n, i & 0xFFFF) for i, n in enumerate(asked)), folder / "enum"),
        pdb=askers.write_datagrams((askers.pdb_query(n, i & 0xFFFF) for i, n in enumerate(asked)), folder / "pdb"),
        numbers=text,
        stream=askers.write_stream(repeated, folder / "stream"),
        stream_count=len(repeated),
        zone=_write_zone(drawn, path, folder / "zone") if size.numbers < _ZONE_MAX else folder,
        first=askers.enum_query(asked[0]),
        asker=servers.compiled("asker", folder),
    )


def _write_zone(drawn: Columns, path: Path, zone: Path) -> Path:
    """What we answer for each ported number, as a zone file."""
    with portdip.open_engine(path) as engine, zone.open("w") as file:
        file.write(APEX_RECORDS)
        numbers = np.asarray(drawn.numbers)
        parameters = {
            code: f";rn={route.routing_number}" if route.routing_number else "" for code, route in engine.routes.items()
        }
        for number, code in zip(numbers.tolist(), engine.route_codes(numbers).tolist(), strict=True):
            uri = f"tel:+{number};npdi{parameters[code]}"
            file.write(f'{askers.reversed_name(number)}. NAPTR 10 100 "u" "E2U+pstn:tel" "!^.*$!{uri}!" .\n')
    return zone
