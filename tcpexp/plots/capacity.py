"""Panels of what a link that varies was asked to carry, and what it delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.plots.data import within
from tcpexp.plots.style import SOFT_INK, legend, panel_title, rate_unit, zero_based

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcpexp.plots.base import Options
    from tcpexp.plots.style import Series
    from tcpexp.store.rundata import RunData

#: More panels than this make a figure too long; the first directions are drawn.
MOST_PANELS = 3
BIN_NS = 100_000_000
Rates = list[tuple[int, int]]


def varying_places(run: RunData, places: list[str]) -> dict[str, tuple[tuple[str, str], Rates]]:
    """Return ((link, towards), asked rates) of those of ``places`` (``link to node``) whose rate varies."""
    from tcpexp.analysis.capacity import varying_rates

    found = {f"{link} to {towards}": ((link, towards), rates) for (link, towards), rates in varying_rates(run).items()}
    return {place: found[place] for place in places if place in found}


def draw_asked(axis: Axes, run: RunData, rates: Rates, divisor: float, label: str | None) -> None:
    """Draw the asked rate as grey steps."""
    times = [at / 1e9 for at, _ in rates] + [run.end_ns / 1e9]
    values = [rate / divisor for _, rate in rates]
    axis.plot(times, [*values, values[-1]], color=SOFT_INK, linewidth=1, drawstyle="steps-post", linestyle=(0, (1, 1)), label=label)


def draw_capacity(axis: Axes, run: RunData, options: Options, place: str, varies: tuple[tuple[str, str], Rates], look: Series) -> None:
    """Draw what one direction was asked to carry and what it let pass, per 100 ms."""
    from tcpexp.analysis.capacity import delivered

    (link, towards), rates = varies
    divisor, unit = rate_unit(float(max(rate for _, rate in rates)))
    passed: Any = within(delivered(run, link, towards, BIN_NS), options)
    axis.plot(passed["t_ns"] / 1e9, passed["rate_bps"] / divisor, color=look.color, linestyle=look.dash, linewidth=1.0, label="delivered")
    draw_asked(axis, run, rates, divisor, "asked")
    axis.set_ylabel(unit)
    panel_title(axis, f"Rate of {place}")
    zero_based(axis)
    legend(axis)


def shared_rates(run: RunData) -> Rates | None:
    """Return the asked rates when some link varies and all that vary do so alike, else None."""
    from tcpexp.analysis.capacity import varying_rates

    found = list(varying_rates(run).values())
    return found[0] if found and all(each == found[0] for each in found) else None
