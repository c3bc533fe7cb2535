"""Figures of several runs on the same axes: congestion window, round-trip time, goodput and
sequence numbers of each flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.plan.flows import flow_of
from tcpexp.plots.kit.look import PALETTE
from tcpexp.plots.kit.style import (
    add_head_room,
    house_style,
    legend,
    note,
    panel_title,
    panels,
    rate_unit,
    size_unit,
    time_unit,
    zero_based,
)
from tcpexp.plots.kit.thin import thin_line
from tcpexp.views.flows import binned_goodput
from tcpexp.views.packets import flow_packets
from tcpexp.views.windows import sender_windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

#: How the two runs look in every figure: A is a broad, pale line, so that B, thin and dark, shows
#: it where they are equal.
LOOKS: dict[str, dict[str, Any]] = {
    "A": {"color": PALETTE[0], "linewidth": 2.6, "alpha": 0.5, "zorder": 2},
    "B": {"color": PALETTE[1], "linewidth": 1.0, "zorder": 3},
}
#: Flows beyond are left out of a figure, which says so.
MOST_FLOWS = 6


@dataclass(frozen=True)
class Overlay:
    """One figure: what it shows, the sentence under it, and how one run's flow becomes a line.

    ``series`` returns a frame with ``t_ns`` and ``value``, sorted, without null. ``unit`` maps the
    largest value to divisor and label.
    """

    name: str
    title: str
    caption: str
    axis: str
    series: Callable[[RunData, str], pl.DataFrame]
    unit: Callable[[float], tuple[float, str]]
    steps: bool = False


def overlays() -> tuple[Overlay, ...]:
    """Return the figures in the order of the page."""
    return (
        Overlay(
            "throughput",
            "Goodput",
            "First arrivals of payload at the receiver, per interval.",
            "Goodput",
            _goodput,
            rate_unit,
        ),
        Overlay(
            "cwnd",
            "Congestion window",
            "The sender's congestion window, from the kernel.",
            "cwnd",
            _cwnd,
            lambda _: (1.0, "segments"),
            True,
        ),
        Overlay(
            "rtt",
            "Round-trip time",
            "From a data segment to the ACK that first covers it, at the sender.",
            "RTT",
            _rtt,
            time_unit,
        ),
        Overlay(
            "sequence",
            "Sequence numbers",
            "The end of each data segment sent, retransmissions included.",
            "Sequence",
            _sequence,
            size_unit,
        ),
    )


def draw_overlay(
    overlay: Overlay, runs: Mapping[str, RunData], looks: Mapping[str, dict[str, Any]]
) -> Figure | None:
    """Return the figure with one panel per flow, or None when no run has data for it.

    ``runs`` go by the names of the legend, and ``looks`` says how the lines of each look.
    """
    names = list(dict.fromkeys(flow.name for run in runs.values() for flow in run.plan.flows))
    found = {name: {key: overlay.series(run, name) for key, run in runs.items()} for name in names}
    shown = {
        name: lines
        for name, lines in found.items()
        if any(series.height for series in lines.values())
    }
    if not shown:
        return None
    kept = list(shown)[:MOST_FLOWS]
    figure, axes = panels([2.3 if len(kept) < 3 else 1.6] * len(kept), overlay.title)
    for axis, name in zip(axes, kept, strict=True):
        lines = shown[name]
        divisor, unit = overlay.unit(
            max(float(series["value"].max()) for series in lines.values() if series.height)  # type: ignore[arg-type]
        )
        for key, frame in lines.items():
            if frame.height:
                thin = thin_line(frame, "t_ns", "value")
                style: dict[str, Any] = {"drawstyle": "steps-post"} if overlay.steps else {}
                axis.plot(
                    thin["t_ns"] / 1e9, thin["value"] / divisor, label=key, **looks[key], **style
                )
            else:
                note(axis, f"run {key} has no data for this flow")
        panel_title(axis, f"Flow {name}")
        axis.set_ylabel(f"{overlay.axis} ({unit})")
        zero_based(axis)
        legend(axis)
    _limit(axes, runs.values())
    add_head_room(figure, 0.16)
    if len(shown) > len(kept):
        note(axes[0], f"{len(shown) - len(kept)} more flows are not drawn")
    return figure


def _limit(axes: list[Any], runs: Iterable[RunData]) -> None:
    """Give all panels one time axis that all runs fit into."""
    longest = max(run.plan.duration_ns for run in runs) / 1e9
    for axis in axes:
        axis.set_xlim(0, longest)
        axis.tick_params(labelbottom=axis is axes[-1])
    axes[-1].set_xlabel("Time since the start of each experiment (s)")


def _goodput(run: RunData, flow: str) -> pl.DataFrame:
    rates, _ = binned_goodput(run)
    return (
        _series(rates, "t_ns", flow) if rates is not None and flow in rates.columns else _nothing()
    )


def _cwnd(run: RunData, flow: str) -> pl.DataFrame:
    samples, _ = sender_windows(run)
    return _series(samples.filter(pl.col("flow") == flow), "t_ns", "cwnd")


def _rtt(run: RunData, flow: str) -> pl.DataFrame:
    return _series(run.table("rtt").filter(pl.col("flow") == flow), "t_ns", "rtt_ns")


def _sequence(run: RunData, flow: str) -> pl.DataFrame:
    plan = flow_of(run.plan, flow)
    if plan is None:
        return _nothing()
    data = flow_packets(run, plan).filter(pl.col("outgoing") & (pl.col("payload_bytes") > 0))
    return _series(
        data.with_columns(end=pl.col("seq_rel") + pl.col("payload_bytes")), "t_ns", "end"
    )


def _series(frame: pl.DataFrame, time: str, value: str) -> pl.DataFrame:
    return (
        frame.select(pl.col(time).alias("t_ns"), pl.col(value).cast(pl.Float64).alias("value"))
        .drop_nulls()
        .sort("t_ns", maintain_order=True)
    )


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={"t_ns": pl.Int64, "value": pl.Float64})


def drawn_overlays(
    runs: Mapping[str, RunData], looks: Mapping[str, dict[str, Any]]
) -> Iterator[tuple[Overlay, Figure]]:
    """Yield every overlay that at least one run has data for, drawn in the house style, which holds
    until the next is asked for.
    """
    for overlay in overlays():
        with house_style(f"tcpexp-diff-{overlay.name}"):
            figure = draw_overlay(overlay, runs, looks)
            if figure is not None:
                yield overlay, figure
