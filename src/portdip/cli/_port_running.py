"""The verbs of `portdip port` that run for a while: cut-over and timers, the import of subscribers, the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from portdip.cli import _porting
from portdip.cli._porting import As, StoreArgument

#: How often it looks for what is due, in seconds.
_LOOK_SECONDS = 0.2


def run(
    store: StoreArgument,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, and leave.")] = False,
) -> None:
    """Cut over the orders whose slot has come, publish their changes, and do what timers say; until SIGTERM or SIGINT.

    Prints what was done. Any number of these may run over one database; one at a time publishes. What cannot be done
    now (another process writes the chain, the disk is full) is said on standard error and tried again.
    """
    from portdip.cli import _stopping, _terminal
    from portdip.errors import PortdipError

    with _porting.opened(store) as layer, _stopping.stopping() as stop:
        trouble = ""
        while True:
            try:
                done = layer.step()
            except (PortdipError, OSError) as error:
                if once:
                    raise
                if str(error) != trouble:
                    trouble = str(error)
                    _terminal.errors().print(f"portdip: {trouble}", style="red", markup=False, soft_wrap=True)
            else:
                trouble = ""
                if done.begun or done.published or done.arrived or done.missed:
                    words = f"{done.begun:,} begun, {done.published:,} changes published, {done.arrived:,} arrived"
                    print(f"{words}, {done.missed:,} late" if done.missed else words, flush=True)
            if once or stop(_LOOK_SECONDS):
                return


def import_subscribers(
    store: StoreArgument,
    file: Annotated[Path, typer.Argument(help="CSV; see portdip.porting.subscribers.", show_default=False)],
    carrier: Annotated[str, typer.Option(help="Whose subscribers they are.", metavar="CARRIER", show_default=False)],
    as_: As = "centre",
) -> None:
    """Put the subscribers of a carrier into the layer's table; a number that is there already is replaced."""
    from portdip.porting.subscribers import import_csv

    with _porting.opened(store) as layer, file.open(encoding="utf-8-sig", newline="") as lines:
        count = import_csv(layer.database, layer.vault, _porting.actor(as_), carrier, lines, str(file))
    print(f"{count:,} subscribers of {carrier}")


def rotate_keys(store: StoreArgument, as_: As = "centre") -> None:
    """Seal personal data anew with the current key of the settings, and say what rests on which key afterwards.

    An old key may leave the settings when nothing rests on it; hashes do until retention has erased them.
    """
    from portdip.porting import rotation

    with _porting.opened(store) as layer:
        done = rotation.rotate(layer.database, layer.vault, _porting.actor(as_))
        print(f"{done:,} rows sealed anew with key {layer.vault.current}")
        for name, count in sorted(rotation.uses(layer.database, layer.vault).items()):
            print(f"key {name}: {count:,} uses")


def simulate(
    store: Annotated[
        Path, typer.Option(help="Where to build it; made if it is not there.", metavar="DIR", show_default=False)
    ],
    profile: Annotated[str, typer.Option(help="Whose rules: a name, or a TOML file.")] = "cn",
    days: Annotated[int, typer.Option(min=1)] = 1,
    ports_per_day: Annotated[int, typer.Option(min=1, help="Numbers ported a day, about.")] = 1_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same people who do the same.")] = 1,
) -> None:
    """Simulate days of a country's ports on a virtual clock, through the real layer, into a real delta chain.

    Applications, refusals, expired codes, disputes, returns, the burst of the full hour. Prints what each day came to.
    """
    from portdip.lookup.load import init_store
    from portdip.porting.simulation.run import Scenario, simulate
    from portdip.table.store import Store

    found = Store.open(store) if store.exists() else init_store(store, f"simulated-{Path(profile).stem}")
    for day in simulate(Scenario(profile, days, ports_per_day, seed), found.path, found.writer):
        tally = ", ".join(f"{count:,} {what}" for what, count in day.tally.items() if count)
        rate = day.moves / day.seconds
        print(f"day {day.day}: {day.moves:,} moves, {rate:,.0f}/s, sequence {day.sequence}, {day.seconds:.1f} s")
        print(f"  {tally}")
        print(
            f"  largest cut-over {day.burst:,} orders in {day.burst_seconds:.2f} s; {day.resident_mib:,.0f} MiB",
            flush=True,
        )
