"""Plot ``tradeoff``: throughput against delay, a point per second of each flow, with an ellipse
around them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import Series
from tcpexp.plots.kit.shapes import draw_ellipse
from tcpexp.plots.kit.style import flow_series, legend, panels, rate_unit
from tcpexp.views.spans import rows_within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

SECOND_NS = 1_000_000_000
#: Fewer seconds than this make no ellipse.
LEAST_POINTS = 4


class Tradeoff(Plot):
    """Goodput against round-trip time: a point for each whole second of each flow. Up and to the
    left is better.

    The ellipse holds one standard deviation around the mean, along the directions in which the
    seconds vary; the cross is the flow's goodput over all these seconds at its 95th percentile RTT,
    which is what an interactive user beside it would feel.
    """

    name = "tradeoff"
    title = "Throughput against delay"
    time_axis = False

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow has a whole second with round-trip times."""
        points = second_points(run, options)
        looks = flow_series(run, options, points["flow"].unique().to_list())
        if not looks:
            return None
        divisor, unit = rate_unit(float(points["goodput_bps"].to_numpy().max()))
        figure, (axes,) = panels([3.6], options["title"])
        for name, look in looks.items():
            own = points.filter(pl.col("flow") == name)
            _draw_flow(
                axes,
                own["rtt_ms"].to_numpy(),
                own["goodput_bps"].to_numpy() / divisor,
                own["rtt95_ms"][0],
                look,
            )
        axes.set_xlabel("Round-trip time (ms): mean of a second; cross: 95th percentile")
        axes.set_ylabel(f"Goodput ({unit})")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        legend(axes)
        return figure


def second_points(run: RunData, options: Options) -> pl.DataFrame:
    """Return flow, second, ``goodput_bps``, ``rtt_ms`` (mean), ``rtt95_ms`` (of the whole flow):
    seconds that lie wholly in the flow's life.
    """
    second = pl.col("t_ns") // SECOND_NS
    good = (
        rows_within(run.table("throughput"), options.get("between"))
        .group_by("flow", second.alias("second"))
        .agg(bins=pl.len(), goodput_bps=pl.col("goodput_bytes").sum() * 8)
    )
    rtt = rows_within(run.table("rtt"), options.get("between")).filter(pl.col("flow").is_not_null())
    means = rtt.group_by("flow", second.alias("second")).agg(rtt_ms=pl.col("rtt_ns").mean() / 1e6)
    tails = rtt.group_by("flow").agg(rtt95_ms=pl.col("rtt_ns").quantile(0.95, "nearest") / 1e6)
    whole = good.filter(pl.col("bins") == 10)
    return whole.join(means, on=["flow", "second"]).join(tails, on="flow").sort("flow", "second")


def _draw_flow(axes: Axes, delay: Any, rate: Any, tail: float, look: Series) -> None:
    axes.scatter(
        delay,
        rate,
        color=look.color,
        marker=look.marker,
        s=14,
        alpha=0.55,
        linewidth=0,
        label=look.name,
    )
    axes.plot([tail], [rate.mean()], color=look.color, marker="x", markersize=9, markeredgewidth=2)
    if len(delay) >= LEAST_POINTS:
        draw_ellipse(axes, *ellipse_of(delay, rate), look)


def ellipse_of(delay: Any, rate: Any) -> tuple[tuple[float, float], float, float, float]:
    """Return the ellipse of one standard deviation as centre, width, height and angle in degrees.

    Its axes are along the eigenvectors of the covariance, its radii the roots of the eigenvalues.
    """
    spread, axes = np.linalg.eigh(np.cov(delay, rate))
    width, height = 2 * np.sqrt(np.maximum(spread, 0))
    angle = float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0])))
    return (float(delay.mean()), float(rate.mean())), float(width), float(height), angle
