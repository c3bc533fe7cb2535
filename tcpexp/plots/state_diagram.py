"""Plot ``state_diagram``: RFC 9293's state diagram with the edges that sockets really took."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tcpexp.analysis.transitions import EDGES, STATES, transitions, visited
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import INK, PALETTE, PAPER, SHADE, SOFT_INK
from tcpexp.plots.kit.shapes import draw_box, draw_curve
from tcpexp.plots.kit.style import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.analysis.transitions import Transition
    from tcpexp.store.rundata import RunData

HEIGHT = 6.6
UNTAKEN = "#c3cad3"
BOX_WIDTH, BOX_HEIGHT = 0.4, 0.34
#: Where each state stands (column, row), as in RFC 9293 figure 5; CLOSED stands at the beginning
#: and at the end.
PLACES: dict[str, tuple[float, float]] = {
    "CLOSED": (1, 0),
    "LISTEN": (1, 1.1),
    "SYN-RECEIVED": (0, 2),
    "SYN-SENT": (2, 2),
    "ESTABLISHED": (1, 3),
    "FIN-WAIT-1": (0, 4),
    "CLOSE-WAIT": (2, 4),
    "FIN-WAIT-2": (0, 5.2),
    "CLOSING": (1, 5.2),
    "LAST-ACK": (2, 5.2),
    "TIME-WAIT": (1, 6.4),
}
END = (2, 6.4)
#: How far an edge bends, and where along it its label stands (0 to 1); straight and in the middle
#: when not listed.
BENDS = {
    ("CLOSED", "LISTEN"): (0.3, 0.5),
    ("LISTEN", "CLOSED"): (0.3, 0.5),
    ("CLOSED", "SYN-SENT"): (-0.3, 0.5),
    ("SYN-SENT", "CLOSED"): (0.05, 0.5),
    ("LISTEN", "SYN-RECEIVED"): (0.15, 0.5),
    ("SYN-RECEIVED", "LISTEN"): (0.25, 0.5),
    ("LISTEN", "SYN-SENT"): (-0.1, 0.5),
    ("FIN-WAIT-1", "TIME-WAIT"): (-0.12, 0.42),
}
#: How far a label stands beside its edge, where two edges leave it no room.
ASIDE = {("CLOSED", "LISTEN"): -0.14, ("LISTEN", "CLOSED"): 0.09, ("CLOSED", "SYN-SENT"): 0.08}


class StateDiagram(Plot):
    """RFC 9293's state diagram: the edges that sockets of this run took are drawn bold, with how
    often and on which host.

    From the same sources as the check ``transition``: the kernel's tracepoint
    ``sock:inet_sock_set_state``, and ``ss`` for the small entries that Linux keeps in TIME-WAIT,
    FIN-WAIT-2 and SYN-RECEIVED. An edge's label says what makes a socket take it, and after the
    slash what it sends.
    """

    name = "state_diagram"
    title = "TCP state diagram, with the edges taken"
    time_axis = False
    narrows = False
    on_demand = True

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when the kernel's trace shows no change of state."""
        between, flows = options["between"], options["flows"]
        if not run.has("states"):
            return None
        changes = [
            transition
            for transition in transitions(run)
            if between is None or between[0] <= transition.t_ns <= between[1]
        ]
        if flows is not None:
            listening = {(flow.server, flow.port) for flow in run.plan.flows if flow.name in flows}
            changes = [
                change
                for change in changes
                if change.flow in flows
                or (not change.peer_port and (change.node, change.port) in listening)
            ]
        if not changes:
            return None
        figure, (axes,) = panels([HEIGHT], options["title"], fixed=True)
        axes.set_axis_off()
        axes.set_xlim(-0.45, 2.45)
        axes.set_ylim(7.2, -0.25)
        taken = Counter(change.edge for change in changes)
        for edge, text in EDGES.items():
            _draw_edge(axes, edge, text, _by_host(changes, edge) if edge in taken else "")
        entered = visited(changes)
        for state in STATES:
            _draw_state(axes, state, PLACES[state], bool(entered[state]))
        _draw_state(
            axes,
            "CLOSED",
            END,
            any(
                change.new == "CLOSED" and change.old in ("LAST-ACK", "TIME-WAIT")
                for change in changes
            ),
        )
        _draw_remarks(
            axes, len([state for state in STATES if entered[state]]), others(taken, set(EDGES))
        )
        return figure


