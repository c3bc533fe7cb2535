"""Other scripts: how wide their letters are, which way they are read, which fonts draw them, and
that figures say it once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tcpexp.plots.kit.lettering import text_inches
from tcpexp.plots.kit.save import save_figure
from tcpexp.plots.kit.style import house_style, new_figure
from tcpexp.plots.kit.svgparts import text_points
from tcpexp.plots.kit.writing import (
    direction,
    fallback_families,
    font_families,
    letters_of,
    scripts_of,
    scripts_without_font,
)
from tcpexp.report.prose import prose_html

ALL = "Ελληνικά Привет שלום مرحبا हिन्दी 拥塞控制 かな 한국어 🚀"


@pytest.mark.parametrize(
    ("text", "em"),
    [("拥塞", 2.0), ("한국", 2.0), ("🚀", 1.0), ("e\u0301", 0.6), ("שלום", 2.6), ("→", 0.88)],
)
def test_a_text_is_as_wide_as_its_letters(text: str, em: float) -> None:
    assert text_points(text, 10) == pytest.approx(em * 10)


def test_ideographs_take_more_room_than_latin_in_a_figures_labels() -> None:
    assert text_inches("拥塞控制") > 1.5 * text_inches("abcd")


def test_paragraphs_are_turned_by_their_first_letter() -> None:
    assert direction("مرحبا TCP") == direction("42: שלום") == ' dir="rtl"'
    assert direction("TCP مرحبا") == direction("拥塞") == direction("") == ""
    html = prose_html("مرحبا\n\nHello\n\n- שלום")
    assert html == '<p dir="rtl">مرحبا</p>\n<p>Hello</p>\n<ul dir="rtl">\n<li>שלום</li>\n</ul>'


def test_letters_of_a_script_are_those_of_the_text() -> None:
    greek, *_ = scripts_of([ALL])
    assert letters_of(greek, ["βα, β"]) == "αβ"
    assert letters_of(greek, ["latin"]) == greek.letter


def test_figures_are_drawn_with_letters_of_all_scripts_and_without_a_warning(
    tmp_path: Path,
) -> None:
    with warnings.catch_warnings(), house_style("x", fallback_families([ALL])):
        warnings.simplefilter("error", ResourceWarning)
        figure = new_figure(4, 2)
        figure.text(0.1, 0.5, ALL)
        svg, png = save_figure(figure, tmp_path, "all")
    assert ALL in svg.read_text(encoding="utf-8")
    assert png.stat().st_size > 1000


def test_nothing_is_said_on_standard_error_about_letters_without_a_font(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\nfrom tcpexp.plots.kit.save import save_figure\n"
        "from tcpexp.plots.kit.style import house_style, new_figure\n"
        "with house_style('x'):\n"
        "    figure = new_figure(4, 2); figure.text(0.1, 0.5, sys.argv[1])\n"
        "    save_figure(figure, Path(sys.argv[2]), 'all')\n"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, "-c", code, ALL, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_font_is_one_that_has_all_letters_of_the_text() -> None:
    for script in scripts_of([ALL]):
        has_font = any(
            "color" not in name.lower() for name in font_families(letters_of(script, [ALL]))
        )
        assert (script in scripts_without_font([ALL])) != has_font
