"""Which links a packet takes from one host to another, and what that path should cost: pure functions on the plan."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tcpexp.plan.types import DirectionPlan, LinkPlan, NetworkPlan


@dataclass(frozen=True)
class Hop:
    """One link of a path in the direction in which it is crossed; ``towards`` is the node it leads to."""

    link: LinkPlan
    towards: str

    @property
    def direction(self) -> DirectionPlan:
        """What the link does to packets on this hop."""
        return self.link.forward if self.towards == self.link.b.node else self.link.backward


def find_path(network: NetworkPlan, source: str, target: str) -> list[Hop] | None:
    """Return the hops of the path with the fewest links through routers, None when there is none."""
    came: dict[str, tuple[str, Hop] | None] = {source: None}
    todo = deque([source])
    while todo and target not in came:
        node = todo.popleft()
        if node != source and network.node(node).kind != "router":
            continue
        for link in network.links:
            for here, there in ((link.a.node, link.b.node), (link.b.node, link.a.node)):
                if here == node and there not in came:
                    came[there] = (node, Hop(link, there))
                    todo.append(there)
    if target not in came:
        return None
    hops: list[Hop] = []
    at = target
    while (step := came[at]) is not None:
        at, hop = step
        hops.append(hop)
    return hops[::-1]


def asked_rtt_ns(network: NetworkPlan, source: str, target: str) -> int | None:
    """Return the sum of the delays there and back, None when there is no path."""
    there, back = find_path(network, source, target), find_path(network, target, source)
    if there is None or back is None:
        return None
    return sum(hop.direction.delay_ns for hop in (*there, *back))


def host_pairs(network: NetworkPlan) -> list[tuple[str, str]]:
    """Return every pair of hosts once, in the plan's order."""
    hosts = [node.name for node in network.nodes if node.kind == "host"]
    return [(one, other) for index, one in enumerate(hosts) for other in hosts[index + 1 :]]


def pair_for_direction(network: NetworkPlan, link: LinkPlan, towards: str) -> tuple[str, str] | None:
    """Return two hosts whose path has no part narrower than this direction, by the shortest such path; None when there is none.

    Its rate can then be measured from end to end.
    """
    best: tuple[int, str, str] | None = None
    for pair in host_pairs(network):
        for source, target in (pair, pair[::-1]):
            hops = find_path(network, source, target) or []
            ours = [hop for hop in hops if hop.link == link and hop.towards == towards]
            if ours and _is_narrowest(ours[0], hops) and (best is None or len(hops) < best[0]):
                best = (len(hops), source, target)
    return None if best is None else best[1:]


def _is_narrowest(ours: Hop, hops: list[Hop]) -> bool:
    rate = ours.direction.rate_bps
    others = (hop.direction.rate_bps for hop in hops if hop is not ours)
    return rate is not None and all(other is None or other >= rate for other in others)


def address(network: NetworkPlan, node: str) -> str:
    """Return a node's first address."""
    return network.node(node).interfaces[0].address
