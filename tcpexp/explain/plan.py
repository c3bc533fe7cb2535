"""The plan of a run that nobody planned: the hosts and flows that captures show, and no action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from tcpexp.plan.types import FlowPlan, InterfacePlan, Needs, NetworkPlan, NodePlan, RunPlan

#: So many connections get a name of their own as flows, those with most payload; the others are in
#: all tables too, without one.
MOST_FLOWS = 24
#: So many hosts are named in a plan, those of flows first.
MOST_HOSTS = 2000
TOPOLOGY = "as captured"


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
    name: str,
    title: str,
    addresses: Sequence[str],
    flows: Sequence[FlowPlan],
    duration_ns: int,
    expect: Sequence[dict[str, Any]] = (),
) -> RunPlan:
    """Return a plan with hosts and flows, without actions, recorders and figures."""
    ends = [end for flow in flows for end in (flow.client, flow.server)]
    named = list(dict.fromkeys([*ends, *addresses]))[:MOST_HOSTS]
    version = 6 if sum(":" in address for address in named) * 2 > len(named) else 4
    return RunPlan(
        name=name,
        title=title,
        description="",
        references=(),
        seed=0,
        duration_ns=max(duration_ns, 1),
        network=NetworkPlan(
            topology=TOPOLOGY,
            nodes=tuple(_host(address) for address in named),
            links=(),
            subnets=(),
            static_arp=False,
            ip=6 if version == 6 else 4,
        ),
        setup=(),
        steps=(),
        recorders=(),
        flows=tuple(flows),
        expect=tuple(expect),
        plots=(),
        explain="",
        files=(),
        needs=Needs(),
    )


def _host(address: str) -> NodePlan:
    six = ":" in address
    interface = InterfacePlan(
        name=address,
        mac="",
        ipv4=None if six else f"{address}/32",
        ipv6=f"{address}/128" if six else None,
    )
    return NodePlan(name=address, kind="host", interfaces=(interface,))
