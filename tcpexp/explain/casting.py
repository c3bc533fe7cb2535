"""Who plays whom: the hosts and flows of a spec found in captures that somebody else made.

A spec names hosts and flows. A capture has addresses and ports. They are joined by what is told
(``--host h1=192.0.2.1``), by the spec's own addresses where the capture has them, and else by the
flows' ports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from tcpexp.analysis.pathsteps import planned_bottlenecks
from tcpexp.errors import SpecError
from tcpexp.ingest import connections as conn
from tcpexp.ingest.flows import with_flows
from tcpexp.ingest.network import Nodes
from tcpexp.plan.types import FlowPlan, RunPlan
from tcpexp.registry import suggest

#: An end: its address, and how it came by its name.
Hosts = dict[str, str]


@dataclass(frozen=True)
class Cast:
    """The spec's plan, and who plays in the captures.

    ``hosts`` maps addresses to hosts of the spec. ``zero_ns`` is when the experiment's zero was,
    from the captures' first packet; ``words`` says in sentences how all of that is known.
    """

    plan: RunPlan
    hosts: Hosts
    zero_ns: int
    words: tuple[str, ...]

    @property
    def flows(self) -> tuple[FlowPlan, ...]:
        """The spec's flows."""
        return self.plan.flows

    def named(self, connections: pl.DataFrame) -> pl.DataFrame:
        """Return connections with the spec's ``flow``; times count from the experiment's zero."""
        nodes = Nodes(self.hosts, {}, frozenset(self.hosts.values()))
        unknown = connections.with_columns(
            step=pl.lit(None, dtype=pl.String),
            process=pl.lit(None, dtype=pl.Int64),
            flow_source=pl.lit(None, dtype=pl.String),
        )
        return with_flows(unknown, self.flows, nodes, {}).drop("process")


def find_cast(
    plan: RunPlan,
    packets: pl.DataFrame,
    told: Mapping[str, str] | None = None,
    zero_ns: int | None = None,
) -> Cast:
    """Return who plays the spec's hosts in captures.

    ``told`` maps hosts to addresses. ``zero_ns`` is the experiment's zero from the first packet on;
    when left out, the first flow is taken to begin when the spec says.

    Raises ``SpecError`` for a host that the spec does not have, an address that no packet has, and
    where several could be meant.
    """
    told = dict(told or {})
    nodes = Nodes({}, {}, frozenset())
    seen = conn.describe_streams(
        packets.with_columns(node=pl.col("capture"), checksum_bad=conn.is_damaged()), nodes
    )
    connections = conn.build_connections(seen, nodes)
    addresses = _addresses(packets)
    hosts, words = _told_hosts(plan, told, addresses)
    own = _own_addresses(plan, addresses)
    for address, name in own.items():
        if name not in hosts.values():
            hosts[address] = name
            words.append(f"{name} is {address}, as the spec has it")
    for flow in sorted(plan.flows, key=lambda flow: flow.start_ns):
        words += _by_port(flow, connections, hosts)
    zero, said = (
        _zero(plan, hosts, connections) if zero_ns is None else (zero_ns, "time zero is as told")
    )
    return Cast(with_sharing(plan), hosts, zero, (*words, said))


def with_sharing(plan: RunPlan) -> RunPlan:
    """Return a plan whose checks of a ``share`` say among which flows: the spec's network tells,
    and captures have none.
    """
    groups = [
        [flow.name for flow in group]
        for group in planned_bottlenecks(plan.network, plan.flows).values()
    ]

    def told(name: str, given: Any) -> Any:
        if name != "share" or not isinstance(given, dict) or given.get("of"):
            return given
        return {**given, "of": next((g for g in groups if given.get("flow") in g), [])}

    expect = tuple(
        {name: told(name, given) for name, given in entry.items()} for entry in plan.expect
    )
    return replace(plan, expect=expect)


def _addresses(packets: pl.DataFrame) -> set[str]:
    ends = pl.concat([packets["src"], packets["dst"]]).drop_nulls().unique()
    return set(ends.to_list())


def _told_hosts(
    plan: RunPlan, told: dict[str, str], addresses: set[str]
) -> tuple[Hosts, list[str]]:
    names = [node.name for node in plan.network.nodes]
    hosts: Hosts = {}
    for name, address in told.items():
        if name not in names:
            raise SpecError(
                f"--host: the spec has no host '{name}'",
                hint=suggest(name, names) or f"it has {', '.join(names)}",
            )
        if address not in addresses:
            raise SpecError(
                f"--host {name}={address}: no packet has this address",
                hint="`tcpexp explain CAPTURE` shows who is in it",
            )
        if address in hosts:
            raise SpecError(f"--host: {address} is told to be {hosts[address]} and {name}")
        hosts[address] = name
    return hosts, [f"{name} is {address}, as told" for address, name in hosts.items()]


def _own_addresses(plan: RunPlan, addresses: set[str]) -> Hosts:
    return {
        interface.address: node.name
        for node in plan.network.nodes
        for interface in node.interfaces
        if interface.address in addresses
    }


def _by_port(flow: FlowPlan, connections: pl.DataFrame, hosts: Hosts) -> list[str]:
    """Name the ends of a flow by its port, where they have no name yet; return what was named.

    Raises ``SpecError`` where connections of several hosts could be meant.
    """
    address_of = {name: address for address, name in hosts.items()}
    wanted = pl.col("server_port") == flow.port
    for name, column in ((flow.client, "client_address"), (flow.server, "server_address")):
        if name in address_of:
            wanted &= pl.col(column) == address_of[name]
        else:
            wanted &= ~pl.col(column).is_in(list(hosts))
    rows = connections.filter(wanted)
    words = []
    for name, column in ((flow.client, "client_address"), (flow.server, "server_address")):
        if name in address_of:
            continue
        found = rows[column].unique(maintain_order=True).to_list()
        if len(found) > 1:
            raise SpecError(
                f"{len(found)} hosts could be {name} of flow '{flow.name}', who"
                f" {'opens' if name == flow.client else 'has'} connections to port {flow.port}:"
                f" {', '.join(found[:4])}{', ...' if len(found) > 4 else ''}",
                hint=f"say which it is: --host {name}={found[0]}",
            )
        if found:
            hosts[found[0]] = name
            words.append(f"{name} is {found[0]}, by port {flow.port} of flow {flow.name}")
    return words


def _zero(plan: RunPlan, hosts: Hosts, connections: pl.DataFrame) -> tuple[int, str]:
    """Return the experiment's zero, taken from the flow that begins first and was captured."""
    address_of = {name: address for address, name in hosts.items()}
    for flow in sorted(plan.flows, key=lambda flow: flow.start_ns):
        own = (
            (pl.col("client_address") == address_of.get(flow.client))
            & (pl.col("server_address") == address_of.get(flow.server))
            & (pl.col("server_port") == flow.port)
        )
        begun = connections.filter(own)["syn_ns"].min()
        if isinstance(begun, int):
            return begun - flow.start_ns, (
                f"time zero is put so that flow {flow.name} begins at"
                f" {flow.start_ns / 1e9:g} s, as the spec says"
            )
    return 0, "time zero is the first packet's: no flow of the spec was seen to begin"
