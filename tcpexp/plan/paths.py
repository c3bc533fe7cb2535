"""Which links a packet takes from one node to another: read off the plan's routes, as the kernel
does.

The only path search of the package. ``plan.network`` decides the routes; whoever asks for a path
follows them hop by hop: the engine's probes, the analysis, figures, base round-trip times and
actions. Standard library only, because the engine imports it inside the guest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from tcpexp.plan.types import DirectionPlan, FlowPlan, LinkPlan, NetworkPlan, NodePlan

#: A path of more links than this is taken for a loop: IP's default TTL (net.ipv4.ip_default_ttl).
MOST_HOPS = 64


@dataclass(frozen=True)
class Hop:
    """One link of a path in the direction in which it is crossed.

    ``towards`` is the node it leads to.
    """

    link: LinkPlan
    towards: str

    @property
    def direction(self) -> DirectionPlan:
        """What the link does to packets on this hop at the start."""
        return self.link.forward if self.towards == self.link.b.node else self.link.backward

    @property
    def key(self) -> tuple[str, str]:
        """The direction's name in tables: (link's name, towards)."""
        return self.link.name, self.towards


@dataclass(frozen=True)
class Way:
    """The path of a conversation: ``there`` as the one who begins sends, ``back`` as the other
    answers.
    """

    there: tuple[Hop, ...]
    back: tuple[Hop, ...]

    @property
    def reversed(self) -> Way:
        """The same from the other end."""
        return Way(self.back, self.there)

    @property
    def delay_ns(self) -> int:
        """The sum of the delays there and back, as the plan has them at the start."""
        return sum(hop.direction.delay_ns for hop in (*self.there, *self.back))


class Paths:
    """The paths of a network. Each is found once, when it is first asked for."""

    def __init__(self, network: NetworkPlan) -> None:
        self.network = network
        self._nodes = {node.name: node for node in network.nodes}
        self._owners: dict[str, str] = {}
        self._subnets: dict[str, str] = {}
        for node in network.nodes:
            for interface in node.interfaces:
                self._owners[interface.address] = node.name
                self._subnets[interface.address] = str(
                    ipaddress.ip_interface(interface.cidr).network
                )
        self._next = {node.name: self._neighbours(node) for node in network.nodes}
        self._found: dict[tuple[str, str], tuple[Hop, ...] | None] = {}

    def between(self, source: str, target: str) -> tuple[Hop, ...] | None:
        """Return the hops from ``source`` to the first address of ``target``, None when there is no
        path.
        """
        return (
            self.to_address(source, address(self.network, target))
            if self._nodes[target].interfaces
            else None
        )

    def way(self, source: str, target: str) -> Way | None:
        """Return the way there and back of a conversation that ``source`` begins with the first
        address of ``target``.

        The answers go to the address of the interface by which ``source`` sends: that is the one
        its kernel chooses.
        """
        there = self.between(source, target)
        if there is None:
            return None
        if not there:
            return Way((), ())
        back = self.to_address(target, self.source_address(there[0]))
        return None if back is None else Way(there, back)

    def of_flow(self, flow: FlowPlan) -> Way | None:
        """Return the way of a flow's data (``there``) and of its ACKs (``back``).

        The client begins the conversation.
        """
        way = self.way(flow.client, flow.server)
        return way if way is None or flow.sender == flow.client else way.reversed

    def of_packets(self, flow: FlowPlan | None, source: str, target: str) -> tuple[Hop, ...]:
        """Return the hops of packets from ``source`` to ``target``: those of the flow that they
        belong to, else to the first address; none without a path.
        """
        if flow is None or {source, target} != {flow.client, flow.server}:
            return self.between(source, target) or ()
        way = self.of_flow(flow)
        if way is None:
            return ()
        return way.there if source == flow.sender else way.back

    def to_address(self, source: str, target: str) -> tuple[Hop, ...] | None:
        """Return the hops of a packet from ``source`` to the address ``target``, None when a node
        on the way has no route for it or is no router.
        """
        key = (source, target)
        if key not in self._found:
            self._found[key] = self._walk(source, target)
        return self._found[key]

    def source_address(self, first: Hop) -> str:
        """Return the address that a packet bears as its source when it leaves by ``first``."""
        end = first.link.a if first.towards == first.link.b.node else first.link.b
        return next(
            interface.address
            for interface in self._nodes[end.node].interfaces
            if interface.name == end.interface
        )

    def mtu(self, source: str, target: str) -> int | None:
        """Return the path MTU in bytes at the start: the smallest MTU of any interface that a
        packet leaves or enters by; None without a path.
        """
        hops = self.between(source, target)
        ends = [end for hop in hops or () for end in (hop.link.a, hop.link.b)]
        found = [
            interface.mtu
            for end in ends
            for interface in self._nodes[end.node].interfaces
            if interface.name == end.interface
        ]
        return min(found, default=None)

    def host_pairs(self) -> list[tuple[str, str]]:
        """Return every pair of hosts once, in the plan's order."""
        hosts = [node.name for node in self.network.nodes if node.kind == "host"]
        return [(one, other) for index, one in enumerate(hosts) for other in hosts[index + 1 :]]

    def _walk(self, source: str, target: str) -> tuple[Hop, ...] | None:
        owner = self._owners.get(target)
        here = source
        hops: list[Hop] = []
        while here != owner:
            if (
                owner is None
                or len(hops) >= MOST_HOPS
                or (hops and self._nodes[here].kind != "router")
            ):
                return None
            hop = self._hop(here, target)
            if hop is None:
                return None
            hops.append(hop)
            here = hop.towards
        return tuple(hops)

    def _hop(self, here: str, target: str) -> Hop | None:
        """Return by which link a node passes on what goes to ``target``: the longest prefix wins
        (RFC 1812 section 5.2.4.3).
        """
        near = self._next[here].get(target)
        if near is not None:
            return near
        routes = {route.destination: route.via for route in self._nodes[here].routes}
        via = routes.get(target) or routes.get(self._subnets[target]) or _longest(routes, target)
        return None if via is None else self._next[here].get(via)

    def _neighbours(self, node: NodePlan) -> dict[str, Hop]:
        """Return by address the hop to whoever is at the other end of a node's links."""
        found: dict[str, Hop] = {}
        for link in self.network.links:
            for near, other in ((link.a, link.b), (link.b, link.a)):
                if near.node == node.name:
                    far = next(
                        interface
                        for interface in self._nodes[other.node].interfaces
                        if interface.name == other.interface
                    )
                    found[far.address] = Hop(link, other.node)
        return found


