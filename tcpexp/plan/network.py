"""A topology's graph to the ``NetworkPlan``: addresses, routes, base round-trip times and link
parameters.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING

from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.plan.addresses import LinkAddresses, link_addresses
from tcpexp.plan.links import direction_plan
from tcpexp.plan.mtus import check_mtus, end_mtus
from tcpexp.plan.paths import Paths
from tcpexp.plan.queues import ParameterError, host_queue, note_on_queue
from tcpexp.plan.topology import Graph, GraphLink
from tcpexp.plan.types import (
    DirectionPlan,
    InterfacePlan,
    LinkEnd,
    LinkPlan,
    NetworkPlan,
    NodePlan,
    RoutePlan,
)
from tcpexp.registry import suggest
from tcpexp.spec.links import LinkParameters

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec, HostSettings

MAX_LINKS = 250
#: The sysctl that makes a router, for IPv4 and for IPv6.
FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


@dataclasses.dataclass(frozen=True)
class LinkSettings:
    """The parameters of both directions of one link, topology's and spec's together."""

    forward: LinkParameters
    backward: LinkParameters


def network_plan(
    graph: Graph, spec: ExperimentSpec, *, slot: int = 0
) -> tuple[NetworkPlan, dict[str, LinkSettings]]:
    """Return the network and each link's parameters by its name; raises ``SpecErrors``.

    Link number k (from 0) is the subnet ``10.<slot>.<k>.0/24``, over IPv6
    ``2001:db8:<slot>:<k>::/64``; its ends have the addresses 1 and 2, unless the spec chooses
    others (:mod:`tcpexp.plan.addresses`). MAC addresses count from ``00:00:00:00:00:01`` in the
    links' order. Routes are those with the fewest hops, the topology's order breaking ties; paths
    follow them (``plan.paths``).
    """
    if not 0 <= slot <= 255:
        raise SpecError(f"slot {slot} is not between 0 and 255")
    if len(graph.links) > MAX_LINKS:
        raise SpecError(
            f"more than {MAX_LINKS} links", hint="one machine does not run them in time"
        )
    settings = _settings(graph, spec)
    hosts = _host_settings(graph, spec)
    ip = spec.topology.ip
    addresses = link_addresses(graph, spec, hosts, slot)
    interfaces = _interfaces(graph, hosts, settings, ip, addresses)
    reach = {node: _reach(graph, node) for node in graph.nodes}
    nodes = tuple(
        NodePlan(
            name,
            kind,
            tuple(interfaces[name].values()),
            _routes(graph, name, interfaces, reach[name], addresses),
            _sysctls(kind, ip, hosts[name]),
        )
        for name, kind in graph.nodes.items()
    )
    subnets = tuple(str(address.network) for address in addresses)
    ends = {
        link.name: (interfaces[link.a][link.name], interfaces[link.b][link.name])
        for link in graph.links
    }
    bare = NetworkPlan(
        graph.name,
        nodes,
        tuple(_bare_link(link, settings[link.name], ends[link.name]) for link in graph.links),
        subnets,
        ip=ip,
    )
    check_mtus(spec, bare)
    base_rtts = _base_rtts(bare, Paths(bare))
    links = tuple(
        _link(spec, link, settings[link.name], ends[link.name], base_rtts[link.name])
        for link in graph.links
    )
    return dataclasses.replace(bare, links=links), settings


def _settings(graph: Graph, spec: ExperimentSpec) -> dict[str, LinkSettings]:
    """Return each link's parameters: the topology's, over them ``h1-h2``, over them ``h1->h2``."""
    settings = {link.name: LinkSettings(link.forward, link.backward) for link in graph.links}
    ends = {(link.a, link.b): link.name for link in graph.links}
    errors = []
    for key, own in sorted(spec.links.items(), key=lambda item: "->" in item[0]):
        one_way = "->" in key
        first, second = key.split("->" if one_way else "-")
        name = ends.get((first, second)) or ends.get((second, first))
        if name is None:
            known = [link.name for link in graph.links]
            hint = suggest(f"{first}-{second}", known)
            errors.append(
                SpecError(
                    f"there is no link '{key}' in this network",
                    where=spec.place("links", key, key=True),
                    hint=hint,
                )
            )
            continue
        if one_way and own.mtu is not None:
            hint = f"write it under {name}: both ends get it"
            errors.append(
                SpecError(
                    "an MTU belongs to both ends of a link",
                    where=spec.place("links", key, "mtu", key=True),
                    hint=hint,
                )
            )
            continue
        is_forward = (first, second) in ends
        old = settings[name]
        settings[name] = LinkSettings(
            own.over(old.forward) if is_forward or not one_way else old.forward,
            own.over(old.backward) if not is_forward or not one_way else old.backward,
        )
    if errors:
        raise SpecErrors(errors)
    return settings


def _host_settings(graph: Graph, spec: ExperimentSpec) -> dict[str, HostSettings]:
    from tcpexp.spec.model import HostSettings

    for name in spec.hosts:
        if name not in graph.nodes:
            hint = suggest(name, list(graph.nodes))
            raise SpecErrors(
                [
                    SpecError(
                        f"there is no host '{name}' in this network",
                        where=spec.place("hosts", name, key=True),
                        hint=hint,
                    )
                ]
            )
    return {name: spec.hosts.get(name) or HostSettings() for name in graph.nodes}


def _interfaces(
    graph: Graph,
    hosts: dict[str, HostSettings],
    settings: dict[str, LinkSettings],
    ip: int,
    addresses: list[LinkAddresses],
) -> dict[str, dict[str, InterfacePlan]]:
    """Return each node's interfaces by the link that they belong to."""
    interfaces: dict[str, dict[str, InterfacePlan]] = {name: {} for name in graph.nodes}
    number = 0
    for index, link in enumerate(graph.links):
        for position, end in enumerate((link.a, link.b)):
            number += 1
            mac = ":".join(f"{number:012x}"[at : at + 2] for at in range(0, 12, 2))
            name = f"{end}-eth{len(interfaces[end])}"
            address = str(addresses[index].ends[position])
            four, six = (address, None) if ip == 4 else (None, address)
            interfaces[end][link.name] = InterfacePlan(
                name,
                mac,
                four,
                settings[link.name].forward.mtu or hosts[end].mtu,
                hosts[end].offloads,
                six,
                host_queue(hosts[end].discipline, hosts[end].mtu),
            )
    return interfaces


