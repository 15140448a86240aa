"""`portdip port`: the business processing layer on the command line.

The verbs do what the API does, for an operator who sits at the store: so who acts is what the operator says, and the
audit has the operator's name.
"""

from __future__ import annotations

from typing import Annotated

import typer

from portdip.cli import _port_migrate, _port_network, _port_orders, _port_running, _port_serving, _port_supervision

port = typer.Typer(
    help="Port numbers: applications, authorization codes, orders, cut-over, number resources.", no_args_is_help=True
)
subscribers = typer.Typer(help="What carriers without a system of their own know of subscribers.", no_args_is_help=True)

port.add_typer(subscribers, name="subscribers")
port.add_typer(_port_network.nodes, name="nodes")
port.add_typer(_port_network.ranges, name="ranges")
port.add_typer(_port_serving.keys, name="keys")
port.add_typer(_port_migrate.migrate, name="migrate")
port.add_typer(_port_supervision.evidence, name="evidence")
port.add_typer(_port_supervision.complaints, name="complaints")
port.add_typer(_port_supervision.violations, name="violations")
port.add_typer(_port_supervision.cases, name="cases")
for _verb in (
    _port_orders.query,
    _port_orders.code,
    _port_orders.submit,
    _port_orders.answer,
    _port_orders.cancel,
    _port_orders.act,
    _port_orders.show,
    _port_running.run,
    _port_serving.serve,
    _port_supervision.kpis,
    _port_supervision.erase,
    _port_running.rotate_keys,
    _port_running.simulate,
):
    port.command()(_verb)
port.command("list")(_port_orders.list_)
subscribers.command("import")(_port_running.import_subscribers)


@port.command()
def states(
    profile: Annotated[
        str | None, typer.Option(help="Without what this profile skips: a name, or a TOML file.", show_default=False)
    ] = None,
) -> None:
    """Print the state machine of an order, as a Mermaid diagram made from the table of moves."""
    from portdip.porting import profile as profiles
    from portdip.porting import states

    print(states.diagram(profiles.load(profile).skipped if profile else frozenset()), end="")
