"""The network as inline SVG: hosts, routers, links, and what each direction of a link does to
packets; and as a drawing for a phone with these in words below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape

from tcpexp.plan.types import (
    DirectionPlan,
    FlowPlan,
    LinkPlan,
    NetworkPlan,
    NodePlan,
    RunPlan,
)
from tcpexp.plots.kit.svgparts import text_points
from tcpexp.report.page.networkplaces import Spot, spots
from tcpexp.words.shown import duration_words, rate_words, size_words

BOX_WIDTH, BOX_HEIGHT, ADDRESS = 122, 44, 13
LINE, LABEL_SIZE, MARGIN = 14, 12.0, 12
#: A line of a label is at most so many letters long; and what a slanted line takes beside it.
LABEL_LETTERS, SLANT, PAD = 32, 54, 14
#: So many links that do the same at one node are described once.
MANY_ALIKE = 3
#: The drawing for a phone: its width, and the sizes of boxes.
PHONE, PHONE_ROW, PHONE_BOX = 356, 50, 34


def network_html(plan: RunPlan) -> str:
    """Return the drawings for the page: one for wide windows, one for a phone."""
    wide = network_svg(plan.network, plan.flows)
    narrow = phone_svg(plan.network, plan.flows)
    links, addresses = (
        "".join(f"<li><strong>{escape(who)}</strong> {escape(what)}</li>" for who, what in words)
        for words in (link_words(plan.network), address_words(plan.network))
    )
    return (
        f'<div class="on-wide"><div class="scroll">{wide}</div></div>'
        f'<div class="on-phone"><div class="scroll">{narrow}</div>'
        f'<ul class="links">{links}</ul><details><summary>Addresses</summary>'
        f'<ul class="links">{addresses}</ul></details></div>'
    )


def network_svg(network: NetworkPlan, flows: Iterable[FlowPlan] = ()) -> str:
    """Return the drawing with a label per direction of each link."""
    drawing = Drawing.of(network, flows)
    parts = [
        f'<svg viewBox="0 0 {drawing.width:g} {drawing.height:g}" class="network" role="img"'
        f' aria-label="The network" style="max-width: {drawing.width:g}px; --least:'
        f' {drawing.width * 0.75:g}px">'
    ]
    parts += [_wire(drawing, label) for label in drawing.labels]
    parts += [_node(node, *drawing.places[node.name]) for node in network.nodes]
    return "\n".join([*parts, "</svg>"])


@dataclass(frozen=True)
class Label:
    """A link as drawn: ``left`` and ``right`` end, the lines above and below its wire, and the end
    at which its wire is level for the label (None: it is level from end to end, or slanted).
    """

    link: LinkPlan
    left: str
    right: str
    above: tuple[str, ...]
    below: tuple[str, ...]
    level_at: str | None = None

    @property
    def width(self) -> float:
        """How wide the label is."""
        lines = (*self.above, *self.below)
        return max((text_points(line, LABEL_SIZE) for line in lines), default=0.0)


@dataclass(frozen=True)
class Drawing:
    """Everything that the drawing shows, with its places: the upper left corner of each box.

    ``slants``: right of which box's edge wires are slanted, and at which side of that gap.
    """

    places: dict[str, tuple[float, float]]
    labels: list[Label]
    slants: set[tuple[float, str]]
    width: float
    height: float

    @staticmethod
    def of(network: NetworkPlan, flows: Iterable[FlowPlan]) -> Drawing:
        """Return where everything stands."""
        where = spots(network, flows)
        labels = _labels(network, where)
        box = BOX_HEIGHT + ADDRESS * (max(len(_addresses(node)) for node in network.nodes) - 1)
        lines = max((len(label.above) + len(label.below) for label in labels), default=0)
        beside = [len(x.above) + len(x.below) for x in labels if _is_upright(x, where)]
        pitch = max(box + 24, lines * LINE + 30, box + max(beside, default=0) * LINE + 20)
        sides = _slanted_sides(where, labels)
        xs = _column_edges(where, labels, sides)
        over = max((len(label.above) for label in labels), default=0) * LINE - box / 2
        top = MARGIN + max(over, 0)
        places = {name: (xs[spot.column], top + spot.row * pitch) for name, spot in where.items()}
        lowest = max(places[node.name][1] + _box_height(node) for node in network.nodes)
        under = (
            max(
                places[label.left if label.level_at != label.right else label.right][1]
                + BOX_HEIGHT / 2
                + len(label.below) * LINE
                for label in labels
            )
            if labels
            else 0.0
        )
        rings = sum(_goes_round(label, where) for label in labels)
        height = max(lowest, under + 6) + MARGIN + rings * (lines * LINE + 24)
        slants = {(xs[column], side) for column, side in sides}
        right = max(xs.values()) + BOX_WIDTH
        upright = (
            xs[where[label.left].column] + BOX_WIDTH / 2 + 10 + label.width
            for label in labels
            if _is_upright(label, where)
        )
        return Drawing(places, labels, slants, max(right, *upright, 0.0) + MARGIN, height)


def _slanted_sides(where: Mapping[str, Spot], labels: Iterable[Label]) -> set[tuple[int, str]]:
    """Return in which gaps, by the column left of it, wires are slanted, and at which side."""
    return {
        (where[label.left].column, "right" if label.level_at == label.left else "left")
        for label in labels
        if label.level_at is not None and not _goes_round(label, where)
    }


def _column_edges(
    where: Mapping[str, Spot], labels: Iterable[Label], sides: Iterable[tuple[int, str]]
) -> dict[int, float]:
    """Return the left edge of each column: as far from the one before as its labels need."""
    last = max(spot.column for spot in where.values())
    gaps = dict.fromkeys(range(last), 60.0)
    for label in labels:
        left, right = where[label.left], where[label.right]
        if right.column == left.column + 1:
            gaps[left.column] = max(gaps[left.column], label.width + 2 * PAD)
        elif right.column == left.column < last:  # its words stand beside its wire
            gaps[left.column] = max(gaps[left.column], label.width - BOX_WIDTH / 2 + 2 * PAD)
    for column, _ in sides:
        gaps[column] += SLANT
    edges = {0: float(MARGIN)}
    for column in range(last):
        edges[column + 1] = edges[column] + BOX_WIDTH + gaps[column]
    return edges


def _labels(network: NetworkPlan, where: Mapping[str, Spot]) -> list[Label]:
    """Return the links with their labels; of many that do the same at one node the first says it
    for all.
    """
    said: dict[tuple[object, ...], Label] = {}
    counts: dict[tuple[object, ...], int] = {}
    drawn = [_label(network, link, where) for link in network.links]
    for label in drawn:
        for end in (label.left, label.right):
            key = (end, label.above, label.below)
            counts[key] = counts.get(key, 0) + 1
    labels = []
    for label in drawn:
        keys = ((end, label.above, label.below) for end in (label.left, label.right))
        alike = next((key for key in keys if counts[key] >= MANY_ALIKE), None)
        if alike is None or not (label.above or label.below):
            labels.append(label)
        elif said.setdefault(alike, label) is label:
            each = ("each: " + label.above[0], *label.above[1:])
            labels.append(replace(label, above=each))
        else:
            labels.append(replace(label, above=(), below=()))
    return labels


def _label(network: NetworkPlan, link: LinkPlan, where: Mapping[str, Spot]) -> Label:
    a, b = where[link.a.node], where[link.b.node]
    turned = (a.column, a.row) > (b.column, b.row)
    left, right = (link.b.node, link.a.node) if turned else (link.a.node, link.b.node)
    to_right, to_left = (link.backward, link.forward) if turned else (link.forward, link.backward)
    same = to_right == to_left
    above = [("⇄ " if same else "→ ") + line for line in direction_lines(to_right)[:1]]
    above += direction_lines(to_right)[1:]
    below = [] if same else ["← " + line for line in direction_lines(to_left)[:1]]
    below += [] if same else direction_lines(to_left)[1:]
    mtu = mtu_words(network, link)
    lines = _broken(above), _broken([*below, *([mtu] if mtu else [])])
    return Label(link, left, right, *lines, _level_end(network, left, right, where))


def _broken(lines: Iterable[str]) -> tuple[str, ...]:
    """Break lines that are too long at their commas."""
    broken: list[str] = []
    for line in lines:
        broken.append("")
        for part in line.split(", "):
            joined = f"{broken[-1]}, {part}" if broken[-1] else part
            if len(joined) > LABEL_LETTERS and broken[-1]:
                broken[-1] += ","
                broken.append(part)
            else:
                broken[-1] = joined
    return tuple(broken)


def _level_end(
    network: NetworkPlan, left: str, right: str, where: Mapping[str, Spot]
) -> str | None:
    """Return the end at which a slanted wire is level: the one that no other wire leaves on that
    side. None where there is no such end.
    """
    if where[left].row == where[right].row or where[left].column == where[right].column:
        return None
    for name, other in ((left, right), (right, left)):
        joined = [
            link.a.node if link.b.node == name else link.b.node
            for link in network.links
            if name in (link.a.node, link.b.node)
        ]
        if sum(where[node].column == where[other].column for node in joined) == 1:
            return name
    return None


def _is_upright(label: Label, where: Mapping[str, Spot]) -> bool:
    return where[label.left].column == where[label.right].column


def _goes_round(label: Label, where: Mapping[str, Spot]) -> bool:
    """Whether a link joins columns that are not beside each other, so that it must go round what
    stands between them.
    """
    return where[label.right].column - where[label.left].column > 1


def _wire(drawing: Drawing, label: Label) -> str:
    """Draw a link: above its wire what happens from left to right, below from right to left."""
    (ax, ay), (bx, by) = drawing.places[label.left], drawing.places[label.right]
    if ax == bx:
        return _upright(ax, ay, by, label)
    x0, y0, x1, y1 = ax + BOX_WIDTH, ay + BOX_HEIGHT / 2, bx, by + BOX_HEIGHT / 2
    between = [(x, y) for x, y in drawing.places.values() if ax < x < bx]
    if between:
        return _round(drawing, label, (ax, ay), (bx, by))
    points = [(x0, y0), (x1, y1)]
    from_left = SLANT if (ax, "left") in drawing.slants else 0
    from_right = SLANT if (ax, "right") in drawing.slants else 0
    middle = ((x0 + from_left + x1 - from_right) / 2, (y0 + y1) / 2)
    if label.level_at == label.left:
        points.insert(1, (x1 - SLANT, y0))
        middle = (middle[0], y0)
    elif label.level_at == label.right:
        points.insert(1, (x0 + SLANT, y1))
        middle = (middle[0], y1)
    return _line(points) + _written(label, *middle)


def _line(points: Iterable[tuple[float, float]]) -> str:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{path}" class="wire" fill="none"/>'


def _written(label: Label, x: float, y: float) -> str:
    lines = [
        _text(x, y - 7 - LINE * index, line) for index, line in enumerate(reversed(label.above))
    ]
    lines += [_text(x, y + 17 + LINE * index, line) for index, line in enumerate(label.below)]
    return "".join(lines)


def _upright(x: float, ay: float, by: float, label: Label) -> str:
    """Draw a link between two nodes of one column, its words beside it."""
    x += BOX_WIDTH / 2
    top, bottom = min(ay, by) + BOX_HEIGHT, max(ay, by)
    words = [line.replace("→", "↓").replace("←", "↑") for line in (*label.above, *label.below)]
    first = (top + bottom) / 2 - LINE * (len(words) - 1) / 2 + 4
    return _line([(x, top), (x, bottom)]) + "".join(
        _text(x + 10, first + LINE * index, line, "left") for index, line in enumerate(words)
    )


def _round(drawing: Drawing, label: Label, a: tuple[float, float], b: tuple[float, float]) -> str:
    """Draw a link below all that stands between its ends."""
    rings = [other for other in drawing.labels if _is_ring(drawing, other)]
    step = max(len(ring.above) + len(ring.below) for ring in rings) * LINE + 24
    y = drawing.height - MARGIN - step * (len(rings) - rings.index(label)) + step / 2
    ax, bx = a[0] + BOX_WIDTH / 2, b[0] + BOX_WIDTH / 2
    line = _line([(ax, a[1] + BOX_HEIGHT), (ax, y), (bx, y), (bx, b[1] + BOX_HEIGHT)])
    return line + _written(label, (ax + bx) / 2, y)


def _is_ring(drawing: Drawing, label: Label) -> bool:
    ax, bx = drawing.places[label.left][0], drawing.places[label.right][0]
    return any(ax < x < bx for x, _ in drawing.places.values())


def _addresses(node: NodePlan) -> list[str]:
    addresses = [interface.cidr for interface in node.interfaces]
    return addresses[:2] + ([f"+{len(addresses) - 2}"] if len(addresses) > 2 else [])


def _box_height(node: NodePlan) -> float:
    return BOX_HEIGHT + ADDRESS * (max(len(_addresses(node)), 1) - 1)


def _node(node: NodePlan, x: float, y: float) -> str:
    shown = _addresses(node)
    radius = 8 if node.kind == "host" else 20
    lines = "".join(
        f'<text x="{x + BOX_WIDTH / 2:g}" y="{y + 35 + ADDRESS * index:g}"'
        f' class="address"{_squeezed(text)}>{escape(text)}</text>'
        for index, text in enumerate(shown)
    )
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}"'
        f' height="{_box_height(node):g}" rx="{radius}" class="node"/><text'
        f' x="{x + BOX_WIDTH / 2:g}" y="{y + 19:g}" class="name">{escape(node.name)}</text>{lines}'
    )


def _squeezed(text: str) -> str:
    """Return the attributes that keep a long address within its box."""
    room = BOX_WIDTH - 8
    if text_points(text, LABEL_SIZE) <= room:
        return ""
    return f' textLength="{room}" lengthAdjust="spacingAndGlyphs"'


def phone_svg(network: NetworkPlan, flows: Iterable[FlowPlan] = ()) -> str:
    """Return the drawing for a phone: names and wires only."""
    where = spots(network, flows)
    columns = max(spot.column for spot in where.values()) + 1
    rows = max(spot.row for spot in where.values()) + 1
    box = max(40.0, *(text_points(name, 13.0, bold=True) + 14 for name in where))
    width = max(float(PHONE), columns * (box + 14))
    step = (width - box - 4) / (columns - 1) if columns > 1 else 0.0
    places = {
        name: (2 + spot.column * step, 2 + spot.row * PHONE_ROW) for name, spot in where.items()
    }
    height = rows * PHONE_ROW + (14 if any(_jumps(where, link) for link in network.links) else 0)
    parts = [
        f'<svg viewBox="0 0 {width:g} {height:g}" class="network" role="img"'
        f' aria-label="The network" style="max-width: {width:g}px; --least: {width:g}px">'
    ]
    for link in network.links:
        (ax, ay), (bx, by) = sorted((places[link.a.node], places[link.b.node]))
        if _jumps(where, link):
            low = height - 4
            ends = [(ax + box / 2, ay + 17), (ax + box / 2, low), (bx + box / 2, low)]
            parts.append(_line([*ends, (bx + box / 2, by + 17)]))
        else:
            parts.append(_line([(ax + box / 2, ay + 17), (bx + box / 2, by + 17)]))
    for node in network.nodes:
        x, y = places[node.name]
        radius = 7 if node.kind == "host" else 17
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{box:g}" height="{PHONE_BOX}" rx="{radius}"'
            f' class="node"/><text x="{x + box / 2:g}" y="{y + 22:g}" class="name"'
            f' style="font-size: 13px">{escape(node.name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _jumps(where: Mapping[str, Spot], link: LinkPlan) -> bool:
    return abs(where[link.a.node].column - where[link.b.node].column) > 1


def link_words(network: NetworkPlan) -> Iterator[tuple[str, str]]:
    """Yield which links there are and what they do, those that do the same together."""
    alike: dict[str, list[str]] = {}
    for link in network.links:
        forward, backward = direction_words(link.forward), direction_words(link.backward)
        a, b = link.a.node, link.b.node
        both = f"both ways {forward}"
        words = both if forward == backward else f"→ {forward}; ← {backward}"
        mtu = mtu_words(network, link)
        alike.setdefault("; ".join(filter(None, (words, mtu))), []).append(f"{a} – {b}")
    for words, links in alike.items():
        yield ", ".join(links), words


def address_words(network: NetworkPlan) -> Iterator[tuple[str, str]]:
    """Yield each node with its addresses."""
    for node in network.nodes:
        yield node.name, ", ".join(interface.cidr for interface in node.interfaces)


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
