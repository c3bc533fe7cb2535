"""Figures with the common look: their size, margins, axes, units and legends."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tcpexp.plots.kit.lettering import wrapped
from tcpexp.plots.kit.look import PAPER, RC, SOFT_INK, Series, series_of
from tcpexp.plots.kit.sketch import SketchFigure
from tcpexp.views.spans import active_span, shown_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.plots.base import Options
    from tcpexp.store.rundata import RunData

#: Width of every figure, inches. Margins are absolute, so that the time axes of all figures line
#: up.
WIDTH = 9.6
LEFT, RIGHT, BOTTOM = 0.85, 0.25, 0.55
#: Below this width, inches, a sketch is for a phone; and its left margin.
NARROW, NARROW_LEFT = 6.0, 0.72
#: What is left of an axes' height there, and the least that a curve needs, inches.
LOWER, LOWEST = 0.66, 1.3


@contextmanager
def house_style(salt: str, families: Sequence[str] = ()) -> Iterator[None]:
    """Set the drawing defaults; ``salt`` fixes the SVG's internal names, so that the same data
    gives the same bytes.

    ``families`` are fonts for letters that DejaVu Sans has not. A letter that no font has is a box,
    without a warning for each: who draws says it once.
    """
    import matplotlib

    settings: dict[Any, Any] = {**matplotlib.rcParamsDefault, **RC, "svg.hashsalt": salt}
    settings.pop("backend", None)  # a notebook's own stays; figures are drawn without one
    settings["font.family"] = [*RC["font.family"], *families]
    # that a font has no bold letters is nobody's problem
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from", category=UserWarning)
        warnings.filterwarnings(
            "ignore", message="Matplotlib currently does not support", category=UserWarning
        )
        yield


_SKETCHING: ContextVar[bool] = ContextVar("sketching", default=False)
_SKETCH_WIDTH: ContextVar[float] = ContextVar("sketch_width", default=WIDTH)


@contextmanager
def sketching(width: float = WIDTH) -> Iterator[None]:
    """Let plots inside the ``with`` block draw on a sketch, which needs no matplotlib.

    The sketch is so many inches wide: letters keep their size, so that a narrow one can be read on
    a phone. See :class:`tcpexp.plots.kit.sketch.SketchFigure`.
    """
    before, width_before = _SKETCHING.set(True), _SKETCH_WIDTH.set(width)
    try:
        yield
    finally:
        _SKETCHING.reset(before)
        _SKETCH_WIDTH.reset(width_before)


def figure_width() -> float:
    """Return how wide figures are drawn, in inches: files always the same."""
    return _SKETCH_WIDTH.get() if _SKETCHING.get() else WIDTH


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches.

    A sketch with the same calls inside of :func:`sketching`.
    """
    if _SKETCHING.get():
        return SketchFigure((width, height))  # type: ignore[return-value]
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def is_sketch(axes: Axes) -> bool:
    """Return whether the axes are a sketch's."""
    return not hasattr(axes, "transData")


def flow_series(run: RunData, options: Options, present: Iterable[str | None]) -> dict[str, Series]:
    """Return the looks of the flows that are ``present`` and asked for: the plan's flows first, in
    its order.

    A flow keeps its colour in every figure, whichever flows that figure leaves out.
    """
    found = {name for name in present if name is not None}
    looks = series_of([flow.name for flow in run.plan.flows] + sorted(found))
    asked = options.get("flows")
    return {
        name: look
        for name, look in looks.items()
        if name in found and (asked is None or name in asked)
    }


