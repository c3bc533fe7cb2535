"""The page's pictures: every kind of plot is shown, and none of ours needs matplotlib."""

import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.plots import BUILTIN
from tcpexp.plots.base import Plot
from tcpexp.plots.run import plot_run, wanted_plots
from tcpexp.report.page.pagefigures import PHONE_WIDTH, draw_plot, page_figures
from tcpexp.report.page.write import write_report
from tests.support.fake_run import make_plan, one_connection, shared_bottleneck, write_run

WORDS = re.compile(r">([^<>]*\w[^<>]*)</text>")


def everything(path, make, **more):
    """A run whose spec asks for every plot there is, and its page's figures by name."""
    plots = tuple({name: {}} for name in BUILTIN)
    figures, left_out = page_figures(make(path, plots=plots, **more))
    return {figure.plot: figure for figure in figures}, {
        figure.name: figure.reason for figure in left_out
    }


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What two runs show between them: a shared bottleneck, and one connection packet by packet."""
    many, _ = everything(
        tmp_path_factory.mktemp("many"), lambda path, plots: shared_bottleneck(path, 8, plots)
    )
    one, _ = everything(tmp_path_factory.mktemp("one"), one_connection)
    return {**one, **many}


def test_nearly_every_kind_of_plot_has_something_to_show_here(shown):
    assert set(BUILTIN) - set(shown) <= {
        "timers",
        "calls",
        "header",
        "window_table",
        "label_table",
        "cwnd_compared",
        "subflows",  # no MPTCP
        "variables",  # no congestion control of one's own
        "discipline",  # queues that only count
        "classes",
    }


@pytest.mark.parametrize(
    "name", sorted(set(BUILTIN) - {"timers", "calls", "header", "window_table", "label_table"})
)
def test_each_drawing_stands_alone_and_one_is_for_a_phone(shown, name):
    if name not in shown:
        pytest.skip("these runs hold no data for it")
    html = shown[name].html
    if "<table" in html:
        return
    drawings = list(ElementTree.fromstring(f"<div>{html}</div>").iter("svg"))
    widths = [float(drawing.attrib["viewBox"].split()[2]) / 72 for drawing in drawings]
    assert widths[1:] == ([] if name == "state_diagram" else [pytest.approx(PHONE_WIDTH)])
    assert all(root.attrib["role"] == "img" and root.attrib["aria-label"] for root in drawings)
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)
    assert "nan" not in html.lower().replace("nanosecond", "") and "inf" not in re.sub(
        r">[^<]*<", "><", html
    )
    assert "var(--" in html, "colours follow the reader"


def test_a_sketch_says_what_matplotlib_says(tmp_path):
    """The same plot on both: titles, axes, legends and labels, but for the numbers at the ticks."""
    run = shared_bottleneck(tmp_path, 8)
    plot_run(run)
    files = {
        figure["name"]: figure["svg"]
        for figure in json.loads((tmp_path / "figures/index.json").read_text())["figures"]
    }
    figures, _ = page_figures(run)
    assert [figure.name for figure in figures] == list(files)
    for figure in figures:
        if "<svg" not in figure.html:
            continue
        theirs, ours = (
            words_in(text)
            for text in (
                (tmp_path / files[figure.name]).read_text(),
                figure.html.split('<div class="on-phone">')[0],
            )
        )
        assert theirs == ours, figure.name


def words_in(svg: str) -> set[str]:
    """The texts that are not numbers."""
    texts = {
        re.sub(r"&#(\d+);", lambda found: chr(int(found.group(1))), text).strip()
        for text in WORDS.findall(svg)
    }
    texts = {text.replace("&gt;", ">").replace("&amp;", "&") for text in texts}
    return {text for text in texts if not re.fullmatch(r"[−\d.,]+", text)}


def test_the_page_is_written_without_matplotlib_and_makes_no_figure_files(tmp_path):
    run = one_connection(
        tmp_path, plots=({"ladder": {}}, {"states": {}}, {"state_diagram": {}}, {"sequence": {}})
    )
    code = (
        "import sys\nfrom pathlib import Path\nfrom tcpexp.store.rundata import RunData\nfrom"
        " tcpexp.report.page.write import"
        " write_report\nwrite_report(RunData(Path(sys.argv[1])))\nprint('matplotlib' in"
        " sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    page = (tmp_path / "report.html").read_text()
    assert all(
        f'id="figure-{name}"' in page for name in ("ladder", "states", "state_diagram", "sequence")
    )
    assert not (tmp_path / "figures").exists() and "Files: <a" not in page


def test_a_plot_that_a_panel_shows_too_leads_to_it_and_stands_in_on_paper(tmp_path):
    plots = ({"queue": {}}, {"rtt": {}}, {"rtt_cdf": {}})
    page = write_report(shared_bottleneck(tmp_path, 8, plots)).read_text()
    assert (
        '<figure id="figure-rtt" class="stand-in">' in page
        and '<figure id="figure-rtt_cdf">' in page
    )
    assert (
        '<figure class="key tall" id="figure-queue">' in page
        and '<a class="needs-js" href="#panel-queue">zoom' in page
    )
    assert 'Drawn as panels, to zoom into: <a href="#panel-rtt">Round-trip time</a>.' in page


def test_files_are_named_where_there_are_any(tmp_path):
    run = shared_bottleneck(tmp_path, 4, ({"rtt_cdf": {}},))
    plot_run(run)
    assert (
        'Files: <a href="figures/rtt_cdf.svg">SVG</a>, <a href="figures/rtt_cdf.png">PNG</a>.'
        in write_report(run).read_text()
    )


class Anothers(Plot):
    """A plot that uses more of matplotlib than a sketch knows."""

    name = "anothers"
    title = "Another's"

    def draw(self, run, options):
        from tcpexp.plots.kit.style import panels

        figure, (axes,) = panels([1.0], options["title"])
        axes.pie([1, 2], labels=["a third", "the rest"])
        return figure


class Broken(Plot):
    """A plot that fails."""

    name = "broken"
    title = "Broken"

    def draw(self, run, options):
        raise ZeroDivisionError("by zero")


def test_what_a_sketch_cannot_draw_is_drawn_by_matplotlib(tmp_path):
    catalogue = load_catalogue(entry_points=False)
    catalogue.add(Anothers)
    run = one_connection(tmp_path, plots=({"anothers": {}},))
    html = draw_plot(run, wanted_plots(run, catalogue)[0]).html
    assert "a third" in html and 'aria-label="Another' in html


def test_a_plot_that_fails_or_has_no_data_is_named_with_the_reason(tmp_path, monkeypatch):
    catalogue = load_catalogue(entry_points=False)
    catalogue.add(Broken)
    monkeypatch.setattr("tcpexp.report.page.pagefigures.catalogue_for", lambda plan: catalogue)
    run = write_run(tmp_path, make_plan(plots=({"broken": {}}, {"rtt": {}})), {})
    figures, left_out = page_figures(run)
    assert figures == []
    assert [figure.reason for figure in left_out] == [
        "drawing it failed: ZeroDivisionError: by zero",
        "the run holds no data for it",
    ]
