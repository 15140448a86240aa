"""`portdip port nodes` and `portdip port ranges`: what the layer knows of the network and its number resources."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from portdip.cli import _porting
from portdip.cli._porting import As, Cause, StoreArgument

nodes = typer.Typer(help="The nodes whose reports make a cut-over complete.", no_args_is_help=True)
ranges = typer.Typer(help="Number resources: which carrier holds which range.", no_args_is_help=True)

_Node = Annotated[str, typer.Argument(help="The node's name.", metavar="NODE", show_default=False)]
_First = Annotated[str, typer.Argument(help="The first number.", metavar="FIRST", show_default=False)]
_Last = Annotated[str, typer.Argument(help="The last number.", metavar="LAST", show_default=False)]
_RoutingNumber = Annotated[str, typer.Option(help="What reaches its numbers.", show_default=False)]


@nodes.command("list")
def list_nodes(store: StoreArgument) -> None:
    """List the registered nodes, and how far each has come."""
    from portdip.porting.nodes import all_nodes

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        found = all_nodes(tx)
    for node in found:
        reported = f"{node.reported:%Y-%m-%dT%H:%M:%SZ}" if node.reported else "never"
        print(f"{node.name}  {node.carrier}  sequence {node.sequence}  reported {reported}")
    if not found:
        print("no nodes are registered: a change has arrived when it is published")


@nodes.command("register")
def register_node(
    store: StoreArgument,
    node: _Node,
    carrier: Annotated[str, typer.Argument(help="Whose network it answers for.", show_default=False)],
    as_: As = "centre",
) -> None:
    """Register a node: from now on a port is active only when this node has it too."""
    from portdip.porting.nodes import register

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        register(tx, _porting.actor(as_), node, carrier)


@nodes.command("remove")
def remove_node(store: StoreArgument, node: _Node, cause: Cause = "", as_: As = "centre") -> None:
    """Wait for this node no more."""
    from portdip.porting.nodes import remove

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        remove(tx, _porting.actor(as_), node, cause)


@nodes.command("report")
def report_node(
    store: StoreArgument,
    node: _Node,
    sequence: Annotated[int, typer.Argument(min=0, help="The last delta that it has applied.", show_default=False)],
    as_: As = "centre",
) -> None:
    """Say how far a node has applied the chain. Nodes do so themselves over the API."""
    from portdip.porting.nodes import report

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        report(tx, _porting.actor(as_), node, sequence)


@ranges.command("list")
def list_ranges(
    store: StoreArgument,
    carrier: Annotated[str | None, typer.Option(help="Only what it holds or held last.", show_default=False)] = None,
) -> None:
    """List the ranges: first, last, state, holder."""
    from portdip.porting.resources import all_ranges

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        found = all_ranges(tx, carrier)
    for one in found:
        until = f" until {one.until:%Y-%m-%dT%H:%M:%SZ}" if one.until else ""
        print(f"{one.first} {one.last}  {one.state}{until}  {one.carrier} {one.routing_number}".rstrip())


@ranges.command("use")
def show_use(store: StoreArgument) -> None:
    """Show for each carrier how many numbers it is assigned, and how many were ported out and in."""
    from portdip.porting.resources import utilization

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        found = utilization(tx)
    for one in found:
        kept = f"{one.share_kept:.1%} kept"
        print(f"{one.carrier}: {one.assigned:,} assigned, {one.ported_out:,} out, {one.ported_in:,} in, {kept}")


@ranges.command("add")
def add_range(store: StoreArgument, first: _First, last: _Last, cause: Cause = "", as_: As = "centre") -> None:
    """Add free numbers, to be assigned later."""
    from portdip.number import parse
    from portdip.porting.resources import add

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        add(tx, _porting.actor(as_), parse(first), parse(last), cause)


@ranges.command("assign")
def assign_range(
    store: StoreArgument,
    first: _First,
    last: _Last,
    carrier: Annotated[str, typer.Argument(help="Who is to hold them.", metavar="CARRIER", show_default=False)],
    routing_number: _RoutingNumber = "",
    cause: Cause = "",
    as_: As = "centre",
) -> None:
    """Assign numbers that are free, pooled or not known yet to a carrier."""
    from portdip.number import parse
    from portdip.porting.resources import assign

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        assign(tx, _porting.actor(as_), parse(first), parse(last), carrier, cause, routing_number=routing_number)


@ranges.command("reroute")
def reroute_range(
    store: StoreArgument,
    first: _First,
    last: _Last,
    routing_number: Annotated[str, typer.Argument(help="The new one.", metavar="ROUTING-NUMBER", show_default=False)],
    cause: Cause = "",
    as_: As = "centre",
) -> None:
    """Give the numbers of one holder another routing number."""
    from portdip.number import parse
    from portdip.porting.resources import reroute

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        reroute(tx, _porting.actor(as_), parse(first), parse(last), routing_number, cause)


@ranges.command("pool")
def pool_range(store: StoreArgument, first: _First, last: _Last, cause: Cause = "", as_: As = "centre") -> None:
    """Take numbers back from their holder, to be assigned to others at once."""
    from portdip.number import parse
    from portdip.porting.resources import pool

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        pool(tx, _porting.actor(as_), parse(first), parse(last), cause)


@ranges.command("withdraw")
def withdraw_range(
    store: StoreArgument,
    first: _First,
    last: _Last,
    days: Annotated[int, typer.Option("--quarantine", min=0, help="Days before others can have them.")] = 90,
    cause: Cause = "",
    as_: As = "centre",
) -> None:
    """Take numbers away from their holder, into quarantine."""
    from portdip.number import parse
    from portdip.porting.resources import withdraw

    with _porting.opened(store) as layer, layer.database.transaction() as tx:
        quarantine = timedelta(days=days)
        withdraw(tx, _porting.actor(as_), parse(first), parse(last), cause, quarantine=quarantine)
