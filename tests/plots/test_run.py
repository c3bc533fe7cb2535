"""Figures of a run: which are drawn, what lies on disk, and that the same data gives the same
bytes.
"""

import json
import re
import subprocess
import sys

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.errors import SpecError
from tcpexp.plots import BUILTIN
from tcpexp.plots.base import Plot
from tcpexp.plots.run import plot_run
from tests.support.fake_run import make_plan, one_connection, shared_bottleneck, write_run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    return path, plot_run(shared_bottleneck(path, 8))


def test_without_plots_in_the_spec_all_with_data_are_drawn(drawn):
    _, figures = drawn
    names = [figure.name for figure in figures]
    assert names == [name for name in BUILTIN if name in names]
    on_demand = {name for name, plot in BUILTIN.items() if plot.on_demand}
    assert set(BUILTIN) - set(names) - on_demand == {
        "ladder",  # no connections
        "subflows",  # no MPTCP
        "variables",  # no congestion control of one's own
        "discipline",  # a queue that only counts
        "classes",  # and has none
    }
    assert not on_demand & set(names)


def test_each_figure_has_an_svg_a_png_and_an_entry_in_the_index(drawn):
    path, figures = drawn
    index = json.loads((path / "figures/index.json").read_text())
    assert [figure["name"] for figure in index["figures"]] == [figure.name for figure in figures]
    assert index["left_out"] == []
    for figure in figures:
        assert (path / figure.png).read_bytes().startswith(b"\x89PNG")
        svg = (path / figure.svg).read_text()
        assert svg.rstrip().endswith("</svg>")
        assert figure.title and figure.caption


def test_no_figure_is_large_however_many_packets_there_are(drawn):
    path, figures = drawn
    for figure in figures:
        assert (path / figure.svg).stat().st_size < 400_000


def test_the_same_data_gives_the_same_bytes(drawn, tmp_path):
    path, figures = drawn
    again = plot_run(shared_bottleneck(tmp_path, 8))
    for one, other in zip(figures, again, strict=True):
        for name in (one.svg, one.png):
            assert (path / name).read_bytes() == (tmp_path / name).read_bytes(), name
        assert not re.search(r"\d{4}-\d\d-\d\dT", (tmp_path / other.svg).read_text())


def test_marks_units_and_legends_are_on_the_figures(drawn):
    path, _ = drawn
    for name, words in {
        "throughput": ["Mbit/s", "cubic", "bbr", "bottleneck rate", "iperf3 bbr h1 → h2"],
        "share": ["Share of goodput (%)", "Jain's index"],
        "cwnd": ["Segments", "cubic ssthresh"],
        "rtt": ["RTT (ms)", "sum of delays"],
        "queue": ["Backlog (packets)", "limit 34 packets", "Drops"],
        "sequence": ["ACK + window", "retransmission", "Close view"],
    }.items():
        svg = (path / f"figures/{name}.svg").read_text()
        for word in words:
            assert word.replace("'", "&#39;") in svg or word in svg, (name, word)


def test_the_spec_chooses_plots_and_options(tmp_path):
    run = shared_bottleneck(
        tmp_path,
        4,
        plots=({"rtt": {"title": "Delay", "between": ["1s", "2s"]}}, {"rtt": {"flows": ["bbr"]}}),
    )
    figures = plot_run(run)
    assert [(figure.name, figure.title) for figure in figures] == [
        ("rtt", "Delay"),
        ("rtt-2", "Round-trip time"),
    ]
    svg = (tmp_path / "figures/rtt-2.svg").read_text()
    assert "bbr" in svg and ">cubic<" not in svg


def test_figures_of_an_earlier_call_are_removed(tmp_path):
    plot_run(shared_bottleneck(tmp_path, 4, plots=({"rtt": {}},)))
    plot_run(shared_bottleneck(tmp_path, 4, plots=({"queue": {}},)))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "index.json",
        "queue.png",
        "queue.svg",
    ]


def test_an_empty_run_draws_nothing_and_says_why_for_what_was_asked(tmp_path):
    assert plot_run(write_run(tmp_path, make_plan(), {})) == []
    asked = write_run(tmp_path, make_plan(plots=tuple({name: {}} for name in BUILTIN)), {})
    assert plot_run(asked) == []
    left_out = json.loads((tmp_path / "figures/index.json").read_text())["left_out"]
    assert [figure["name"] for figure in left_out] == list(BUILTIN)
    assert {figure["reason"] for figure in left_out} == {"the run holds no data for it"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"rttt": {}}, "did you mean 'rtt'"),
        ({"ladder": {"packet": 3}}, "did you mean 'packets'"),
        ({"ladder": {"packets": 0}}, "above 0"),
        ({"ladder": {"packets": True}}, "above 0"),
        ({"rtt": {"between": ["5s"]}}, "two times"),
        ({"rtt": {"between": ["5s", "2"]}}, "2"),
        ({"rtt": {"between": ["5s", "2s"]}}, "end after"),
        ({"cwnd": {"ssthresh": "yes"}}, "true or false"),
        ({"labels": {"capture": 3}}, "a text"),
    ],
)
def test_wrong_names_and_options_are_refused_with_a_hint(tmp_path, entry, words):
    with pytest.raises(SpecError, match=re.escape(words)):
        plot_run(write_run(tmp_path, make_plan(plots=(entry,)), {}))


class Broken(Plot):
    """A plot that fails."""

    name = "broken"
    title = "Broken"

    def draw(self, run, options):
        raise ZeroDivisionError("by zero")


def test_a_plot_that_fails_costs_the_others_nothing(tmp_path):
    catalogue = load_catalogue(entry_points=False)
    catalogue.add(Broken)
    run = one_connection(tmp_path, plots=({"broken": {}}, {"ladder": {}}))
    assert [figure.name for figure in plot_run(run, catalogue)] == ["ladder"]
    (left_out,) = json.loads((tmp_path / "figures/index.json").read_text())["left_out"]
    assert left_out["reason"] == "drawing it failed: ZeroDivisionError: by zero"


def test_every_builtin_loads_documents_itself_and_needs_no_matplotlib_for_that():
    names = [(plot.name, plot.title, plot.caption()) for plot in BUILTIN.values()]
    assert [name for name, _, _ in names] == list(BUILTIN)
    assert all(title and caption.endswith(".") for _, title, caption in names)
    code = (
        "import sys\nfrom tcpexp.plots import BUILTIN\nfor plot in BUILTIN.values(): plot.name\n"
        "print('matplotlib' in sys.modules, 'polars' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "False False\n"
    )
