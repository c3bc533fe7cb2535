"""A topology's graph to the ``NetworkPlan``: addresses, routes, base round-trip times and link parameters."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from typing import TYPE_CHECKING

from tcpexp.errors import Place, SpecError, SpecErrors
from tcpexp.plan.addresses import LinkAddresses, link_addresses
from tcpexp.plan.links import ParameterError, direction_plan
from tcpexp.plan.topology import Graph, GraphLink
from tcpexp.plan.types import InterfacePlan, LinkEnd, LinkPlan, NetworkPlan, NodePlan, RoutePlan
from tcpexp.registry import suggest
from tcpexp.spec.links import LinkParameters

if TYPE_CHECKING:
    from tcpexp.spec.model import ExperimentSpec, HostSettings

MAX_LINKS = 250
IPV6_LEAST_MTU = 1280
#: The sysctl that makes a router, for IPv4 and for IPv6.
FORWARDING = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
Hop = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class LinkSettings:
    """The parameters of both directions of one link, topology's and spec's together."""

    forward: LinkParameters
    backward: LinkParameters


def network_plan(graph: Graph, spec: ExperimentSpec, *, slot: int = 0) -> tuple[NetworkPlan, dict[str, LinkSettings]]:
    """Return the network and each link's parameters by its name; raises ``SpecErrors``.

    Link number k (from 0) is the subnet ``10.<slot>.<k>.0/24``, over IPv6 ``2001:db8:<slot>:<k>::/64``; its ends have the
    addresses 1 and 2, unless the spec chooses others (:mod:`tcpexp.plan.addresses`). MAC addresses count from ``00:00:00:00:00:01`` in the links' order. Routes are those with the fewest hops, the topology's
    order breaking ties.
    """
    if not 0 <= slot <= 255:
        raise SpecError(f"slot {slot} is not between 0 and 255")
    if len(graph.links) > MAX_LINKS:
        raise SpecError(f"more than {MAX_LINKS} links", hint="one machine does not run them in time")
    settings = _settings(graph, spec)
    hosts = _host_settings(graph, spec)
    ip = spec.topology.ip
    _check_mtus(spec, hosts)
    addresses = link_addresses(graph, spec, hosts, slot)
    interfaces = _interfaces(graph, hosts, ip, addresses)
    next_hops = {node: _next_hops(graph, node) for node in graph.nodes}
    base_rtts = _base_rtts(graph, settings, next_hops)
    nodes = tuple(
        NodePlan(
            name,
            kind,
            tuple(interfaces[name].values()),
            _routes(graph, name, interfaces, next_hops[name], addresses),
            _sysctls(kind, ip, hosts[name]),
        )
        for name, kind in graph.nodes.items()
    )
    links = tuple(
        _link(spec, link, settings[link.name], (interfaces[link.a][link.name], interfaces[link.b][link.name]), base_rtts[link.name]) for link in graph.links
    )
    subnets = tuple(str(each.network) for each in addresses)
    return NetworkPlan(graph.name, nodes, links, subnets, ip=ip), settings


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
            errors.append(SpecError(f"there is no link '{key}' in this network", where=spec.place("links", key, key=True), hint=hint))
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
            raise SpecErrors([SpecError(f"there is no host '{name}' in this network", where=spec.place("hosts", name, key=True), hint=hint)])
    return {name: spec.hosts.get(name) or HostSettings() for name in graph.nodes}


def _check_mtus(spec: ExperimentSpec, hosts: dict[str, HostSettings]) -> None:
    """Refuse an MTU that IPv6 does not work with (RFC 8200 section 5)."""
    for name, settings in hosts.items():
        if spec.topology.ip == 6 and settings.mtu < IPV6_LEAST_MTU:
            where = spec.place("hosts", name, "mtu")
            raise SpecErrors([SpecError(f"IPv6 needs an MTU of {IPV6_LEAST_MTU} bytes or more", where=where, hint=f"write {IPV6_LEAST_MTU}B, or ip: 4")])


def _interfaces(graph: Graph, hosts: dict[str, HostSettings], ip: int, addresses: list[LinkAddresses]) -> dict[str, dict[str, InterfacePlan]]:
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
            interfaces[end][link.name] = InterfacePlan(name, mac, four, hosts[end].mtu, hosts[end].offloads, six)
    return interfaces


def _next_hops(graph: Graph, start: str) -> dict[str, list[str]]:
    """Return the path of nodes from ``start`` to every node that it reaches; only routers pass packets on."""
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
    graph: Graph, name: str, interfaces: dict[str, dict[str, InterfacePlan]], reach: dict[str, list[str]], addresses: list[LinkAddresses]
) -> tuple[RoutePlan, ...]:
    """Return a node's static routes, one per remote subnet that it reaches, in the subnets' order.

    A host beside it that has several interfaces passes nothing on, but answers at all its addresses (RFC 1122 section 3.3.4.2, the weak model):
    to those on other links there is a route to the address alone.
    """
    routes = []
    for index, link in enumerate(graph.links):
        if name in (link.a, link.b):
            continue
        path = min((reach[end] for end in (link.a, link.b) if end in reach), key=len, default=None)
        if path is None or len(path) < 2:
            continue
        gateway = path[1]
        shared = next(each.name for each in graph.links if {each.a, each.b} == {name, gateway})
        if graph.nodes[gateway] != "router":
            routes.append(RoutePlan(interfaces[gateway][link.name].address, interfaces[gateway][shared].address))
            continue
        routes.append(RoutePlan(str(addresses[index].network), interfaces[gateway][shared].address))
    return tuple(routes)


def _delay_of(graph: Graph, settings: dict[str, LinkSettings], hop: Hop) -> tuple[str, int]:
    """Return the link of a hop and the one-way delay in that direction."""
    link = next(each for each in graph.links if {each.a, each.b} == set(hop))
    side = settings[link.name].forward if hop == (link.a, link.b) else settings[link.name].backward
    return link.name, side.delay or 0


def _base_rtts(graph: Graph, settings: dict[str, LinkSettings], reach: dict[str, dict[str, list[str]]]) -> dict[str, int]:
    """Return by link the largest sum of delays, there and back, of any host-to-host path that crosses it, in ns."""
    largest = {link.name: (settings[link.name].forward.delay or 0) + (settings[link.name].backward.delay or 0) for link in graph.links}
    delays: dict[Hop, tuple[str, int]] = {}
    for link in graph.links:
        for hop in ((link.a, link.b), (link.b, link.a)):
            delays[hop] = _delay_of(graph, settings, hop)
    hosts = [name for name, kind in graph.nodes.items() if kind == "host"]
    for index, first in enumerate(hosts):
        for second in hosts[index + 1 :]:
            if second not in reach[first] or first not in reach[second]:
                continue
            hops = [*_hops(reach[first][second]), *_hops(reach[second][first])]
            total = sum(delays[hop][1] for hop in hops)
            for hop in hops:
                name = delays[hop][0]
                largest[name] = max(largest[name], total)
    return largest


def _hops(path: list[str]) -> list[Hop]:
    return list(itertools.pairwise(path))


def _sysctls(kind: str, ip: int, settings: HostSettings) -> dict[str, str]:
    base = {FORWARDING[0 if ip == 4 else 1]: "1"} if kind == "router" else {}
    return {**base, **settings.sysctls}


def _link(spec: ExperimentSpec, link: GraphLink, settings: LinkSettings, ends: tuple[InterfacePlan, InterfacePlan], base_rtt_ns: int) -> LinkPlan:
    """Return a link; whether it has a wire is decided when all changes are known (``plan.changes``)."""
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
    return LinkPlan(link.name, LinkEnd(link.a, a.name), LinkEnd(link.b, b.name), sides[0], sides[1], False, False, False, base_rtt_ns)


def _place_of(spec: ExperimentSpec, one_way: str, name: str, keys: tuple[str, ...]) -> Place | str:
    """Return where the spec gives one of the parameters ``keys`` of a direction, the first that it gives; else the link, else the topology."""
    first, second = name.split("-")
    names = [one_way, name, f"{second}-{first}"]
    for key in keys:
        for each in names:
            if spec.raw_at("links", each, key) is not None:
                return spec.place("links", each, key, key=True)
    for each in names:
        if spec.raw_at("links", each) is not None:
            return spec.place("links", each, key=True)
    return spec.place("topology")
