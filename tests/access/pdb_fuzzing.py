"""A fuzzer of the pdb responder: `python -m tests.access.pdb_fuzzing STORE CORPUS [libFuzzer options]`.

Coverage is that of the plain twin, which has a branch for every rule; the compiled responder must agree with it.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the fuzzer until its options say that it is enough."""
    import atheris

    with atheris.instrument_imports(include=["tests.access.plain_pdb"]):
        from tests.access import plain_pdb

    from portdip.access import PdbResponder
    from portdip.access.pdb_carriers import PdbTables
    from portdip.lookup.engine import open_engine
    from portdip.settings.access import Pdb

    store, *options = sys.argv[1:]
    engine = open_engine(Path(store))
    tables = PdbTables.of(engine.generation, Pdb(v0_not_found=-1), None)
    pdb = PdbResponder(engine.generation, tables)

    def carrier_of(number: int) -> int:
        return int(tables.carriers[engine.index[number]])

    def one(data: bytes) -> None:
        reply, _ = pdb.respond(data)
        expected = plain_pdb.reply(data, carrier_of, -1)
        if reply != expected:
            raise AssertionError(f"{data.hex()}: {reply.hex()}, expected {expected.hex()}")

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
