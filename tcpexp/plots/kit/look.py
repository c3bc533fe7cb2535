"""What every picture is drawn with: colours, dashes, markers, and matplotlib's settings.

Imports nothing, so that figures and sketches share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

INK = "#1c2430"
SOFT_INK = "#5b6675"
GRID = "#dde2e8"
PAPER = "#ffffff"
ALARM = "#b3261e"
SHADE = "#eef1f5"

#: Okabe and Ito's colours, which people with any common colour vision can tell apart; yellow left
#: out (too pale on paper).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#a8528a", "#56b4e9", "#e69f00", "#6b6b6b")
#: What is no flow has colours of its own: the receive window; what the receiver reports missing
#: (SACK, duplicate ACKs); queues, one after the other. A loss, a drop and a retransmission have
#: ``ALARM``.
WINDOW = "#857100"
REPORTED = "#6a3fa0"
QUEUES = ("#3f5473", "#8b6f4e", "#8a9bb3")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (7, 1.6, 1.4, 1.6)),
    (0, (1.4, 1.4)),
    (0, (3, 1.2, 1, 1.2, 1, 1.2)),
)
# one more than colours, so that an eighth series is no twin of the first
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")

RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.edgecolor": SOFT_INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT_INK,
    "ytick.color": SOFT_INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "text.color": INK,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.handlelength": 2.6,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "svg.fonttype": "none",
    "path.simplify": True,
}


@dataclass(frozen=True)
class Series:
    """How one flow, socket or counter looks in every figure of a run."""

    name: str
    color: str
    dash: Any
    marker: str


def series_of(names: Iterable[str], palette: tuple[str, ...] = PALETTE) -> dict[str, Series]:
    """Return a look for each name, in order; the same order gives the same looks."""
    return {
        name: Series(
            name, palette[i % len(palette)], DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)]
        )
        for i, name in enumerate(dict.fromkeys(names))
    }


def dense_look(look: Series, count: int) -> dict[str, Any]:
    """Return the line of a series with ``count`` points, very many: solid, because dashes drown in
    it, with a few markers to tell it by.
    """
    return {
        "color": look.color,
        "linestyle": "-",
        "marker": look.marker,
        "markevery": (count // 30, max(count // 12, 1)),
        "markersize": 4.5,
        "markerfacecolor": PAPER,
        "markeredgewidth": 1.0,
    }
