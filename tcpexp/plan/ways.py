"""Which links lie between two nodes of a network, and in which direction they are crossed."""

from __future__ import annotations

from collections import deque

from tcpexp.plan.types import DirectionPlan, LinkPlan, NetworkPlan

#: A link and the node towards which it is crossed.
Crossing = tuple[LinkPlan, str]


def ways_from(network: NetworkPlan, source: str) -> dict[str, list[Crossing]]:
    """Return, for every node that ``source`` reaches through routers, the shortest way there."""
    ways: dict[str, list[Crossing]] = {source: []}
    todo = deque([source])
    while todo:
        here = todo.popleft()
        if here != source and network.node(here).kind != "router":
            continue
        for link in network.links:
            for near, far in ((link.a.node, link.b.node), (link.b.node, link.a.node)):
                if near == here and far not in ways:
                    ways[far] = [*ways[here], (link, far)]
                    todo.append(far)
    return ways


def crossings_from(network: NetworkPlan, source: str, target: str | None) -> list[Crossing]:
    """Return the links that packets of ``source`` cross: on the way to ``target``, or to anybody when it is None; each once."""
    ways = ways_from(network, source)
    if target is not None:
        return ways.get(target, [])
    found: dict[str, Crossing] = {}
    for way in ways.values():
        for link, towards in way:
            found.setdefault(link.name, (link, towards))
    return list(found.values())


def has_parameters(link: LinkPlan) -> bool:
    """Whether a link was given any parameter."""
    return (link.forward, link.backward) != (DirectionPlan(), DirectionPlan())