def panels(
    heights: Sequence[float],
    title: str,
    *,
    left: float = LEFT,
    gap: float = 0.42,
    last_gap: float | None = None,
    fixed: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Return a figure with one axes per entry of ``heights`` (inches), stacked, with absolute
    margins.

    On a figure for a phone curves are lower too, unless what is drawn needs the height (``fixed``).
    Room for the title and the action marks is added on top by :func:`finish`.
    """
    width = figure_width()
    if width < NARROW and not fixed:
        heights = [min(height, max(LOWEST, height * LOWER)) for height in heights]
    gaps = [gap] * (len(heights) - 1)
    if gaps and last_gap is not None:
        gaps[-1] = last_gap
    total = BOTTOM + sum(heights) + sum(gaps) + 0.35
    if width < NARROW:
        left = NARROW_LEFT if left == LEFT else min(left, width * 0.47)
    figure = new_figure(width, total)
    title_left = 0.1 if width < NARROW else left
    axes: list[Any] = []
    top = total - 0.35
    for height, below in zip(heights, [*gaps, 0.0], strict=True):
        box = (left / width, (top - height) / total, (width - left - RIGHT) / width, height / total)
        axes.append(figure.add_axes(box))
        top -= height + below
    figure.suptitle(
        title,
        x=title_left / width,
        y=1 - 0.08 / total,
        ha="left",
        va="top",
        fontsize=11,
        fontweight="bold",
    )
    return figure, axes


def add_head_room(figure: Figure, inches: float) -> None:
    """Make the figure taller by ``inches`` between its title and its axes.

    Everything keeps its size.
    """
    if inches <= 0:
        return
    width, old = figure.get_size_inches()
    new = old + inches
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, box.y0 * old / new, box.width, box.height * old / new))
    figure.set_size_inches(width, new)
    title = getattr(figure, "_suptitle", None)
    if title is not None:
        title.set_y(1 - 0.08 / new)


def time_limits(
    axes: Sequence[Axes], run: RunData, options: Options, *, whole: bool = False
) -> None:
    """Give all axes the time in which there are packets, in seconds; only the lowest has numbers
    and a title.

    ``whole``: the whole run, for what goes on without packets. ``between`` goes over both.
    """
    span_of = shown_span if whole else active_span
    start, end = (t_ns / 1e9 for t_ns in span_of(run, options.get("between")))
    for axis in axes:
        axis.set_xlim(start, end)
        axis.tick_params(labelbottom=axis is axes[-1])
    axes[-1].set_xlabel("Time since the start of the experiment (s)")


def zero_based(axes: Axes, *, head_room: float = 1.08) -> None:
    """Start the vertical axis at 0 and leave a little room above the data."""
    _, high = axes.get_ylim()
    top = float(axes.dataLim.y1)
    axes.set_ylim(0, top * head_room if top > 0 else max(high, 1.0))


def panel_title(axes: Axes, text: str) -> None:
    """Write a small title over one panel."""
    axes.set_title(
        text,
        loc="left",
        color=SOFT_INK,
        fontsize=8.5,
        pad=4,
        zorder=3,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8},
    )


def legend(
    axes: Axes, *, columns: int = 6, handles: Sequence[Any] | None = None, **more: Any
) -> None:
    """Put the legend over the panel, right-aligned on one line, where it covers no data."""
    if handles is None:
        handles = axes.get_legend_handles_labels()[0]
    if handles:
        axes.legend(
            handles=handles,
            loc="lower right",
            bbox_to_anchor=(1.0, 0.99),
            ncols=min(columns, len(handles)),
            borderaxespad=0.15,
            columnspacing=1.6,
            frameon=True,
            facecolor=PAPER,
            edgecolor="none",
            framealpha=1.0,
            borderpad=0.15,
            **more,
        )


def note(axes: Axes, text: str) -> None:
    """Write a remark inside the panel, at its upper right: where the data came from, or what was
    left out.
    """
    room = axes.get_position().width * figure_width() - 0.1
    axes.text(
        0.995,
        0.97,
        "\n".join(wrapped(text, room, 7.5)) if is_sketch(axes) else text,
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=7.5,
        style="italic",
        color=SOFT_INK,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.85},
    )


def whole_numbers(axes: Axes) -> None:
    """Let the vertical axis show whole numbers only."""
    if is_sketch(axes):
        axes.whole_numbers()  # type: ignore[attr-defined]
        return
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, min_n_ticks=2))


def rate_unit(largest_bps: float) -> tuple[float, str]:
    """Return divisor and name of the unit in which ``largest_bps`` reads well."""
    for divisor, name in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if largest_bps >= divisor:
            return divisor, name
    return 1.0, "bit/s"


def size_unit(largest_bytes: float) -> tuple[float, str]:
    """Return divisor and name of the unit in which ``largest_bytes`` reads well."""
    for divisor, name in ((1e9, "GB"), (1e6, "MB"), (1e4, "kB")):
        if largest_bytes >= divisor:
            return (1e3 if name == "kB" else divisor), name
    return 1.0, "bytes"


def time_unit(largest_ns: float) -> tuple[float, str]:
    """Return divisor and name of the unit in which a duration of ``largest_ns`` reads well."""
    for divisor, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if largest_ns >= divisor:
            return divisor, name
    return 1.0, "ns"
