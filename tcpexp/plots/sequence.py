"""Plot ``sequence``: the time-sequence graph of each flow, and a close view of its first
retransmission.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plan.flows import flow_of
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.faultmarks import draw_fault_marks
from tcpexp.plots.kit.look import ALARM, INK, WINDOW
from tcpexp.plots.kit.style import flow_series, legend, panel_title, panels, size_unit, time_limits
from tcpexp.plots.kit.thin import thin_line, thin_points
from tcpexp.plots.limitstrip import draw_limits, limited_flows
from tcpexp.plots.marks import draw_marks
from tcpexp.plots.phasestrip import ROW_INCHES
from tcpexp.views.faults import fault_marks
from tcpexp.views.packets import flow_frames
from tcpexp.views.spans import shown_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

#: Up to this many segments each is drawn as a bar from its first byte to its last; above, as a line
#: through them.
BARS = 150
#: A transfer with more segments is long: they cannot be told apart in the whole run's panel.
LONG = 1500


class Sequence(Plot):
    """Sequence numbers over time at the sender: data segments, retransmissions, the ACK line and
    the window's edge.

    The vertical distance between data and ACK line is what is in flight, the distance up to the
    window line what the receiver still allows; the horizontal distance between data and ACK is the
    round-trip time. Below, a close view around the first retransmission of a long transfer, or of a
    short one as a whole. Sequence numbers count from the initial sequence number. Of an explained
    capture a strip says what limited the rate (plot ``limits``).
    """

    name = "sequence"
    title = "Sequence numbers"
    defaults: ClassVar[dict[str, Any]] = {"detail": True, "panels": 4}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow's data was captured at its sender."""
        frames = flow_frames(run, options.get("between"), pl_data())
        looks = flow_series(run, options, frames)
        shown = list(looks)[: options["panels"]]
        if not shown:
            return None
        close = (
            close_view(frames, shown, shown_span(run, options.get("between")))
            if options["detail"]
            else None
        )
        heights = [2.4 if len(shown) == 1 else 1.7] * len(shown)
        rows = run.table("limits")
        limited = limited_flows(run, rows, shown)
        strip = [len(limited) * ROW_INCHES] if limited else []
        figure, axes = panels(
            [*heights, *strip, 2.2] if close else [*heights, *strip],
            options["title"],
            last_gap=0.62 if close else None,
        )
        for axis, name in zip(axes, shown, strict=False):
            _draw_sequence(axis, frames[name], looks[name].color, fault_marks(run, name))
            panel_title(axis, _panel_name(run, name))
        legend(axes[0])
        whole = axes[: len(shown) + len(strip)]
        if limited:
            span = shown_span(run, options.get("between"))
            patches = draw_limits(whole[-1], run, rows, limited, span)
            legend(whole[-1], handles=patches, columns=6)
        time_limits(whole, run, options)
        draw_marks(figure, whole, run, options)
        if close:
            whole[-1].set_xlabel("")
            _draw_detail(
                axes[-1],
                frames[close.flow],
                looks[close.flow].color,
                close,
                fault_marks(run, close.flow),
            )
        return figure


def pl_data() -> pl.Expr:
    """Return an expression: whether the packet is a data segment from the sender."""
    return pl.col("outgoing") & (pl.col("payload_bytes") > 0) & pl.col("seq_rel").is_not_null()


def _panel_name(run: RunData, name: str) -> str:
    flow = flow_of(run.plan, name)
    control = (
        f" ({flow.congestion_control})"
        if flow and flow.congestion_control and flow.congestion_control != name
        else ""
    )
    return f"{name}{control}, at the sender {flow.sender if flow else ''}"