def _longest(routes: dict[str, str], target: str) -> str | None:
    """Return the gateway of the most special of ``routes`` that covers an address.

    ``default`` covers all.
    """
    asked = ipaddress.ip_address(target)
    best: tuple[int, str] | None = None
    for destination, via in routes.items():
        network = None if destination == "default" else ipaddress.ip_network(destination)
        length = 0 if network is None else network.prefixlen
        if (network is None or asked in network) and (best is None or length > best[0]):
            best = (length, via)
    return None if best is None else best[1]


def pair_directions(
    paths: Paths, flows: Iterable[FlowPlan], source: str, target: str
) -> tuple[tuple[str, str], ...]:
    """Return the directions (link, towards) that packets from ``source`` to ``target`` may cross:
    those of the flows between them and of all else.
    """
    between = [None, *(flow for flow in flows if {flow.client, flow.server} == {source, target})]
    return tuple(
        dict.fromkeys(hop.key for flow in between for hop in paths.of_packets(flow, source, target))
    )


def address(network: NetworkPlan, node: str) -> str:
    """Return a node's first address, by which others call it."""
    return network.node(node).interfaces[0].address


def crossings(network: NetworkPlan, source: str, target: str | None) -> list[Hop]:
    """Return the hops of packets of ``source``: on the way to ``target``, or to anybody when it is
    None; each link once.
    """
    paths = Paths(network)
    if target is not None:
        return list(paths.between(source, target) or ())
    found: dict[str, Hop] = {}
    for node in network.nodes:
        for hop in _paths_to(paths, source, node):
            found.setdefault(hop.link.name, hop)
    return list(found.values())


def _paths_to(paths: Paths, source: str, node: NodePlan) -> Iterable[Hop]:
    if node.name == source:
        return
    for interface in node.interfaces:
        yield from paths.to_address(source, interface.address) or ()
