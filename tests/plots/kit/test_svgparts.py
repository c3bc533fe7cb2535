"""Pieces of SVG."""

import math
from xml.etree import ElementTree

import pytest

from tcpexp.plots.kit.svgparts import (
    dashes,
    hatch,
    letters,
    line_path,
    looks,
    marker_path,
    number,
    text_box,
    text_points,
)


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (0.125, "0.12"), (-0.001, "0"), (12.5, "12.5"), (100.0, "100")]
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_a_line_lifts_the_pen_where_there_is_no_number():
    points = [(0, 0), (1, 1), (2, math.nan), (3, 3), (4, 4)]
    assert line_path(points) == "M0 0L1 1M3 3L4 4"


def test_steps_stay_level_until_the_next_point():
    assert line_path([(0, 5), (1, 5), (2, 7)], steps=True) == "M0 5H1H2V7"


def test_many_markers_are_one_path():
    assert marker_path("x", [(0, 0), (10, math.nan)], 2) == "M-2 -2L2 2M-2 2L2 -2"
    for kind in "o.^vsDdPX*<>|_+":
        assert marker_path(kind, [(0, 0), (5, 5)], 3).count("M") >= 2, kind


def test_dashes_grow_with_the_line():
    assert dashes("-", 1.0) is None
    assert dashes((0, (5, 1.6)), 2.0) == "10 3.2"
    assert dashes("--", 1.0) == "3.7 1.6"


def test_texts_are_escaped_and_stand_where_they_should():
    text = letters(10, 20, "a < b\nc", va="center", ha="right", bold=True, turn=90, halo=True)
    first, second = ElementTree.fromstring(f"<svg>{text}</svg>")
    assert (first.text, second.text) == ("a < b", "c")
    assert float(second.attrib["y"]) - float(first.attrib["y"]) == pytest.approx(10.8)
    assert (
        "text-anchor: end" in first.attrib["style"] and "font-weight: bold" in first.attrib["style"]
    )
    assert first.attrib["transform"] == "rotate(-90 10 20)"


def test_what_is_not_given_is_not_written():
    assert (
        looks(fill="none", stroke=None, stroke_width=1.50)
        == ' style="fill: none; stroke-width: 1.5"'
    )
    assert looks() == ""


def test_a_hatch_is_a_pattern_of_its_name():
    for kind in ("//", "\\\\", "xx", "..", "----"):
        assert ElementTree.fromstring(hatch(kind, "a-b")).attrib["id"] == "a-b"


def test_a_box_holds_its_text():
    box = ElementTree.fromstring(
        text_box(
            (100, 50),
            "ESTABLISHED",
            8,
            "right",
            "center",
            True,
            {"facecolor": "#fff", "edgecolor": "#000"},
        )
    )
    left, width = float(box.attrib["x"]), float(box.attrib["width"])
    assert left + width > 100 > left and width > text_points(
        "ESTABLISHED", 8, bold=True
    ) > text_points("established", 8)
