"""The plan of a run that nobody planned: the hosts and flows that captures show, and no action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from tcpexp.plan.types import FlowPlan, InterfacePlan, Needs, NetworkPlan, NodePlan, RunPlan

#: So many connections get a name of their own as flows, those with most payload; the others are in
#: all tables too, without one.
MOST_FLOWS = 12
#: So many hosts are named in a plan, those of flows first.
MOST_HOSTS = 2000
TOPOLOGY = "as captured"


@dataclass(frozen=True)
class Stand:
    """A host in captures: its addresses, and the captures that were made at it."""

    addresses: tuple[str, ...] = ()
    captures: tuple[str, ...] = ()


def flows_of(connections: pl.DataFrame) -> tuple[FlowPlan, ...]:
    """Return the connections with most payload as flows, in the order of their numbers.

    The sender is the end that sent more of it.
    """
    payload = pl.col("bytes_to_server") + pl.col("bytes_to_client")
    carried = connections.filter(payload > 0)
    largest = carried.sort(payload, descending=True, maintain_order=True).head(MOST_FLOWS)
    return tuple(_flow(row) for row in largest.sort("connection").iter_rows(named=True))


def _flow(row: dict[str, Any]) -> FlowPlan:
    upload = row["bytes_to_server"] >= row["bytes_to_client"]
    client, server = row["client_address"], row["server_address"]
    return FlowPlan(
        name=flow_name(row["connection"]),
        client=client,
        server=server,
        port=row["server_port"],
        sender=client if upload else server,
        application="",
        step="",
        data_connections="all",
        congestion_control=None,
        start_ns=row["syn_ns"] or 0,
        until_ns=None,
    )


def flow_name(connection: int) -> str:
    """Return what the flow of a connection is called."""
    return f"connection {connection}"


def plan_of(
    name: str, title: str, stands: Mapping[str, Stand], flows: Sequence[FlowPlan], duration_ns: int
) -> RunPlan:
    """Return a plan with hosts and flows, without actions, recorders and figures.

    ``stands`` are the hosts by name.
    """
    ends = [end for flow in flows for end in (flow.client, flow.server)]
    named = list(dict.fromkeys([*ends, *stands]))[:MOST_HOSTS]
    return RunPlan(
        name=name,
        title=title,
        description="",
        references=(),
        seed=0,
        duration_ns=max(duration_ns, 1),
        network=_network({host: stands.get(host, Stand()) for host in named}),
        setup=(),
        steps=(),
        recorders=(),
        flows=tuple(flows),
        expect=(),
        plots=(),
        explain="",
        files=(),
        needs=Needs(),
    )


def recast(plan: RunPlan, stands: Mapping[str, Stand], duration_ns: int) -> RunPlan:
    """Return the plan of a spec as captures show it: its hosts with the addresses that they have
    there, its flows and expectations, and nothing of what it would have done.
    """
    hosts = [node.name for node in plan.network.nodes]
    named = {name: stands.get(name, Stand()) for name in dict.fromkeys([*hosts, *stands])}
    few = dict(list(named.items())[:MOST_HOSTS])
    return replace(
        plan,
        duration_ns=max(duration_ns, 1),
        network=_network(few),
        setup=(),
        steps=(),
        recorders=(),
    )


def _network(stands: Mapping[str, Stand]) -> NetworkPlan:
    addresses = [address for stand in stands.values() for address in stand.addresses]
    six = sum(":" in address for address in addresses) * 2 > len(addresses)
    return NetworkPlan(
        topology=TOPOLOGY,
        nodes=tuple(_host(name, stand) for name, stand in stands.items()),
        links=(),
        subnets=(),
        static_arp=False,
        ip=6 if six else 4,
    )


def _host(name: str, stand: Stand) -> NodePlan:
    """Return a host. A capture that was made at it has the name of an interface, as in every
    plan.
    """
    address = stand.addresses[0] if stand.addresses else None
    names = dict.fromkeys([*stand.captures, *stand.addresses[len(stand.captures) :]])
    owned = zip(names, [*stand.addresses, *([address] * len(names))], strict=False)
    interfaces = tuple(_interface(face, own) for face, own in owned if own is not None)
    return NodePlan(name=name, kind="host", interfaces=interfaces)


def _interface(name: str, address: str) -> InterfacePlan:
    six = ":" in address
    return InterfacePlan(
        name=name,
        mac="",
        ipv4=None if six else f"{address}/32",
        ipv6=f"{address}/128" if six else None,
    )