def _reach(graph: Graph, start: str) -> dict[str, list[str]]:
    """Return the path of nodes from ``start`` to every node that it reaches.

    Only routers pass packets on.
    """
    neighbours: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for link in graph.links:
        neighbours[link.a].append(link.b)
        neighbours[link.b].append(link.a)
    paths = {start: [start]}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        if node != start and graph.nodes[node] != "router":
            continue
        for neighbour in neighbours[node]:
            if neighbour not in paths:
                paths[neighbour] = [*paths[node], neighbour]
                queue.append(neighbour)
    return paths


def _routes(
    graph: Graph,
    name: str,
    interfaces: dict[str, dict[str, InterfacePlan]],
    reach: dict[str, list[str]],
    addresses: list[LinkAddresses],
) -> tuple[RoutePlan, ...]:
    """Return a node's static routes to what it reaches on remote links, in the links' order.

    One per subnet where both ends are behind the same router. Else one to each end's address alone:
    a host at one end of a link passes nothing on to the other, but answers at all its addresses
    (RFC 1122 section 3.3.4.2, the weak model), by whichever of its links is nearer.
    """
    routes = []
    for index, link in enumerate(graph.links):
        if name in (link.a, link.b):
            continue
        gateways = {
            end: path[1]
            for end, other in ((link.a, link.b), (link.b, link.a))
            if (path := _path_to_end(graph, reach, end, other)) is not None
        }
        through = set(gateways.values())
        shared = {
            gateway: next(link.name for link in graph.links if {link.a, link.b} == {name, gateway})
            for gateway in through
        }
        if len(through) == 1 and graph.nodes[gateway := through.pop()] == "router":
            routes.append(
                RoutePlan(
                    str(addresses[index].network), interfaces[gateway][shared[gateway]].address
                )
            )
            continue
        for end, gateway in gateways.items():
            routes.append(
                RoutePlan(
                    interfaces[end][link.name].address, interfaces[gateway][shared[gateway]].address
                )
            )
    return tuple(routes)


