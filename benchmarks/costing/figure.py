"""The figure: how wall time grows with rate, flows, nodes and duration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from costing.summary import Row, growth_points
from tcpexp.plots.save import save_figure
from tcpexp.plots.style import MARKERS, PALETTE, WIDTH, house_style, panel_title

#: Axis of the cases, title, unit, whether it is drawn in powers.
PANELS = (
    ("rate", "Rate: 1 flow, 2 nodes", "bottleneck (Mbit/s)", True),
    ("flows", "Flows: 10 Mbit/s together, 2 nodes", "flows", True),
    ("nodes", "Nodes: 1 flow, 10 Mbit/s", "hosts and routers", True),
    ("busy seconds", "Duration: 1 flow, 10 Mbit/s", "virtual seconds", False),
    ("idle seconds", "Duration: one handshake, then nothing", "virtual seconds", False),
)
DASHES: tuple[Any, ...] = ("-", "--", ":")


def draw(rows: list[Row], path: Path) -> tuple[Path, Path] | None:
    """Write ``path`` with the endings .svg and .png and return both; None when the rows hold no case of part b."""
    known = [(panel, growth_points(rows, panel[0])) for panel in PANELS]
    panels = [(panel, points) for panel, points in known if points]
    if not panels:
        return None
    from matplotlib.figure import Figure

    with house_style("cost"):
        lines = -(-len(panels) // 2)
        figure = Figure(figsize=(WIDTH, 0.7 + 2.6 * lines), layout="constrained")
        figure.suptitle("Wall time of one command", x=0.01, ha="left", fontsize=11, fontweight="bold")
        grid = figure.subplots(lines, 2, squeeze=False)
        handles: list[Any] = []
        for axes, (panel, points) in zip(grid.flat, panels, strict=False):
            handles = _draw_panel(axes, panel, points)
        spare = list(grid.flat)[len(panels) :]
        for axes in spare:
            axes.set_axis_off()
        if spare:
            spare[0].legend(handles=handles, loc="center")
        else:
            grid[0, 0].legend(handles=handles)
        path.parent.mkdir(parents=True, exist_ok=True)
        return save_figure(figure, path.parent, path.stem)


def _draw_panel(axes: Any, panel: tuple[str, str, str, bool], points: list[tuple[float, dict[str, float | None]]]) -> list[Any]:
    _, title, label, powers = panel
    handles = []
    for index, name in enumerate(points[0][1]):
        known = [(x, y) for x, values in points if (y := values[name]) is not None]
        if known:
            xs, ys = zip(*known, strict=True)
            handles += axes.plot(xs, ys, color=PALETTE[index], linestyle=DASHES[index], marker=MARKERS[index], markersize=5, label=name)
    if powers:
        axes.set_xscale("log", base=2 if label != "bottleneck (Mbit/s)" else 10)
    ticks = [x for x, _ in points]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel("wall seconds")
    panel_title(axes, title)
    return handles
