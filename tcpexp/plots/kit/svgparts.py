"""Pieces of SVG as text, for sketches: numbers, lines, markers, hatches and letters.

Lengths are points (1/72 inch).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tcpexp.plots.kit.look import GRID, INK, PAPER
from tcpexp.plots.kit.writing import letter_em

#: Letters that are narrower or wider than most.
NARROW, WIDE = frozenset("iljtfrI.,:;'|!() []/-"), frozenset("mwMWG@%→…")

#: Where a text's baseline lies below the place it is given, in em, by how it is aligned.
_DOWN = {"baseline": 0.0, "bottom": -0.22, "center": 0.34, "center_baseline": 0.34, "top": 0.78}
_ANCHOR = {"left": "start", "center": "middle", "right": "end"}
#: Outlines of markers of radius 1, as steps from the marker's middle; those in ``STROKED`` have no
#: inside.
_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "^": ((0, -1), (1, 1), (-1, 1)),
    "v": ((0, 1), (1, -1), (-1, -1)),
    "<": ((-1, 0), (1, -1), (1, 1)),
    ">": ((1, 0), (-1, -1), (-1, 1)),
    "s": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "D": ((0, -1.41), (1.41, 0), (0, 1.41), (-1.41, 0)),
    "d": ((0, -1.41), (0.85, 0), (0, 1.41), (-0.85, 0)),
    "P": (
        (-0.33, -1),
        (0.33, -1),
        (0.33, -0.33),
        (1, -0.33),
        (1, 0.33),
        (0.33, 0.33),
        (0.33, 1),
        (-0.33, 1),
        (-0.33, 0.33),
        (-1, 0.33),
        (-1, -0.33),
        (-0.33, -0.33),
    ),
    "X": (
        (-0.5, -1),
        (0, -0.5),
        (0.5, -1),
        (1, -0.5),
        (0.5, 0),
        (1, 0.5),
        (0.5, 1),
        (0, 0.5),
        (-0.5, 1),
        (-1, 0.5),
        (-0.5, 0),
        (-1, -0.5),
    ),
    "*": tuple(
        (
            math.sin(turn * math.pi / 5) * (1 if turn % 2 == 0 else 0.38),
            -math.cos(turn * math.pi / 5) * (1 if turn % 2 == 0 else 0.38),
        )
        for turn in range(10)
    ),
}
STROKED: dict[str, tuple[tuple[tuple[float, float], tuple[float, float]], ...]] = {
    "x": (((-1, -1), (1, 1)), ((-1, 1), (1, -1))),
    "+": (((-1, 0), (1, 0)), ((0, -1), (0, 1))),
    "|": (((0, -1), (0, 1)),),
    "_": (((-1, 0), (1, 0)),),
}
_HATCHES = {
    "/": "M-1 5L5 -1M-1 1L1 -1M3 5L5 3",
    "\\": "M-1 -1L5 5M3 -1L5 1M-1 3L1 5",
    "x": "M-1 5L5 -1M-1 -1L5 5",
    ".": "M1.5 2h1",
    "-": "M0 2h4",
}


def number(value: float) -> str:
    """Return a length with two decimals at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def point(x: float, y: float) -> str:
    """Return two lengths as a path or a list has them."""
    return f"{number(x)} {number(y)}"


def looks(**values: Any) -> str:
    """Return a style attribute; names with ``_`` for ``-``, those that are None left out."""
    text = "; ".join(
        f"{name.replace('_', '-')}: {number(value) if isinstance(value, float) else value}"
        for name, value in values.items()
        if value is not None
    )
    return f' style="{text}"' if text else ""


def line_path(points: Iterable[tuple[float, float]], *, steps: bool = False) -> str:
    """Return the path through ``points``; a NaN lifts the pen.

    ``steps``: level until the next point.
    """
    parts: list[str] = []
    down, last_y = False, ""
    for x, y in points:
        if math.isnan(x) or math.isnan(y):
            down = False
            continue
        across, high = number(x), number(y)
        if not down:
            parts.append(f"M{across} {high}")
        elif steps:
            parts.append(f"H{across}" if high == last_y else f"H{across}V{high}")
        else:
            parts.append(f"L{across} {high}")
        down, last_y = True, high
    return "".join(parts)


def marker_path(marker: str, points: Iterable[tuple[float, float]], radius: float) -> str:
    """Return one path with a marker at each point."""
    parts = []
    for x, y in points:
        if math.isnan(x) or math.isnan(y):
            continue
        if marker in STROKED:
            for start, end in STROKED[marker]:
                begins = point(x + start[0] * radius, y + start[1] * radius)
                parts.append(f"M{begins}L{point(x + end[0] * radius, y + end[1] * radius)}")
        elif marker in ("o", "."):
            size = radius if marker == "o" else radius / 2
            half = f"a{point(size, size)} 0 1 0 "
            parts.append(
                f"M{point(x - size, y)}{half}{point(2 * size, 0)}{half}{point(-2 * size, 0)}z"
            )
        else:
            corners = [point(x + dx * radius, y + dy * radius) for dx, dy in _OUTLINES[marker]]
            parts.append("M" + "L".join(corners) + "z")
    return "".join(parts)


