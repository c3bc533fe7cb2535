"""The network as an inline SVG: hosts, routers, links, and what each direction of a link does to
packets.
"""

from __future__ import annotations

from html import escape

from tcpexp.plan.types import DirectionPlan, LinkPlan, NetworkPlan, NodePlan, RunPlan
from tcpexp.words.shown import duration_words, rate_words, size_words

BOX_WIDTH, BOX_HEIGHT = 116, 58
COLUMN, ROW = 430, 150
MARGIN = 12


def network_html(plan: RunPlan) -> str:
    """Return the drawings for the page."""
    return f'<div class="scroll">{network_svg(plan.network)}</div>'


def network_svg(network: NetworkPlan) -> str:
    """Return the drawing: nodes in columns by their distance from the first, and one label per
    direction of each link.
    """
    places = place_nodes(network)
    width = max(x for x, _ in places.values()) + BOX_WIDTH + MARGIN
    height = max(y for _, y in places.values()) + BOX_HEIGHT + MARGIN + 30
    parts = [
        f'<svg viewBox="0 0 {width:g} {height:g}" class="network" role="img" aria-label="The'
        f' network" style="max-width: {width:g}px">'
    ]
    parts += [_link(link, places, mtu_words(network, link)) for link in network.links]
    parts += [_node(node, *places[node.name]) for node in network.nodes]
    return "\n".join([*parts, "</svg>"])


def place_nodes(network: NetworkPlan) -> dict[str, tuple[float, float]]:
    """Return the upper left corner of each node's box."""
    columns: list[list[str]] = []
    for name, depth in _depths(network).items():
        while len(columns) <= depth:
            columns.append([])
        columns[depth].append(name)
    tallest = max(len(column) for column in columns)
    places: dict[str, tuple[float, float]] = {}
    for x, column in enumerate(columns):
        offset = (tallest - len(column)) * ROW / 2
        for y, name in enumerate(column):
            places[name] = (MARGIN + x * COLUMN, MARGIN + 24 + offset + y * ROW)
    return places


def _depths(network: NetworkPlan) -> dict[str, int]:
    """Return each node's distance in links from the first node.

    Nodes that it cannot reach stand in the first column.
    """
    neighbours: dict[str, list[str]] = {node.name: [] for node in network.nodes}
    for link in network.links:
        neighbours[link.a.node].append(link.b.node)
        neighbours[link.b.node].append(link.a.node)
    first = network.nodes[0].name
    depths = {first: 0}
    queue = [first]
    while queue:
        name = queue.pop(0)
        for other in neighbours[name]:
            if other not in depths:
                depths[other] = depths[name] + 1
                queue.append(other)
    joined = [node for node in neighbours if node in depths]
    last = max((depths[name] for name in joined), default=0)
    siblings = {
        name: 0 if depths[name] == 2 and len(neighbours[name]) == 1 and last > 2 else depths[name]
        for name in joined
    }
    return {**siblings, **{name: 0 for name in neighbours if name not in depths}}


def _node(node: NodePlan, x: float, y: float) -> str:
    addresses = [interface.cidr for interface in node.interfaces]
    shown = addresses[:2] + ([f"+{len(addresses) - 2}"] if len(addresses) > 2 else [])
    radius = 8 if node.kind == "host" else 28
    lines = "".join(
        f'<text x="{x + BOX_WIDTH / 2:g}" y="{y + 38 + 13 * index:g}"'
        f' class="address">{escape(text)}</text>'
        for index, text in enumerate(shown)
    )
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}"'
        f' height="{BOX_HEIGHT + 13 * (len(shown) - 1)}" rx="{radius}" class="node"/><text'
        f' x="{x + BOX_WIDTH / 2:g}" y="{y + 21:g}" class="name">{escape(node.name)}</text>{lines}'
    )


