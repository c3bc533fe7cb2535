"""What several panels need: whole numbers from series, the flows' colours, and the parts that a
builder returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.kit.look import PALETTE, series_of
from tcpexp.report.panels.focus import flows_in_order
from tcpexp.report.panels.model import ABSENT, Panel, PanelTable
from tcpexp.words.measured import time_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData


#: The colour of what belongs to no flow of the plan.
NO_FLOW = "--s7"
#: A panel over time has something to show from so many samples on.
FEWEST = 3


def times(count: int) -> str:
    """Return ``once`` or how many times."""
    return "once" if count == 1 else f"{count} times"


def steady(values: pl.Series) -> bool:
    """Return whether values differ by at most a fiftieth: a panel would show a level line."""
    if values.is_empty():
        return True
    low, high = int(values.min()), int(values.max())  # type: ignore[arg-type]
    return (high - low) * 50 <= high


def extent_words(values: pl.Series, words: Callable[[float], str] = time_words) -> str:
    """Return ``was 20 ms``, ``was between 20 ms and 20.1 ms`` or ``was never recorded``."""
    if values.is_empty():
        return "was never recorded"
    low, high = (words(float(end)) for end in (values.min(), values.max()))  # type: ignore[arg-type]
    return f"was {low}" if low == high else f"was between {low} and {high}"


@dataclass
class Parts:
    """Tables, panels, and what could not be drawn and why: what one builder adds to a page."""

    tables: list[PanelTable] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    absent: list[dict[str, str]] = field(default_factory=list)

    def lacks(self, what: str, why: str) -> None:
        """Note that ``what`` is not drawn."""
        self.absent.append({"what": what, "why": why})


def numbers(series: pl.Series) -> NDArray[np.int64]:
    """Return a column as whole numbers, ``ABSENT`` for null."""
    whole = series.round(0) if series.dtype.is_float() else series
    values: NDArray[np.int64] = whole.cast(pl.Int64).fill_null(ABSENT).to_numpy()
    return values


def codes(series: pl.Series, words: list[str]) -> NDArray[np.int64]:
    """Return the place of each word in ``words``, ``ABSENT`` for a null.

    Words that are not yet there are appended.
    """
    words += [
        word
        for word in series.drop_nulls().unique(maintain_order=True).to_list()
        if word not in words
    ]
    return numbers(
        series.replace_strict(
            {word: index for index, word in enumerate(words)}, default=None, return_dtype=pl.Int64
        )
    )


def flow_colors(run: RunData) -> dict[str, str]:
    """Return each flow's CSS variable, the flows that the question is about first: the same colour
    as in the static figures.
    """
    looks = series_of(flow.name for flow in run.plan.flows)
    return {name: f"--s{PALETTE.index(looks[name].color) + 1}" for name in flows_in_order(run.plan)}
