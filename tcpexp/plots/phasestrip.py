"""Congestion control's phases as bands: behind a curve, and as a strip with a row per flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.plots.base import Options
from tcpexp.plots.kit.look import INK, PAPER, SOFT_INK, Series
from tcpexp.plots.kit.phaselook import PHASES, STATES, PhaseLook
from tcpexp.plots.kit.shapes import legend_patch
from tcpexp.views.phases import busiest_phases, congestion_bands, joined
from tcpexp.views.spans import shown_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcpexp.store.rundata import RunData

ROW_INCHES = 0.2


def shade(axes: Axes, run: RunData, flow: str) -> None:
    """Draw a flow's phases as bands behind the curves of ``axes``.

    The data limits stay as they are.
    """
    bands = [
        (row["phase"], row["from_ns"], row["to_ns"])
        for row in busiest_phases(run, flow).iter_rows(named=True)
    ]
    limits = axes.dataLim.frozen()
    for name, spans in joined(bands, _pixel_ns((0, run.end_ns))).items():
        ranges = [(low / 1e9, (high - low) / 1e9) for low, high in spans]
        whole_height = axes.get_xaxis_transform()
        axes.broken_barh(
            ranges,
            (0, 1),
            transform=whole_height,
            facecolor=PHASES[name].color,
            alpha=0.55,
            linewidth=0,
            zorder=0,
        )
    axes.dataLim.set(limits)


def _pixel_ns(span: tuple[int, int]) -> int:
    """Return about the time that a pixel of a figure of ``span`` takes."""
    return (span[1] - span[0]) // 1200


def draw_strip(
    axes: Axes, run: RunData, options: Options, looks: dict[str, Series], *, with_states: bool
) -> list[Any]:
    """Draw a row of phases per flow, and with ``with_states`` a row of congestion states below
    each; return the legend's patches.
    """
    labels: list[str] = []
    used: dict[str, None] = {}
    for name in looks:
        bands = [
            (row["phase"], row["from_ns"], row["to_ns"])
            for row in busiest_phases(run, name).iter_rows(named=True)
        ]
        used |= dict.fromkeys(phase for phase, _, _ in bands)
        draw_bands(axes, len(labels), bands, PHASES, shown_span(run, options.get("between")))
        labels.append(name if len(looks) > 1 or not with_states else "phase")
        if with_states:
            draw_bands(
                axes,
                len(labels),
                congestion_bands(run, name),
                STATES,
                shown_span(run, options.get("between")),
            )
            labels.append("state")
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.set_yticks(range(len(labels)), labels, fontsize=7.5)
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    shown = {name.replace("_", " "): look for name, look in PHASES.items() if name in used}
    if with_states and any(
        state == "Disorder" for name in looks for state, _, _ in congestion_bands(run, name)
    ):
        shown["Disorder"] = STATES["Disorder"]
    return [
        legend_patch(axes, name, look.color, look.hatch, SOFT_INK, 0.4)
        for name, look in shown.items()
    ]


def draw_bands(
    axes: Axes,
    row: int,
    bands: list[tuple[str, int, int]],
    looks: dict[str, PhaseLook],
    span: tuple[int, int],
) -> None:
    """Draw one row; bands that are narrower than a pixel keep that width, so that a short recovery
    is not lost.
    """
    least = _pixel_ns(span)
    visible = joined(bands, least)
    for name, look in looks.items():
        own = [(low / 1e9, max(high - low, least) / 1e9) for low, high in visible.get(name, [])]
        if own:
            axes.broken_barh(
                own,
                (row - 0.4, 0.8),
                facecolor=look.color,
                edgecolor=INK if look.hatch else PAPER,
                hatch=look.hatch,
                linewidth=0.0,
                zorder=2 if look.hatch else 1,
            )
