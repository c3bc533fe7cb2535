"""Plot ``calls``: the socket calls of two programs beside the packets between their hosts, to scale
in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.errors import SpecError
from tcpexp.plots.base import OptionError, Options, Plot
from tcpexp.plots.kit.lettering import text_inches
from tcpexp.plots.kit.look import ALARM, INK, PALETTE, PAPER, SOFT_INK
from tcpexp.plots.kit.style import LEFT, RIGHT, figure_width, note, panels
from tcpexp.views.calls import Call, Crossing, crossings, logged_calls

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

#: Heights in inches: of the space between the hosts' lines, of a bar, and of a row of labels.
WIRE, BAR, LABEL = 1.9, 0.16, 0.15
POINTS = 7.5
MOST_ROWS = 5
#: Packets that have room for a label each.
LABELLED = 50


class Calls(Plot):
    """Socket calls beside packets: above the upper line what the client's program calls, below the
    lower one what the server's does, the packets between.

    A bar begins when the program makes a call and ends when the call returns, so its length is how
    long the call blocked. Time runs to the right and is to scale. Red: the call failed, or the
    packet never arrived.

    The programs log their calls as lines of JSON with ``took_us``. The option ``actions`` names two
    actions, the client's first; without it the first flow's program and the first one on its server
    that logged calls are taken. ``between`` chooses the time, ``calls`` how many of the client's
    calls are shown, and ``flows`` whose packets. More packets than have room for their labels are
    drawn as thin lines without.
    """

    name = "calls"
    title = "Socket calls beside packets"
    defaults: ClassVar[dict[str, Any]] = {"actions": None, "calls": 40}
    time_axis = False
    on_demand = True

    @classmethod
    def option_errors(cls, given: Options) -> list[OptionError]:
        """Add: ``actions`` are two ids."""
        actions = given.get("actions")
        errors = super().option_errors(given)
        if actions is not None and not (
            isinstance(actions, list | tuple)
            and len(actions) == 2
            and all(isinstance(action, str) for action in actions)
        ):
            errors.append(
                OptionError(
                    f"plot 'calls': actions cannot be {actions!r}",
                    "actions",
                    hint="the ids of two actions, such as [client, server]",
                )
            )
        return errors

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when the client's program logged no call.

        Raises ``SpecError`` for an action that is not in the plan.
        """
        client, server = _actions(run, options)
        span = options["between"] or (-(10**18), 10**18)
        upper = (
            [
                call
                for call in logged_calls(run, client)
                if call.to_ns >= span[0] and call.from_ns <= span[1]
            ]
            if client
            else []
        )
        if not upper:
            return None
        shown = upper[: options["calls"]]
        start, end = max(shown[0].from_ns, span[0]), min(max(call.to_ns for call in shown), span[1])
        margin = max((end - start) // 12, 50_000)
        server_calls = logged_calls(run, server) if server else []
        other = server_calls[0].node if server_calls else _peer(run, client, shown[0].node)
        sent_within = options["between"] or (start - margin // 2, end + margin // 2)
        packets = crossings(run, shown[0].node, other, sent_within, options["flows"])
        last = max((packet.received_ns or packet.sent_ns for packet in packets), default=end)
        limits = options["between"] or (
            start - margin // 2,
            max(end + margin, min(last, 2 * end - start) + margin // 2),
        )
        lower = [
            call for call in server_calls if call.to_ns >= limits[0] and call.from_ns <= limits[1]
        ]
        title = f"{options['title']}: {client}" + (f" and {server}" if server else "")
        return _figure(
            title, shown, lower, packets, (shown[0].node, other), limits, len(upper) - len(shown)
        )


def _actions(run: RunData, options: Options) -> tuple[str, str]:
    """Return the ids of both steps; empty where there is none."""
    steps = {step.id: step for step in (*run.plan.setup, *run.plan.steps)}
    if options["actions"] is not None:
        for action in options["actions"]:
            if action not in steps:
                raise SpecError(
                    f"plot 'calls': there is no action '{action}'",
                    hint="the id: of an action that starts a program",
                )
        return options["actions"][0], options["actions"][1]
    flow = run.plan.flows[0] if run.plan.flows else None
    if flow is None:
        return "", ""
    servers = [
        name
        for name, step in steps.items()
        if getattr(step.do, "node", None) == flow.server and logged_calls(run, name)
    ]
    return flow.step, servers[0] if servers else ""


def _peer(run: RunData, client: str, node: str) -> str:
    """Return the host at the other end of the client's flow, or else any other host."""
    hosts = [
        planned.name
        for planned in run.plan.network.nodes
        if planned.kind == "host" and planned.name != node
    ]
    return next(
        (flow.server for flow in run.plan.flows if flow.step == client), hosts[0] if hosts else ""
    )


def _figure(
    title: str,
    upper: list[Call],
    lower: list[Call],
    packets: list[Crossing],
    hosts: tuple[str, str],
    limits: tuple[int, int],
    more: int,
) -> Figure:
    room = figure_width() - LEFT - RIGHT
    unit, name = (1e9, "s") if limits[1] - limits[0] > 3_000_000_000 else (1e6, "ms")
    scale = room / (limits[1] - limits[0])
    rows = [
        label_rows([((call.from_ns - limits[0]) * scale, call.text) for call in calls], room)
        for calls in (upper, lower)
    ]
    above, below = ((max([*row, 0]) + 1) * LABEL + BAR + 0.2 for row in rows)
    figure, (axes,) = panels([above + WIRE + below], title, fixed=True)
    axes.set_xlim(limits[0] / unit, limits[1] / unit)
    axes.set_ylim(-below, WIRE + above)
    axes.set_yticks([0, WIRE], [hosts[1], hosts[0]], fontsize=10, fontweight="bold")
    axes.grid(visible=False, axis="y")
    for y in (0, WIRE):
        axes.axhline(y, color=INK, linewidth=1.3)
    for calls, places, side in ((upper, rows[0], 1), (lower, rows[1], -1)):
        for call, row in zip(calls, places, strict=True):
            _draw_call(axes, call, row, side, limits, unit)
    for packet in packets:
        _draw_flight(axes, packet, unit, labelled=len(packets) <= LABELLED)
    axes.set_xlabel(f"Time since the start of the experiment ({name})")
    if more:
        note(axes, f"{more:,} more calls not shown")
    return figure


def _draw_call(
    axes: Axes, call: Call, row: int, side: int, limits: tuple[int, int], unit: float
) -> None:
    """Draw a call's bar beyond its host's line, and its label beyond the bar."""
    from_ns, to_ns = max(call.from_ns, limits[0]), min(call.to_ns, limits[1])
    base = WIRE if side > 0 else 0.0
    color = ALARM if call.failed else PALETTE[2] if side > 0 else PALETTE[3]
    width = max((to_ns - from_ns) / unit, (limits[1] - limits[0]) / unit / 500)
    axes.barh(
        base + side * (0.05 + BAR / 2),
        width,
        left=from_ns / unit,
        height=BAR,
        color=color,
        edgecolor=PAPER,
        linewidth=0.4,
        zorder=3,
    )
    y = base + side * (BAR + 0.1 + row * LABEL)
    axes.plot(
        [from_ns / unit] * 2,
        [base + side * (BAR + 0.05), y + side * LABEL * 0.7],
        color=color,
        linewidth=0.7,
        zorder=2,
    )
    axes.text(
        from_ns / unit,
        y,
        f" {call.text}",
        ha="left",
        va="bottom" if side > 0 else "top",
        fontsize=POINTS,
        color=INK,
        zorder=4,
    )


def _draw_flight(axes: Axes, packet: Crossing, unit: float, *, labelled: bool) -> None:
    y0, y1 = (WIRE, 0.0) if packet.to_right else (0.0, WIRE)
    lost = packet.received_ns is None
    arrived = packet.sent_ns if packet.received_ns is None else packet.received_ns
    x0, x1 = packet.sent_ns / unit, arrived / unit
    if lost:
        y1 = y0 + (y1 - y0) * 0.55
        axes.plot([x1], [y1], marker="x", markersize=7, markeredgewidth=1.6, color=ALARM)
    color = ALARM if lost else PALETTE[0] if packet.text.endswith(" B") else SOFT_INK
    if not labelled:
        axes.plot([x0, x1], [y0, y1], color=color, linewidth=0.6, alpha=0.8)
        return
    style = {
        "arrowstyle": "-" if lost else "-|>",
        "color": color,
        "linewidth": 1.1,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 8,
    }
    axes.annotate("", xy=(x1, y1), xytext=(x0, y0), arrowprops=style)
    part = 0.3 if packet.to_right else 0.22
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.4, "alpha": 0.9}
    axes.text(
        x0 + (x1 - x0) * part,
        y0 + (y1 - y0) * part,
        packet.text,
        ha="center",
        va="center",
        fontsize=7,
        color=color,
        bbox=box,
        zorder=5,
    )


def label_rows(wanted: list[tuple[float, str]], room: float) -> list[int]:
    """Return the row of each label, 0 next to the bars, so that none meets another: ``wanted`` are
    left edges (inches) and texts, in order.
    """
    ends: list[float] = []
    rows: list[int] = []
    for left, text in wanted:
        row = next((row for row, end in enumerate(ends) if end <= left), len(ends))
        row = min(row, MOST_ROWS - 1)
        ends[row : row + 1] = [min(left, room) + text_inches(f" {text}", POINTS) + 0.05]
        rows.append(row)
    return rows
