"""Axes that write SVG themselves: where things stand, what limits they take, and what
they refuse.
"""

import re
from xml.etree import ElementTree

import polars as pl
import pytest

from tcpexp.plots.kit.sketch import SketchFigure
from tcpexp.plots.kit.style import (
    is_sketch,
    legend,
    new_figure,
    panel_title,
    panels,
    sketching,
    whole_numbers,
    zero_based,
)


def drawn(height: float = 2.0):
    """One pair of axes that is 10 wide and ``height`` high, in inches."""
    figure = SketchFigure((10.0, height))
    return figure, figure.add_axes((0.1, 0.1, 0.8, 0.8))


def paths(figure) -> list[str]:
    """The outlines of what was drawn within the axes."""
    return re.findall(r'<g clip-path="[^"]*"><path d="([^"]*)"', figure.to_svg("A figure", "f"))


def test_plots_draw_on_it_only_where_they_are_told_to():
    with sketching():
        figure = new_figure(1, 1)
    assert isinstance(figure, SketchFigure)
    assert not isinstance(new_figure(1, 1), SketchFigure)
    with sketching():
        _, (axes,) = panels([1.0], "Title")
    assert is_sketch(axes) and not is_sketch(panels([1.0], "Title")[1][0])


def test_data_stand_between_the_limits():
    figure, axes = drawn()
    axes.plot([0, 5, 10], pl.Series([0, None, 4]), color="#000000")
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 4)
    assert paths(figure) == ["M72 129.6M648 14.4"]


def test_limits_follow_the_data_where_none_are_set():
    _, axes = drawn()
    axes.plot([1, 3], [10, 30], color="#000000")
    axes.axhline(50, color="#000000")
    assert (axes.dataLim.x0, axes.dataLim.x1, axes.dataLim.y0, axes.dataLim.y1) == (1, 3, 10, 50)
    low, high = axes.get_ylim()
    assert low < 10 and high > 50
    axes.set_ylim(bottom=0)
    assert axes.get_ylim()[0] == 0 and axes.get_ylim()[1] == high
    zero_based(axes)
    assert axes.get_ylim() == (0, 54)


def test_bars_bands_lines_and_areas_are_drawn():
    figure, axes = drawn()
    axes.barh(0, 2, left=1, height=0.5, color="#009e73", hatch="//")
    axes.broken_barh(
        [(0, 1), (2, 1)], (0, 1), facecolor="#d55e00", transform=axes.get_xaxis_transform()
    )
    axes.vlines([1, 2], 0, [3, 4], color="#000000", label="strokes")
    axes.stackplot(
        [0, 1],
        [[1, 1], [2, 2]],
        colors=["#111111", "#222222"],
        alpha=0.5,
        edgecolor="#ffffff",
        linewidth=1,
    )
    axes.axvline(1, color="#000000", linewidth=1)
    axes.scatter([1], [1], color="#000000", marker="o", s=9, alpha=1, linewidth=0, label="points")
    axes.annotate(
        "",
        xy=(1, 1),
        xytext=(0, 0),
        arrowprops={"arrowstyle": "-|>", "color": "#000000", "linewidth": 1},
    )
    axes.text(1, 1, "words", bbox={"facecolor": "#ffffff", "edgecolor": "none"})
    legend(axes)
    svg = figure.to_svg("A figure", "f")
    ElementTree.fromstring(svg)
    assert svg.count("<pattern") == 1 and 'fill="url(#f-0-h47)"' in svg
    assert all(f">{word}</text>" in svg for word in ("words", "strokes", "points"))


def test_titles_ticks_and_numbers_stand_around_the_axes():
    figure, axes = drawn()
    figure.suptitle("Title <1>", x=0.1, y=0.95)
    axes.plot([0, 4], [0, 3], color="#000000")
    axes.set_xlabel("Time (s)")
    axes.set_ylabel("Count")
    panel_title(axes, "Below")
    whole_numbers(axes)
    svg = figure.to_svg("A & B", "f")
    root = ElementTree.fromstring(svg)
    texts = [label.text for label in root.iter("text")]
    assert {"Title <1>", "Time (s)", "Count", "Below", "0", "1", "2", "3"} <= set(texts)
    assert root.attrib["aria-label"] == "A & B" and root.attrib["viewBox"] == "0 0 720 144"
    axes.tick_params(labelbottom=False)
    axes.set_yticks([0, 1], ["one", "two"], fontsize=7.5)
    axes.set_axis_off()
    assert ">one<" not in figure.to_svg("A", "f")


def test_what_it_does_not_know_it_refuses():
    _, axes = drawn()
    with pytest.raises(AttributeError):
        axes.pie([1, 2])
    with pytest.raises(TypeError):
        axes.plot([1], [1], gapcolor="#000000")