def _link(link: LinkPlan, places: dict[str, tuple[float, float]], mtu: str) -> str:
    """Draw one link: a line between the boxes, above it what happens left to right, below it right
    to left.
    """
    ends = [(places[link.a.node], link.forward), (places[link.b.node], link.backward)]
    if ends[0][0] > ends[1][0]:
        ends.reverse()
    ((ax, ay), to_right), ((bx, by), to_left) = ends
    if ax == bx:
        x, y0, y1 = ax + BOX_WIDTH / 2, min(ay, by) + BOX_HEIGHT, max(ay, by)
        words = ", ".join(filter(None, ("↓ " + direction_words(to_right), mtu)))
        return f'<line x1="{x:g}" y1="{y0:g}" x2="{x:g}" y2="{y1:g}" class="wire"/>' + _text(
            x + 10, (y0 + y1) / 2, words, "left"
        )
    x0, y0, x1, y1 = ax + BOX_WIDTH, ay + BOX_HEIGHT / 2, bx, by + BOX_HEIGHT / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    lines = [f'<line x1="{x0:g}" y1="{y0:g}" x2="{x1:g}" y2="{y1:g}" class="wire"/>']
    same = to_right == to_left
    below = [*([] if same else direction_lines(to_left)), *([mtu] if mtu else [])]
    above = direction_lines(to_right)
    for index, text in enumerate(reversed(above)):
        arrow = ("⇄ " if same else "→ ") if index == len(above) - 1 else ""
        lines.append(_text(x, y - 8 - 14 * index, arrow + text))
    for index, text in enumerate(below):
        lines.append(
            _text(x, y + 18 + 14 * index, ("← " if index == 0 and not same else "") + text)
        )
    return "".join(lines)


def mtu_words(network: NetworkPlan, link: LinkPlan) -> str:
    """Return the MTUs of a link's ends at the start; nothing where both are Ethernet's 1500."""
    names = {link.a.interface, link.b.interface}
    mtus = [
        interface.mtu
        for node in network.nodes
        for interface in node.interfaces
        if interface.name in names
    ]
    return (
        ""
        if set(mtus) == {1500}
        else f"MTU {' and '.join(str(mtu) for mtu in dict.fromkeys(mtus))} bytes"
    )


def _text(x: float, y: float, text: str, side: str = "") -> str:
    anchor = ' style="text-anchor: start"' if side else ""
    return f'<text x="{x:g}" y="{y:g}" class="label"{anchor}>{escape(text)}</text>'


def direction_words(direction: DirectionPlan) -> str:
    """Return what one direction does, such as ``10 Mbit/s, 20 ms, queue 34 packets (pfifo)``."""
    return ", ".join(direction_lines(direction))


def direction_lines(direction: DirectionPlan) -> list[str]:
    """Return what one direction does in one to three short lines: rate and delay, queue, faults."""
    first = [rate_words(direction.rate_bps)] if direction.rate_bps else []
    if direction.delay_ns:
        jitter = f" ± {duration_words(direction.jitter_ns)}" if direction.jitter_ns else ""
        first.append(f"{duration_words(direction.delay_ns)}{jitter}")
    lines = [", ".join(first)] if first else ["not shaped, no delay"]
    if direction.queue is not None:
        queue = direction.queue
        limit = (
            f"{queue.limit_packets} packets"
            if queue.limit_packets is not None
            else size_words(queue.limit_bytes or 0)
        )
        lines.append(f"queue {limit} ({queue.discipline}{', ECN' if queue.ecn else ''})")
    faults = _faults(direction)
    return [*lines, faults] if faults else lines


def _faults(direction: DirectionPlan) -> str:
    named = (
        ("duplicate", direction.duplicate),
        ("corrupt", direction.corrupt),
        ("reorder", direction.reorder),
    )
    words = [f"{name} {value * 100:g} %" for name, value in named if value]
    if direction.loss is not None:
        kind = "loss" if direction.loss.model == "random" else "burst loss"
        words.insert(0, f"{kind} {direction.loss.p * 100:g} %")
    return ", ".join(words)