def _draw_sequence(axes: Axes, packets: pl.DataFrame, color: str, faults: pl.DataFrame) -> None:
    """Draw data, ACK line, window line and retransmissions of one connection."""
    data = (
        packets.filter(pl_data())
        .sort("t_ns")
        .with_columns(end=pl.col("seq_rel") + pl.col("payload_bytes"))
    )
    acks = packets.filter(
        ~pl.col("outgoing") & pl.col("ack_rel").is_not_null() & ~pl.col("flags").str.contains("R")
    ).sort("t_ns")
    highest = int(data["end"].max())  # type: ignore[arg-type]
    divisor, unit = size_unit(highest)
    first = data.filter(~pl.col("again"))
    if first.height <= BARS:
        axes.vlines(
            first["t_ns"] / 1e9,
            first["seq_rel"] / divisor,
            first["end"] / divisor,
            color=color,
            linewidth=2.2,
            label="data",
        )
    else:
        thin = thin_line(first, "t_ns", "end", 400)
        axes.plot(
            thin["t_ns"] / 1e9, thin["end"] / divisor, color=color, linewidth=1.4, label="data"
        )
    if not acks.is_empty():
        thin = thin_line(acks, "t_ns", "ack_rel", 400)
        axes.plot(
            thin["t_ns"] / 1e9,
            thin["ack_rel"] / divisor,
            color=INK,
            linewidth=0.9,
            label="ACK",
            drawstyle="steps-post",
        )
        edge = acks.filter(pl.col("window_bytes").is_not_null()).with_columns(
            edge=pl.col("ack_rel") + pl.col("window_bytes")
        )
        thin = thin_line(edge, "t_ns", "edge", 400)
        axes.plot(
            thin["t_ns"] / 1e9,
            thin["edge"] / divisor,
            color=WINDOW,
            linewidth=0.9,
            linestyle=(0, (4, 1.5)),
            label="ACK + window",
            drawstyle="steps-post",
        )
    repeats = thin_points(data.filter("again"), "t_ns", "seq_rel", 160, 60)
    if not repeats.is_empty():
        axes.plot(
            repeats["t_ns"] / 1e9,
            repeats["seq_rel"] / divisor,
            linestyle="none",
            marker="x",
            markersize=4.5,
            markeredgewidth=1.1,
            color=ALARM,
            label="retransmission",
            zorder=4,
            rasterized=repeats.height > 1000,
        )
    draw_fault_marks(axes, faults, divisor)
    axes.set_ylim(0, highest / divisor * 1.08)
    axes.set_ylabel(f"Sequence ({unit})")


@dataclass(frozen=True)
class CloseView:
    """A part of one flow that deserves a closer look."""

    flow: str
    start_ns: int
    end_ns: int
    title: str


def close_view(
    frames: dict[str, pl.DataFrame], names: list[str], span: tuple[int, int]
) -> CloseView | None:
    """Return what to look at closely: the first retransmission of a long transfer, or the whole of
    a short one.

    A long transfer has more segments than can be told apart; a short one takes less than a tenth of
    ``span``.
    """

    found = []
    for name in names:
        repeats = frames[name].filter(pl_data()).sort("t_ns").filter("again")["t_ns"]
        if len(repeats) and frames[name].height > LONG:
            found.append((int(repeats[0]), name))
    if found:
        at_ns, name = min(found)
        rtts = frames[name]["rtt_ns"].drop_nulls().sort()
        rtt = int(rtts[len(rtts) // 2]) if len(rtts) else 50_000_000
        title = f"Close view: the first retransmission, {name} at {at_ns / 1e9:.3f} s"
        return CloseView(name, max(span[0], at_ns - 4 * rtt), min(span[1], at_ns + 6 * rtt), title)
    name = names[0]
    times = frames[name].filter(pl_data())["t_ns"]
    length = int(times[-1]) - int(times[0])
    if len(times) < 2 or length * 10 > span[1] - span[0]:
        return None
    margin = max(length // 10, 1_000_000)
    return CloseView(
        name, int(times[0]) - margin, int(times[-1]) + margin, f"Close view: all of {name}"
    )


def _draw_detail(
    axes: Axes, packets: pl.DataFrame, color: str, close: CloseView, faults: pl.DataFrame
) -> None:
    """Draw the part of a flow between two times."""
    near = packets.filter(pl.col("t_ns").is_between(close.start_ns, close.end_ns))
    _draw_sequence(
        axes, near, color, faults.filter(pl.col("t_ns").is_between(close.start_ns, close.end_ns))
    )
    sent = near.filter(pl_data()).select(
        low="seq_rel", high=pl.col("seq_rel") + pl.col("payload_bytes")
    )
    acks = near.filter(~pl.col("outgoing"))["ack_rel"].drop_nulls()
    low, high = min([*sent["low"].to_list(), *acks.to_list()]), max(sent["high"].to_list())
    divisor, _ = size_unit(high)
    margin = (high - low) * 0.08 + 1
    axes.set_ylim((low - margin) / divisor, (high + margin) / divisor)
    axes.set_xlim(close.start_ns / 1e9, close.end_ns / 1e9)
    axes.set_xlabel("Time since the start of the experiment (s)")
    panel_title(axes, close.title)