def _path_to_end(
    graph: Graph, reach: dict[str, list[str]], end: str, other: str
) -> list[str] | None:
    """Return the shortest path to ``end``'s address on the link to ``other``: over that link where
    this is no longer than over another one.
    """
    straight = reach.get(end)
    over = [*reach[other], end] if other in reach and graph.nodes[other] == "router" else None
    if over is None or (straight is not None and len(straight) < len(over)):
        return straight
    return over


def _base_rtts(network: NetworkPlan, paths: Paths) -> dict[str, int]:
    """Return by link the largest sum of delays, there and back, of any host-to-host path that
    crosses it, in ns.
    """
    largest = {link.name: link.forward.delay_ns + link.backward.delay_ns for link in network.links}
    for first, second in paths.host_pairs():
        for way in (paths.way(first, second), paths.way(second, first)):
            for hop in (*way.there, *way.back) if way is not None else ():
                largest[hop.link.name] = max(
                    largest[hop.link.name], way.delay_ns if way is not None else 0
                )
    return largest


def _sysctls(kind: str, ip: int, settings: HostSettings) -> dict[str, str]:
    base = {FORWARDING[0 if ip == 4 else 1]: "1"} if kind == "router" else {}
    return {**base, **settings.sysctls}


def _bare_link(
    link: GraphLink, settings: LinkSettings, ends: tuple[InterfacePlan, InterfacePlan]
) -> LinkPlan:
    """Return a link with its delays alone, which is what a base round-trip time is made of."""
    forward, backward = (
        DirectionPlan(delay_ns=side.delay or 0) for side in (settings.forward, settings.backward)
    )
    return LinkPlan(
        link.name,
        LinkEnd(link.a, ends[0].name),
        LinkEnd(link.b, ends[1].name),
        forward,
        backward,
        False,
        False,
        False,
        0,
    )


def _link(
    spec: ExperimentSpec,
    link: GraphLink,
    settings: LinkSettings,
    ends: tuple[InterfacePlan, InterfacePlan],
    base_rtt_ns: int,
) -> LinkPlan:
    """Return a link; whether it has a wire is decided when all changes are known
    (``plan.changes``).
    """
    a, b = ends
    mtu = min(a.mtu, b.mtu)
    sides = []
    for parameters, one_way in (
        (settings.forward, f"{link.a}->{link.b}"),
        (settings.backward, f"{link.b}->{link.a}"),
    ):
        try:
            sides.append(direction_plan(parameters, base_rtt_ns=base_rtt_ns, mtu=mtu))
        except ParameterError as error:
            where = _place_of(spec, one_way, link.name, error.keys)
            raise SpecErrors([SpecError(error.message, where=where, hint=error.hint)]) from None
    return LinkPlan(
        link.name,
        LinkEnd(link.a, a.name),
        LinkEnd(link.b, b.name),
        sides[0],
        sides[1],
        False,
        False,
        False,
        base_rtt_ns,
    )


def notes_on_queues(network: NetworkPlan, settings: dict[str, LinkSettings]) -> list[str]:
    """Return a sentence for each direction whose queue is meant to be less than a full frame."""
    notes = []
    for link in network.links:
        mtu = min(end_mtus(network, link))
        for side, towards in (
            (settings[link.name].forward, link.b.node),
            (settings[link.name].backward, link.a.node),
        ):
            note = note_on_queue(side, base_rtt_ns=link.base_rtt_ns, mtu=mtu)
            notes += [f"{link.name} towards {towards}: {note}"] if note else []
    return notes


def _place_of(
    spec: ExperimentSpec, one_way: str, name: str, keys: tuple[str, ...]
) -> Position | str:
    """Return where the spec gives one of the parameters ``keys`` of a direction, the first that it
    gives; else the link, else the topology.
    """
    first, second = name.split("-")
    names = [one_way, name, f"{second}-{first}"]
    for key in keys:
        for spelling in names:
            if spec.raw_at("links", spelling, key) is not None:
                return spec.place("links", spelling, key, key=True)
    for spelling in names:
        if spec.raw_at("links", spelling) is not None:
            return spec.place("links", spelling, key=True)
    return spec.place("topology")
