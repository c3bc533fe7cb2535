"""Where the nodes of a network stand in its drawing: columns from left to right by role, senders
left, routers in the middle, receivers right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tcpexp.plan.flows import receiver_of
from tcpexp.plan.types import FlowPlan, NetworkPlan

Neighbours = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Spot:
    """A place in a drawing: a column from 0 on, and a row, which may lie between two."""

    column: int
    row: float


def spots(network: NetworkPlan, flows: Iterable[FlowPlan] = ()) -> dict[str, Spot]:
    """Return the place of each node; parts that no link joins stand below each other."""
    neighbours = _neighbours(network)
    balance = dict.fromkeys(neighbours, 0)
    for flow in flows:
        for name, sign in ((flow.sender, 1), (receiver_of(flow), -1)):
            if name in balance:
                balance[name] += sign
    placed: dict[str, Spot] = {}
    below = 0.0
    for part in _parts(neighbours):
        spine = _spine(part, neighbours, balance)
        columns = _columns(spine, neighbours, balance)
        rows = _rows(part, columns, spine[1:-1], neighbours)
        top = min(rows.values())
        for name in part:
            placed[name] = Spot(columns[name], rows[name] - top + below)
        below = 1 + max(placed[name].row for name in part)
    return placed


def _neighbours(network: NetworkPlan) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {node.name: [] for node in network.nodes}
    for link in network.links:
        found[link.a.node].append(link.b.node)
        found[link.b.node].append(link.a.node)
    return found


def _parts(neighbours: Neighbours) -> list[list[str]]:
    """Return the nodes that links join, part by part, in the order of the network."""
    parts: list[list[str]] = []
    seen: set[str] = set()
    for name in neighbours:
        if name not in seen:
            reached = _distances([name], neighbours)
            seen |= set(reached)
            parts.append([node for node in neighbours if node in reached])
    return parts


def _distances(starts: Iterable[str], neighbours: Neighbours) -> dict[str, int]:
    """Return the distance in links of each node that can be reached."""
    found = dict.fromkeys(starts, 0)
    queue = list(found)
    while queue:
        name = queue.pop(0)
        for other in neighbours[name]:
            if other not in found:
                found[other] = found[name] + 1
                queue.append(other)
    return found


def _columns(
    spine: Sequence[str], neighbours: Neighbours, balance: Mapping[str, int]
) -> dict[str, int]:
    """Return each node's column.

    The spine, the longest way from a sender to a receiver, goes straight from left to right;
    whatever hangs on it stands left of where it is joined when it sends, else right.
    """
    columns = {name: index for index, name in enumerate(spine)}
    last = max(columns.values())
    queue = list(columns)
    while queue:
        name = queue.pop(0)
        for other in neighbours[name]:
            if other not in columns:
                columns[other] = _column(other, columns, neighbours, balance, last)
                queue.append(other)
    least = min(columns.values())
    return {name: column - least for name, column in columns.items()}


def _column(
    name: str,
    columns: Mapping[str, int],
    neighbours: Neighbours,
    balance: Mapping[str, int],
    last: int,
) -> int:
    """Return the column of a node of which neighbours stand already: between several, or beside the
    one, to the left when the node sends.

    What neither sends nor receives goes to the nearer end.
    """
    standing = {other: columns[other] for other in neighbours[name] if other in columns}
    low, high = min(standing.values()), max(standing.values())
    if low != high:
        return (low + high + 1) // 2
    beyond = _distances([name], {**neighbours, **dict.fromkeys(standing, ())})
    sends = sum(balance[node] for node in beyond if node not in standing)
    if sends == 0:
        return low + (-1 if low <= last / 2 else 1)
    return low + (-1 if sends > 0 else 1)


def _spine(part: Sequence[str], neighbours: Neighbours, balance: Mapping[str, int]) -> list[str]:
    """Return the longest of the shortest ways from a sender to a receiver.

    In a row of nodes, and where no flow says who sends, the first node is left.
    """
    ends = [name for name in part if len(neighbours[name]) <= 1] or list(part)
    in_a_row = all(len(set(neighbours[name])) <= 2 for name in part)
    senders = [name for name in part if balance[name] > 0]
    receivers = [name for name in part if balance[name] < 0]
    if in_a_row or not senders or not receivers:
        senders, receivers = ends[:1], ends
    best: list[str] = [senders[0]]
    for sender in senders:
        distances = _distances([sender], neighbours)
        far = max((name for name in receivers if name in distances), key=distances.__getitem__)
        if distances[far] >= len(best):
            best = _way(far, distances, neighbours)
    return best


def _way(end: str, distances: Mapping[str, int], neighbours: Neighbours) -> list[str]:
    way = [end]
    while distances[way[-1]] > 0:
        here = way[-1]
        way.append(next(n for n in neighbours[here] if distances[n] == distances[here] - 1))
    return way[::-1]


def _rows(
    part: Sequence[str],
    columns: Mapping[str, int],
    straight: Sequence[str],
    neighbours: Neighbours,
) -> dict[str, float]:
    """Return each node's row.

    In a column that the spine crosses, what is joined on its right stands below the spine and what
    is joined on its left above; the nodes of another column stand evenly about the middle.
    """
    rows: dict[str, float] = {}
    for column in sorted(set(columns.values())):
        here = [name for name in part if columns[name] == column]
        crossing = [name for name in here if name in straight]
        if not crossing:
            for index, name in enumerate(here):
                rows[name] = index - (len(here) - 1) / 2
            continue
        rows[crossing[0]] = 0.0
        below, above = 0.0, 0.0
        for name in here:
            if name == crossing[0]:
                continue
            if all(columns[other] < column for other in neighbours[name]):
                above -= 1
                rows[name] = above
            else:
                below += 1
                rows[name] = below
    return rows
