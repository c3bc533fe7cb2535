"""Plot ``states``: which TCP states each socket went through, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.analysis.transitions import FROM_SS, transitions
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.shapes import legend_patch
from tcpexp.plots.kit.style import legend, note, panel_title, panels, span_ns, time_limits
from tcpexp.plots.kit.look import PAPER
from tcpexp.plots.marks import draw_marks

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


@dataclass(frozen=True)
class Stay:
    """A socket's stay in one state."""

    socket: str
    state: str
    from_ns: int
    to_ns: int


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
        span = span_ns(run, options)
        close = close_view(drawn, span)
        height = 0.3 * len(shown) + 0.25
        figure, axes = panels(
            [height, height] if close else [height], options["title"], left=2.2, last_gap=0.62
        )
        for axis, limits in zip(axes, [span, close] if close else [span], strict=True):
            _draw_rows(axis, drawn, shown, limits or span)
        _state_legend(axes[0], {stay.state for stay in drawn})
        if len(order) > len(shown):
            note(axes[0], f"{len(order) - len(shown):,} more sockets not shown")
        time_limits(axes[:1], run, options)
        draw_marks(figure, axes[:1], run, options)
        if close:
            axes[0].set_xlabel("")
            axes[1].set_xlim(close[0] / 1e9, close[1] / 1e9)
            axes[1].set_xlabel("Time since the start of the experiment (s)")
            panel_title(axes[1], "Close view of the short states")
        return figure


def close_view(stays: list[Stay], span: tuple[int, int]) -> tuple[int, int] | None:
    """Return a time span that shows the short stays, when they are too short for the whole span and
    lie close together.
    """
    whole = span[1] - span[0]
    short = [
        stay
        for stay in stays
        if stay.to_ns - stay.from_ns < whole / 200 and span[0] <= stay.from_ns <= span[1]
    ]
    if len(short) < 3:
        return None
    start, end = min(stay.from_ns for stay in short), max(stay.to_ns for stay in short)
    if end - start > whole / 10:
        return None
    margin = max((end - start) // 8, 1)
    return start - margin, end + margin


def _draw_rows(axes: Axes, stays: list[Stay], shown: list[str], limits: tuple[int, int]) -> None:
    """Draw a row per socket, and its stays that overlap ``limits``."""
    for stay in stays:
        if stay.to_ns >= limits[0] and stay.from_ns <= limits[1]:
            _draw_stay(axes, stay, shown.index(stay.socket), (limits[1] - limits[0]) / 1e9)
    axes.set_ylim(len(shown) - 0.45, -0.6)
    axes.set_yticks(range(len(shown)), shown, fontsize=7.5)
    axes.grid(visible=False, axis="y")


def socket_stays(run: RunData) -> list[Stay]:
    """Return every stay of every connection's socket, by socket in order of appearance, from the
    trace and from ``ss``.
    """
    traced = _traced_stays(run)
    names = {stay.socket for stay in traced}
    seen = [
        stay
        for stay in _snapshot_stays(run)
        if stay.socket not in names or stay.state == "SYN-RECEIVED"
    ]
    stays = sorted([*traced, *seen], key=lambda stay: (stay.from_ns, stay.to_ns))
    order = {
        name: index for index, name in reversed(list(enumerate(stay.socket for stay in stays)))
    }
    return sorted(stays, key=lambda stay: (order[stay.socket], stay.from_ns))


def socket_name(row: dict[str, object]) -> str:
    """Return ``h1 :40000 > 10.0.0.2:80``."""
    return f"{row['node']} :{row['local_port']} → {row['peer_address']}:{row['peer_port']}"


def _traced_stays(run: RunData) -> list[Stay]:
    """Return stays between two changes of state: those of the tracepoint, completed where Linux
    keeps a small entry instead of a socket.
    """
    end = span_ns(run, {})[1]
    open_now: dict[str, tuple[str, int]] = {}
    stays = []
    for change in transitions(run):
        if not change.peer_port or (change.source == "ss" and change.new == "SYN-RECEIVED"):
            continue
        name = f"{change.node} :{change.port} → {change.socket.rpartition(' - ')[2]}"
        if name in open_now:
            state, since = open_now.pop(name)
            stays.append(Stay(name, state, since, change.t_ns))
        if change.new != "CLOSED":
            open_now[name] = (change.new, change.t_ns)
    stays.extend(Stay(name, state, since, end) for name, (state, since) in open_now.items())
    return stays


def _snapshot_stays(run: RunData) -> list[Stay]:
    """Return stays from ``ss``: from the first snapshot with a state to the last in unbroken
    sequence, plus one interval.
    """
    table = run.table("sockets").filter(
        (pl.col("state") != "listen") & (pl.col("peer_port").fill_null(0) > 0)
    )
    if table.is_empty():
        return []
    times = run.table("sockets")["t_ns"].unique().sort()
    gap = int(times.diff().median() or 0) if len(times) > 1 else 0  # type: ignore[arg-type]
    key = ["node", "local_port", "peer_address", "peer_port"]
    ordered = table.sort("t_ns", maintain_order=True)
    changed = (
        (pl.col("state") != pl.col("state").shift()) | (pl.col("t_ns").diff() > 2 * max(gap, 1))
    ).fill_null(True)
    runs = ordered.with_columns(changed.cum_sum().over(key).alias("run"))
    grouped = runs.group_by([*key, "run", "state"], maintain_order=True).agg(
        pl.col("t_ns").min().alias("from_ns"), pl.col("t_ns").max().alias("to_ns")
    )
    return [
        Stay(
            socket_name(row),
            FROM_SS.get(row["state"], row["state"].upper()),
            row["from_ns"],
            row["to_ns"] + gap,
        )
        for row in grouped.iter_rows(named=True)
    ]


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