def dashes(style: Any, width: float) -> str | None:
    """Return a line style of the house as ``stroke-dasharray``, None for a solid line."""
    named = {"--": (3.7, 1.6), ":": (1, 1.65), "-.": (6.4, 1.6, 1, 1.6)}
    pattern: Sequence[float] | None = named.get(style) if isinstance(style, str) else style[1]
    return " ".join(number(length * max(width, 0.5)) for length in pattern) if pattern else None


def hatch(kind: str, name: str) -> str:
    """Return the pattern of a hatch (a letter, or it repeated), to be painted over a shape."""
    lines = f'<path d="{_HATCHES.get(kind[0], _HATCHES["/"])}"{stroke(PAPER, 1.0)}/>'
    size = 'width="4" height="4" patternUnits="userSpaceOnUse"'
    return f'<pattern id="{name}" {size}>{lines}</pattern>'


def letters(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 9.0,
    color: str = INK,
    ha: str = "left",
    va: str = "baseline",
    bold: bool = False,
    italic: bool = False,
    turn: float = 0.0,
    halo: bool = False,
    spacing: float = 1.2,
) -> str:
    """Return text at a point, turned by ``turn`` degrees counter-clockwise about it.

    ``halo`` puts paper around the letters, so that they can be read over lines.
    """
    lines = text.split("\n")
    height = size * spacing
    first = y + _DOWN[va] * size
    if va in ("center", "center_baseline"):
        first -= height * (len(lines) - 1) / 2
    elif va in ("bottom", "baseline"):
        first -= height * (len(lines) - 1)
    style = looks(
        fill=color,
        font_size=f"{number(size)}px",
        font_weight="bold" if bold else None,
        font_style="italic" if italic else None,
        text_anchor=None if ha == "left" else _ANCHOR[ha],
        paint_order="stroke" if halo else None,
        stroke=PAPER if halo else None,
        stroke_width=2.4 if halo else None,
    )
    rotate = f' transform="rotate({number(-turn)} {point(x, y)})"' if turn else ""
    more = f'{style}{rotate} xml:space="preserve"'
    return "".join(
        f'<text x="{number(x)}"'
        f' y="{number(first + index * height)}"{more}>{escape(line, quote=False)}</text>'
        for index, line in enumerate(lines)
    )


def text_box(
    place: tuple[float, float],
    text: str,
    size: float,
    ha: str,
    va: str,
    bold: bool,
    bbox: Mapping[str, Any],
) -> str:
    """Return the box behind a text of :func:`letters`.

    It has round corners where ``bbox`` asks for an edge, and is else as tight as can be said.
    """
    lines = text.split("\n")
    width = max(text_points(line, size, bold=bold) for line in lines)
    height = size * (1.2 * len(lines) - 0.2)
    edge = bbox.get("edgecolor", "none")
    pad = 0.3 * size if edge != "none" else 1.0
    left = place[0] - {"left": 0.0, "center": 0.5, "right": 1.0}[ha] * width - pad
    top = place[1] - {"top": 0.0, "center": 0.5, "bottom": 1.0, "baseline": 1.0}[va] * height - pad
    where = rectangle(left, top, width + 2 * pad, height + 2 * pad)
    line = float(bbox.get("linewidth", 1.0)) if edge != "none" else None
    look = looks(fill=bbox["facecolor"], stroke=edge, stroke_width=line, opacity=bbox.get("alpha"))
    return f'<rect {where} rx="{2.5 if line else 0}"{look}/>'


def text_points(text: str, size: float, *, bold: bool = False) -> float:
    """Return about how wide a text is: a letter of DejaVu Sans by its kind, and what bold adds."""
    em = sum(_em(letter) for letter in text)
    return em * size * (1.12 if bold else 1.0)


def _em(letter: str) -> float:
    other = letter_em(letter)
    if other is not None:
        return other
    return (
        0.36 if letter in NARROW else 0.88 if letter in WIDE else 0.7 if letter.isupper() else 0.6
    )


def straight(
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    color: str = GRID,
    width: float = 0.6,
    dash: str | None = None,
) -> str:
    """Return a straight line."""
    return f'<path d="M{point(x0, y0)}L{point(x1, y1)}"{stroke(color, width, dash)}/>'


def stroke(color: str, width: float, dash: str | None = None, alpha: float | None = None) -> str:
    """Return the style of a line."""
    return looks(
        stroke=color, stroke_width=float(width), stroke_dasharray=dash, fill="none", opacity=alpha
    )


def rectangle(x: float, y: float, width: float, height: float) -> str:
    """Return the attributes that say where a ``<rect>`` is."""
    return f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'


def arrow_head(x: float, y: float, from_x: float, from_y: float, scale: float, color: str) -> str:
    """Return a filled head at (x, y) of an arrow that comes from another point."""
    length = math.hypot(x - from_x, y - from_y) or 1.0
    ux, uy = (x - from_x) / length, (y - from_y) / length
    back, side = 0.5 * scale, 0.22 * scale
    corners = [
        (x, y),
        (x - ux * back - uy * side, y - uy * back + ux * side),
        (x - ux * back + uy * side, y - uy * back - ux * side),
    ]
    return f'<path d="M{"L".join(point(a, b) for a, b in corners)}z"{looks(fill=color)}/>'
