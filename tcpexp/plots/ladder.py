"""Plot ``ladder``: the time-sequence diagram of one small connection, with the TCP states of both
ends.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.plots.base import Options, Plot
from tcpexp.plots.faultmarks import MARKS
from tcpexp.plots.kit.lettering import text_inches
from tcpexp.plots.kit.look import ALARM, INK, PAPER, SOFT_INK
from tcpexp.plots.kit.style import figure_width, new_figure
from tcpexp.plots.ladderlook import Layout, layout_for, spread_states, two_lines
from tcpexp.views.ladder import Arrow, LadderView, StateChange, ladder_view

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

DATA_COLOR = "#0072b2"


class Ladder(Plot):
    """One connection as a ladder: a line for each host, an arrow for each segment, the TCP state of
    both ends beside it.

    Time runs downwards, not to scale: each event has a row of its own, and the times (seconds since
    the start of the experiment) stand beside it. Sequence and acknowledgment numbers are relative
    to the initial ones, which stand on the SYNs. Arrows that end in a cross were lost or dropped on
    the way; a mark and ``[fault: drop]`` say what a fault did to a segment. States are the kernel's
    own (tracepoint ``sock:inet_sock_set_state``); those in brackets it does not show: ``ss`` saw
    them, or the segments show them (a server is in SYN-RECEIVED from its SYN-ACK on).

    The options ``flow`` and ``connection`` (1, 2, ... in order of their SYN) choose the connection,
    ``packets`` how many of its segments are drawn, ``between`` from which time.
    """

    name = "ladder"
    title = "Time-sequence diagram"
    defaults: ClassVar[dict[str, Any]] = {"flow": "", "connection": 1, "packets": 30}
    time_axis = False

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no connection was captured."""
        view = ladder_view(
            run,
            str(options["flow"]),
            int(options["connection"]),
            int(options["packets"]),
            options["between"],
        )
        if view is None:
            return None
        layout = layout_for(figure_width(), view)
        if layout.states_between:
            view = spread_states(view)
        height = (view.rows + 1) * layout.row + 1.35
        figure = new_figure(layout.width, height)
        axes = figure.add_axes((0, 0.1 / height, 1, 1 - 0.75 / height))
        axes.set_axis_off()
        axes.set_xlim(0, layout.width)
        axes.set_ylim(view.rows + 0.8, -1.7)
        figure.suptitle(
            f"{options['title']}: {view.name}",
            x=layout.title / layout.width,
            y=1 - 0.1 / height,
            ha="left",
            va="top",
            fontsize=11,
            fontweight="bold",
        )
        _draw_hosts(axes, view, layout)
        per_row = axes.get_position().height * height / (view.rows + 2.5)
        for arrow in view.arrows:
            _draw_arrow(axes, arrow, per_row, layout)
        for change in view.states:
            _draw_state(axes, change, layout)
        if view.more:
            axes.text(
                (layout.left + layout.right) / 2,
                view.rows + 0.3,
                f"... {view.more:,} more segments",
                ha="center",
                fontsize=8,
                style="italic",
                color=SOFT_INK,
            )
        return figure


def _draw_hosts(axes: Axes, view: LadderView, layout: Layout) -> None:
    for x, host, address in (
        (layout.left, view.left, view.left_address),
        (layout.right, view.right, view.right_address),
    ):
        axes.plot([x, x], [-0.55, view.rows + 0.2], color=INK, linewidth=1.3, solid_capstyle="butt")
        axes.text(x, -0.75, address, ha="center", va="bottom", fontsize=8, color=SOFT_INK)
        axes.text(
            x, -1.3, host, ha="center", va="bottom", fontsize=10, fontweight="bold", color=INK
        )


