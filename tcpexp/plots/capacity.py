"""Panels of what a link that varies was asked to carry, and what it delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.analysis.capacity import delivered
from tcpexp.plots.kit.look import SOFT_INK
from tcpexp.plots.kit.style import legend, panel_title, rate_unit, zero_based
from tcpexp.views.limits import Rates
from tcpexp.views.spans import rows_within

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcpexp.plots.base import Options
    from tcpexp.plots.kit.look import Series
    from tcpexp.store.rundata import RunData

#: More panels than this make a figure too long; the first directions are drawn.
MOST_PANELS = 3
BIN_NS = 100_000_000


def draw_steps(
    axis: Axes, run: RunData, steps: Rates, divisor: float, label: str | None, color: str = SOFT_INK
) -> None:
    """Draw (from when in ns, value) as dotted steps, to the end of the run.

    A value that never changes is a line over the whole width.
    """
    if len(steps) == 1:
        value = steps[0][1] / divisor
        axis.axhline(value, color=color, linewidth=1, linestyle=(0, (1, 1.5)), label=label)
        axis.dataLim.update_from_data_y([0, value], ignore=False)
        return
    times = [at / 1e9 for at, _ in steps] + [run.end_ns / 1e9]
    values = [value / divisor for _, value in steps]
    axis.plot(
        times,
        [*values, values[-1]],
        color=color,
        linewidth=1,
        drawstyle="steps-post",
        linestyle=(0, (1, 1)),
        label=label,
    )


def draw_capacity(
    axis: Axes,
    run: RunData,
    options: Options,
    place: str,
    varies: tuple[tuple[str, str], Rates],
    look: Series,
) -> None:
    """Draw what one direction was asked to carry and what it let pass, per 100 ms."""
    (link, towards), rates = varies
    divisor, unit = rate_unit(float(max(rate for _, rate in rates)))
    passed: Any = rows_within(delivered(run, link, towards, BIN_NS), options.get("between"))
    axis.plot(
        passed["t_ns"] / 1e9,
        passed["rate_bps"] / divisor,
        color=look.color,
        linestyle=look.dash,
        linewidth=1.0,
        label="delivered",
    )
    draw_steps(axis, run, rates, divisor, "asked")
    axis.set_ylabel(unit)
    panel_title(axis, f"Rate of {place}")
    zero_based(axis)
    legend(axis)
