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


class Paths:
    """The paths of a network, those with the fewest links through routers. Each host's are found once, when they are first asked for."""

    def __init__(self, network: NetworkPlan) -> None:
        self.network = network
        self._kinds = {node.name: node.kind for node in network.nodes}
        self._hops: dict[str, list[Hop]] = {name: [] for name in self._kinds}
        for link in network.links:
            self._hops[link.a.node].append(Hop(link, link.b.node))
            self._hops[link.b.node].append(Hop(link, link.a.node))
        self._found: dict[str, dict[str, list[Hop]]] = {}

    def between(self, source: str, target: str) -> list[Hop] | None:
        """Return the hops from ``source`` to ``target``, None when there is no path."""
        if source not in self._found:
            self._found[source] = self._search(source)
        return self._found[source].get(target)

    def _search(self, source: str) -> dict[str, list[Hop]]:
        found: dict[str, list[Hop]] = {source: []}
        todo = deque([source])
        while todo:
            node = todo.popleft()
            if node != source and self._kinds[node] != "router":
                continue
            for hop in self._hops[node]:
                if hop.towards not in found:
                    found[hop.towards] = [*found[node], hop]
                    todo.append(hop.towards)
        return found

    def asked_rtt_ns(self, source: str, target: str) -> int | None:
        """Return the sum of the delays there and back, None when there is no path."""
        there, back = self.between(source, target), self.between(target, source)
        if there is None or back is None:
            return None
        return sum(hop.direction.delay_ns for hop in (*there, *back))

    def host_pairs(self) -> list[tuple[str, str]]:
        """Return every pair of hosts once, in the plan's order."""
        hosts = [name for name, kind in self._kinds.items() if kind == "host"]
        return [(one, other) for index, one in enumerate(hosts) for other in hosts[index + 1 :]]

    def covering_pairs(self, first: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return pairs of hosts whose paths together cross every link that any path crosses: ``first``, and of the others those that add a link."""
        chosen: dict[tuple[str, str], None] = {}
        crossed: set[str] = set()
        for least, pairs in ((0, first), (2, self.host_pairs()), (1, self.host_pairs())):
            for pair in pairs:
                links = {hop.link.name for hop in self.between(*pair) or ()}
                if links and len(links - crossed) >= least and pair[::-1] not in chosen:
                    chosen[pair] = None
                    crossed |= links
        return list(chosen)

    def pairs_by_direction(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Return by (link's name, towards) two hosts whose path has no part narrower than this direction, the shortest such path.

        Its rate can then be measured from end to end. A direction without such a pair is absent.
        """
        best: dict[tuple[str, str], tuple[int, str, str]] = {}
        for pair in self.host_pairs():
            for source, target in (pair, pair[::-1]):
                hops = self.between(source, target) or []
                for hop in hops:
                    key = (hop.link.name, hop.towards)
                    if _is_narrowest(hop, hops) and (key not in best or len(hops) < best[key][0]):
                        best[key] = (len(hops), source, target)
        return {key: found[1:] for key, found in best.items()}


def _is_narrowest(ours: Hop, hops: list[Hop]) -> bool:
    rate = ours.direction.rate_bps
    others = (hop.direction.rate_bps for hop in hops if hop is not ours)
    return rate is not None and all(other is None or other >= rate for other in others)


def address(network: NetworkPlan, node: str) -> str:
    """Return a node's first address."""
    return network.node(node).interfaces[0].address