def others(taken: Counter[tuple[str, str]], known: set[tuple[str, str]]) -> str:
    """Return the edges that were taken and are not in the RFC's figure, with their numbers."""
    return ", ".join(
        f"{old} → {new} ({count}×)"
        for (old, new), count in sorted(taken.items())
        if (old, new) not in known
    )


def _by_host(changes: list[Transition], edge: tuple[str, str]) -> str:
    """Return ``h1 2×, h2 1×``."""
    counts = Counter(change.node for change in changes if change.edge == edge)
    return ", ".join(f"{node} {count}×" for node, count in sorted(counts.items()))


def _draw_state(axes: Axes, state: str, place: tuple[float, float], reached: bool) -> None:
    x, y = place
    corner = (x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT)
    draw_box(
        axes,
        corner,
        SHADE if reached else PAPER,
        INK if reached else UNTAKEN,
        1.4 if reached else 1.0,
    )
    axes.text(
        x,
        y,
        state,
        ha="center",
        va="center",
        fontsize=8.5,
        fontweight="bold" if reached else "normal",
        color=INK if reached else SOFT_INK,
        zorder=4,
    )


def _draw_edge(axes: Axes, edge: tuple[str, str], text: str, counts: str) -> None:
    """Draw one arrow and its label: bold and coloured when it was taken."""
    old, new = edge
    start, end = (
        PLACES[old],
        END if new == "CLOSED" and old in ("LAST-ACK", "TIME-WAIT") else PLACES[new],
    )
    bend, along = BENDS.get(edge, (0.0, 0.5))
    color = PALETTE[0] if counts else UNTAKEN
    draw_curve(axes, _border(start, end), _border(end, start), bend, color, 2.0 if counts else 1.0)
    x, y = start[0] + along * (end[0] - start[0]), start[1] + along * (end[1] - start[1])
    # arc3 moves the middle of the curve by half of rad times the distance, to the right of its
    # direction; the axes' y runs downwards
    x, y = (
        x - bend * (end[1] - start[1]) * 0.18 + ASIDE.get(edge, 0.0),
        y + bend * (end[0] - start[0]) * 0.9,
    )
    axes.text(
        x,
        y,
        f"{text}\n{counts}" if counts else text,
        ha="center",
        va="center",
        fontsize=7,
        linespacing=1.15,
        color=PALETTE[0] if counts else SOFT_INK,
        fontweight="bold" if counts else "normal",
        zorder=5,
        bbox={"boxstyle": "round,pad=0.12", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.9},
    )


def _border(inside: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Return the point on a state's box that faces another state."""
    dx, dy = towards[0] - inside[0], towards[1] - inside[1]
    reach = min(BOX_WIDTH / 2 / abs(dx) if dx else 9.0, BOX_HEIGHT / 2 / abs(dy) if dy else 9.0)
    return inside[0] + dx * reach, inside[1] + dy * reach


def _draw_remarks(axes: Axes, reached: int, extra: str) -> None:
    lines = [
        f"{reached} of 11 states reached. Bold: edges taken, with the host and how often. Grey: not"
        " taken in this run."
    ]
    lines += (
        [f"Also taken, not in the RFC's figure (timeout, reset or refusal): {extra}"]
        if extra
        else []
    )
    axes.text(
        -0.45,
        6.85,
        "\n".join(lines),
        ha="left",
        va="top",
        fontsize=7.5,
        color=SOFT_INK,
        linespacing=1.4,
    )