def _draw_arrow(axes: Axes, arrow: Arrow, per_row: float, layout: Layout) -> None:
    """Draw one segment with its label along the arrow and its times at both ends."""
    ends = (layout.left, layout.right)
    x0, x1 = ends if arrow.to_right else ends[::-1]
    y0, y1 = arrow.from_row, arrow.to_row
    color = ALARM if arrow.lost or arrow.again else DATA_COLOR if arrow.data else INK
    if arrow.lost:
        x1, y1 = x0 + (x1 - x0) * 0.62, y0 + (y1 - y0) * 0.62
        axes.plot([x1], [y1], marker="x", markersize=8, markeredgewidth=1.8, color=ALARM, zorder=4)
    if arrow.fault is not None:
        part = 1.0 if arrow.lost else 0.62
        look: dict[str, Any] = {
            "marker": MARKS[arrow.fault][0],
            "markersize": 11,
            "markerfacecolor": "none",
            "markeredgecolor": INK,
            "zorder": 4,
        }
        if arrow.lost:
            axes.text(
                (x0 + x1) / 2,
                (y0 + y1) / 2 + 0.12,
                f"[fault: {arrow.fault}]",
                ha="center",
                va="top",
                fontsize=8,
                color=ALARM,
            )
        axes.plot([x0 + (x1 - x0) * part], [y0 + (y1 - y0) * part], **look)
    style = {
        "arrowstyle": "-" if arrow.lost else "-|>",
        "color": color,
        "linewidth": 1.2,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", xy=(x1, y1), xytext=(x0, y0), arrowprops={**style, "mutation_scale": 10})
    angle = -math.degrees(math.atan2((y1 - y0) * per_row, abs(x1 - x0)))
    length = math.hypot(x1 - x0, (y1 - y0) * per_row) / (0.62 if arrow.lost else 1)
    text = arrow.text if arrow.crossed else two_lines(arrow.text, length, layout)
    long = max(text_inches(line, layout.label_points) for line in text.split("\n"))
    if arrow.lost:  # clear of the time at its tail
        part = max(0.45, (long / 2 + 0.08) / abs(x1 - x0))
    else:
        part = label_part(long, abs(x1 - x0)) if arrow.crossed else 0.5
    middle = x0 + (x1 - x0) * part
    axes.text(
        middle,
        y0 + (y1 - y0) * part - 0.06,
        text,
        ha="center",
        va="bottom",
        fontsize=layout.label_points,
        color=color,
        rotation=angle if arrow.to_right else -angle,
        rotation_mode="anchor",
        bbox={
            "facecolor": PAPER,
            "edgecolor": "none",
            "pad": 0.3,
            "alpha": 0.0 if not arrow.crossed else 0.9,
        },
    )
    side = -1 if arrow.to_right else 1
    _draw_time(axes, x0 + side * 0.07, y0, arrow.sent_ns, side, layout)
    if arrow.received_ns is not None:
        end = (layout.right if arrow.to_right else layout.left) - side * 0.07
        _draw_time(axes, end, arrow.to_row, arrow.received_ns, -side, layout)


def label_part(label: float, arrow: float) -> float:
    """Return where along an arrow that others cross its label stands.

    From 0 to 1, the label's middle: near the tail, and as a whole between the lines.

    Both lengths in inches.
    """
    return min(0.5, max(0.3, (label / 2 + 0.1) / arrow))


def _draw_time(axes: Axes, x: float, y: float, t_ns: int, side: int, layout: Layout) -> None:
    axes.text(
        x,
        y,
        f"{t_ns / 1e9:.6f}",
        ha="right" if side < 0 else "left",
        va="center",
        fontsize=layout.time_points,
        color=SOFT_INK,
    )


def _draw_state(axes: Axes, change: StateChange, layout: Layout) -> None:
    """Draw a state in a box outside its host's line, at the row where the kernel entered it, or on
    the line below that row where there is no room outside.
    """
    x = layout.left - 0.78 if change.left else layout.right + 0.78
    ha = "right" if change.left else "left"
    if layout.states_between:
        x, ha = (0.08, "left") if change.left else (layout.width - 0.08, "right")
    text = f"({change.state})" if change.from_ss else change.state
    if change.late and change.t_ns is not None:
        text = f"{text} {change.t_ns / 1e9:.1f} s"
    axes.text(
        x,
        change.row,
        text,
        ha=ha,
        va="center",
        fontsize=layout.state_points,
        fontweight="bold",
        color=INK,
        bbox={
            "boxstyle": "round,pad=0.22",
            "facecolor": "#eef1f5",
            "edgecolor": SOFT_INK,
            "linewidth": 0.6,
        },
        zorder=5 if layout.states_between else 3,
    )
