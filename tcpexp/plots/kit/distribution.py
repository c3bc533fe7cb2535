"""An empirical distribution as a line of steps: which part of the values is at most how large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.plots.kit.thin import BUCKETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tcpexp.plots.kit.look import Series


def draw_distribution(axes: Axes, values: NDArray[np.float64], label: str, look: Series) -> None:
    """Draw sorted values against the part of them, in per cent, that is at most as large."""
    part = np.arange(1, len(values) + 1) / len(values) * 100
    picked = np.unique(np.linspace(0, len(values) - 1, BUCKETS).round().astype(int))
    axes.plot(
        values[picked],
        part[picked],
        color=look.color,
        linestyle=look.dash,
        label=label,
        drawstyle="steps-post",
    )
