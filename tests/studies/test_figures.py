"""Figures of a study: the same bytes twice, intervals of repetitions only, and runs that are
missing can be seen.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from tcpexp.catalogue.reading import load_spec
from tcpexp.plots.kit.look import INK, PAPER, series_of
from tcpexp.report.page.figures import inline_svg
from tcpexp.studies.drawfields import field_words, readable_on
from tcpexp.studies.drawlines import follows, name_decades
from tcpexp.studies.figures import draw, draw_figures
from tcpexp.studies.figurewords import chosen_runs, interval_of, missing_words, pooled_words
from tests.support.judged_study import root_law, runs_of, study_of


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path)


def texts_of(figure):
    """Return every text in a figure."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_figures_of_every_kind_twice_the_same(study):
    runs = runs_of(study, root_law)
    first = {
        figure.name: figure.svg.read_bytes() for figure in draw_figures(study, runs, study.folder())
    }
    again = draw_figures(study, runs, study.folder())
    assert list(first) == ["01-lines", "02-heat_map", "03-ellipses"]
    assert {figure.name: figure.svg.read_bytes() for figure in again} == first
    text = inline_svg(again[0].svg, again[0].title, again[0].name)
    for words in ("published", "Mbit/s", "0.1%", "10%"):
        assert words in text
    assert "missing" not in text


def test_no_finished_run_no_figure(study):
    assert draw_figures(study, runs_of(study, root_law, status="failed"), study.folder()) == []


def some_failed(runs):
    """Return the runs, of which one repetition at p = 0.1 and all of reno at p = 0.01 failed."""
    lost = ((pl.col("p") == 0.1) & (pl.col("seed") == 2)) | (
        (pl.col("p") == 0.01) & (pl.col("cc") == "reno")
    )
    measured = {
        name: pl.when(lost).then(None).otherwise(pl.col(name)) for name in ("goodput", "delay")
    }
    return runs.with_columns(
        status=pl.when(lost).then(pl.lit("failed")).otherwise(pl.col("status")), **measured
    )


def test_missing_runs_can_be_seen(study):
    runs = some_failed(runs_of(study, root_law))
    assert missing_words(runs, "goodput") == "6 of 24 runs missing"
    lines, heat, _ = (draw(study, runs, entry.chosen()) for entry in study.sweep.figures)
    assert "6 of 24 runs missing (hollow marks)" in texts_of(lines)
    assert "6 of 24 runs missing" in texts_of(heat)
    assert sum("3 of 4" in text for text in texts_of(heat)) == 2
    hatched = [patch for patch in heat.axes[0].patches if patch.get_hatch()]
    assert len(hatched) == 1  # reno at p = 1 %


def test_intervals_are_of_repetitions_alone(study):
    runs = runs_of(study, root_law)
    one = runs.filter(pl.col("p") == 0.01, pl.col("cc") == "reno")
    both = runs.filter(pl.col("p") == 0.01)
    assert interval_of(one, "goodput").low is not None
    # reno and bbr together: how they differ is no noise
    assert interval_of(both, "goodput").low is None
    assert pooled_words(study, runs, ("p", None, None)) == "cc: reno, bbr"
    assert pooled_words(study, runs, ("p", "cc", None)) == ""


def test_a_figure_of_some_combinations(study):
    runs = runs_of(study, root_law)
    assert chosen_runs(study, runs, {"cc": "bbr"})["cc"].unique().to_list() == ["bbr"]
    assert chosen_runs(study, runs, {"cc": "vegas"}).height == 0


def test_what_a_field_says():
    assert field_words(93.14, 0.42, 3, 3) == "93.1\n± 0.42"
    assert field_words(93.14, None, 1, 1) == "93.1"
    assert field_words(93.14, 0.42, 2, 3) == "93.1\n2 of 3"
    assert field_words(12345.6, None, 1, 1) == "12,346"


def test_many_series_look_different():
    looks = {
        (look.color, look.marker)
        for look in series_of(str(number) for number in range(50)).values()
    }
    assert len(looks) == 50


def test_a_published_curve_that_follows_from_a_lines_parameter_is_drawn_for_each_line(study):
    assert follows(study, frozenset({"cc"}), "cc")
    assert follows(study, frozenset({"goodput"}), "cc")  # measured: it may differ in each run
    assert not follows(study, frozenset({"p"}), "cc")


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).resolve().parents[2] / "experiments" / "studies").glob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_what_the_curves_of_shipped_studies_follow_from_is_found(path):
    sweep = load_spec(path).sweep
    entries = [
        entry.lines
        for entry in sweep.figures
        if entry.lines is not None and entry.lines.by is not None
    ]
    found = {
        (entry.y, reference.label): follows(
            SimpleNamespace(sweep=sweep), reference.names(), entry.by
        )
        for entry in entries
        for reference in entry.reference
    }
    if path.stem == "initial_window":
        assert found[("rounds", "predicted")]
    assert all(isinstance(answer, bool) for answer in found.values())


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (40, 90, {"40", "50", "60", "70", "80", "90"}),
        (0.8, 60, {"1", "2", "5", "10", "20", "50"}),
        (0.08, 200, {"0.1", "1", "10", "100"}),
    ],
)
def test_numbers_of_a_logarithmic_axis_do_not_crowd(low, high, written):
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    name_decades(axes)
    figure.draw_without_rendering()
    ticks = [*axes.yaxis.get_major_ticks(), *axes.yaxis.get_minor_ticks()]
    assert {tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high} - {
        ""
    } == written


@pytest.mark.parametrize(
    ("colour", "ink"),
    [
        ((0, 0.13, 0.3), PAPER),
        ((0.4, 0.41, 0.44), PAPER),
        ((1, 0.9, 0.2), INK),
        ((0.8, 0.75, 0.4), INK),
    ],
)
def test_text_on_a_field_can_be_read(colour, ink):
    assert readable_on(colour) == ink


def test_panels_that_share_an_axis_have_room_for_what_each_of_them_shows(study):
    entry = (
        study.sweep.figures[0]
        .chosen()
        .model_copy(update={"panels": "cc", "log": ("x",), "reference": ()})
    )
    signed = pl.when(pl.col("cc") == "bbr").then(-pl.col("goodput")).otherwise(pl.col("goodput"))
    runs = runs_of(study, root_law).with_columns(goodput=signed)
    for panel in draw(study, runs, entry).axes:
        low, high = panel.get_ylim()
        assert low < panel.dataLim.y0
        assert high > panel.dataLim.y1
