"""Where things stand in a sketch: data, parts of the axes, and points of the figure.

Whatever is drawn is noted as a function that writes it, and called once the limits are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tcpexp.plots.kit.svgparts import hatch

#: How the numbers of a place are meant: both are data, both are parts of the axes, or only y is.
Frame = Literal["data", "axes", "xaxis"]
Box = tuple[float, float, float, float]
MARGIN = 0.05


@dataclass
class Limits:
    """The smallest and largest values that were drawn; x0 > x1 when there are none."""

    x0: float = math.inf
    x1: float = -math.inf
    y0: float = math.inf
    y1: float = -math.inf

    def take(self, xs: Sequence[float] = (), ys: Sequence[float] = ()) -> None:
        """Widen them by values that may hold NaN."""
        for low, high, values in (("x0", "x1", xs), ("y0", "y1", ys)):
            known = [each for each in values if not math.isnan(each)]
            if known:
                setattr(self, low, min(getattr(self, low), *known))
                setattr(self, high, max(getattr(self, high), *known))

    def update_from_data_y(self, values: Sequence[float], ignore: bool) -> None:
        """Widen them by values of y."""
        self.take(ys=values)

    def frozen(self) -> Limits:
        """Return a copy."""
        return replace(self)

    def set(self, other: Limits) -> None:
        """Become ``other``."""
        self.__dict__.update(other.__dict__)


@dataclass(frozen=True)
class BoxPosition:
    """A part of the figure, as matplotlib's ``Bbox`` has it."""

    x0: float
    y0: float
    width: float
    height: float


@dataclass
class Axis:
    """One axis: its limits as set, its ticks as set, its title."""

    limits: tuple[float, float] | None = None
    low: float | None = None
    places: list[float] | None = None
    labels: list[str] | None = None
    size: float = 9.0
    bold: bool = False
    title: str = ""
    whole: bool = False
    grid: bool = True
    labelled: bool = True
    tick_length: float = 3.5


class Space:
    """What drawing needs of the axes: their place, their limits, and the list of what is drawn."""

    def __init__(self, figure_points: Callable[[], tuple[float, float]], box: Box) -> None:
        self._figure = figure_points
        self._place = BoxPosition(*box)
        self._items: list[tuple[float, Callable[[], str]]] = []
        self._defs: list[str] = []
        self._x, self._y = Axis(), Axis()
        self._name = ""
        self.dataLim = Limits()

    def _edges(self) -> Box:
        """Return left, top, right and bottom in points from the figure's upper left."""
        width, height = self._figure()
        place = self._place
        return (
            place.x0 * width,
            (1 - place.y0 - place.height) * height,
            (place.x0 + place.width) * width,
            (1 - place.y0) * height,
        )

    def _limits(self, axis: Axis) -> tuple[float, float]:
        if axis.limits is not None:
            return axis.limits
        low, high = (
            (self.dataLim.x0, self.dataLim.x1)
            if axis is self._x
            else (self.dataLim.y0, self.dataLim.y1)
        )
        if low > high:
            low, high = 0.0, 1.0
        margin = (high - low) * MARGIN or 0.5
        return (low - margin if axis.low is None else axis.low), high + margin

    def _pixels(
        self, xs: Sequence[float], ys: Sequence[float], transform: Frame = "data"
    ) -> list[tuple[float, float]]:
        """Return points of the figure."""
        left, top, right, bottom = self._edges()
        x0, x1 = (0.0, 1.0) if transform == "axes" else self._limits(self._x)
        y0, y1 = (0.0, 1.0) if transform != "data" else self._limits(self._y)
        across, up = (right - left) / ((x1 - x0) or 1.0), (top - bottom) / ((y1 - y0) or 1.0)
        return [
            (left + (x - x0) * across, bottom + (y - y0) * up) for x, y in zip(xs, ys, strict=True)
        ]

    def _clipped(self, svg: str) -> str:
        return f'<g clip-path="url(#{self._name}-clip)">{svg}</g>' if svg else ""

    def _hatch(self, kind: str) -> str:
        """Return the name of a hatch's pattern, which is defined on its first use."""
        name = f"{self._name}-h{ord(kind[0])}"
        if not any(f'"{name}"' in defined for defined in self._defs):
            self._defs.append(hatch(kind, name))
        return name


def floats(values: Any) -> list[float]:
    """Return numbers of any kind of sequence as floats, NaN for null."""
    listed = (
        values.to_list()
        if hasattr(values, "to_list")
        else values.tolist()
        if hasattr(values, "tolist")
        else list(values)
    )
    return [math.nan if value is None else float(value) for value in listed]


def spread(values: Any, count: int) -> list[float]:
    """Return ``count`` floats: of a sequence its own, of a number this one so many times."""
    return [float(values)] * count if isinstance(values, int | float) else floats(values)
