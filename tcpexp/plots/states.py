"""Plot ``states``: which TCP states each socket went through, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import PAPER
from tcpexp.plots.kit.shapes import legend_patch
from tcpexp.plots.kit.style import legend, note, panel_title, panels, time_limits
from tcpexp.plots.marks import draw_marks
from tcpexp.views.sockets import Stay, close_view, socket_stays
from tcpexp.views.spans import shown_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

#: A colour and a hatch for each state of RFC 9293, in the order of a connection's life; readable
#: without colour.
STATE_LOOK: dict[str, tuple[str, str]] = {
    "LISTEN": ("#d5dae1", ""),
    "SYN-SENT": ("#e69f00", ""),
    "SYN-RECEIVED": ("#f2c66d", "//"),
    "ESTABLISHED": ("#009e73", ""),
    "FIN-WAIT-1": ("#56b4e9", ""),
    "FIN-WAIT-2": ("#56b4e9", "\\\\"),
    "CLOSE-WAIT": ("#a8528a", ""),
    "CLOSING": ("#a8528a", "xx"),
    "LAST-ACK": ("#d9a9c9", "//"),
    "TIME-WAIT": ("#0072b2", ".."),
}


class States(Plot):
    """Which TCP states each socket went through: one row per socket, one bar per state.

    From the kernel's tracepoint ``sock:inet_sock_set_state``; half-open connections, TIME-WAIT and
    the FIN-WAIT-2 of a socket without a program are no full sockets in Linux and leave no trace
    there, so these, and everything where the tracepoint is missing, come from the ``ss`` snapshots.
    """

    name = "states"
    title = "TCP states"
    defaults: ClassVar[dict[str, Any]] = {"rows": 16}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when neither the kernel nor ``ss`` saw a connection."""
        stays = socket_stays(run)
        if not stays:
            return None
        order = list(dict.fromkeys(stay.socket for stay in stays))
        shown = order[: options["rows"]]
        drawn = [stay for stay in stays if stay.socket in shown]
        span = shown_span(run, options.get("between"))
        close = close_view(drawn, span)
        height = 0.3 * len(shown) + 0.25
        figure, axes = panels(
            [height, height] if close else [height],
            options["title"],
            left=2.2,
            last_gap=0.62,
            fixed=True,
        )
        for axis, limits in zip(axes, [span, close] if close else [span], strict=True):
            _draw_rows(axis, drawn, shown, limits or span)
        _state_legend(axes[0], {stay.state for stay in drawn})
        if len(order) > len(shown):
            note(axes[0], f"{len(order) - len(shown):,} more sockets not shown")
        time_limits(axes[:1], run, options, whole=True)
        draw_marks(figure, axes[:1], run, options, whole=True)
        if close:
            axes[0].set_xlabel("")
            axes[1].set_xlim(close[0] / 1e9, close[1] / 1e9)
            axes[1].set_xlabel("Time since the start of the experiment (s)")
            panel_title(axes[1], "Close view of the short states")
        return figure


def _draw_rows(axes: Axes, stays: list[Stay], shown: list[str], limits: tuple[int, int]) -> None:
    """Draw a row per socket, and its stays that overlap ``limits``."""
    for stay in stays:
        if stay.to_ns >= limits[0] and stay.from_ns <= limits[1]:
            _draw_stay(axes, stay, shown.index(stay.socket), (limits[1] - limits[0]) / 1e9)
    axes.set_ylim(len(shown) - 0.45, -0.6)
    axes.set_yticks(range(len(shown)), shown, fontsize=7.5)
    axes.grid(visible=False, axis="y")


def _draw_stay(axes: Axes, stay: Stay, row: int, span_s: float) -> None:
    color, hatch = STATE_LOOK.get(stay.state, ("#6b6b6b", ""))
    width = max((stay.to_ns - stay.from_ns) / 1e9, span_s / 600)
    edge = 0.6 if width > span_s / 300 else 0.0  # an edge would hide the narrowest bars
    axes.barh(
        row,
        width,
        left=stay.from_ns / 1e9,
        height=0.62,
        color=color,
        hatch=hatch,
        edgecolor=PAPER,
        linewidth=edge,
    )


def _state_legend(axes: Axes, states: set[str]) -> None:
    known = [state for state in STATE_LOOK if state in states] + sorted(states - set(STATE_LOOK))
    looks = {state: STATE_LOOK.get(state, ("#6b6b6b", "")) for state in known}
    handles = [
        legend_patch(axes, state, color, hatch, PAPER) for state, (color, hatch) in looks.items()
    ]
    legend(axes, columns=6, handles=handles, handleheight=1.0)
