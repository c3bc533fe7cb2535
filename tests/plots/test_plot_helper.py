"""The second process that draws: the same figures as without it, whatever becomes of it."""

import json
import os
from pathlib import Path

import pytest
from fake_run import make_plan, shared_bottleneck, write_run

from tcpexp.errors import SpecError
from tcpexp.plan.types import PlanFile
from tcpexp.plots.helper import DrawingHelper
from tcpexp.plots.run import LeftOut, PlottedFigure, plot_run

PLUGIN = """
import os
from tcpexp.errors import SpecError
from tcpexp.plots.base import Plot
from tcpexp.plots.style import panels

class Here(Plot):
    '''Says in which process it was drawn.'''
    name = "here"
    title = "Here"
    def draw(self, run, options):
        print("a plot may print")
        figure, _ = panels([1.0], f"process {os.getpid()}")
        return figure

class Broken(Plot):
    '''Fails.'''
    name = "broken"
    title = "Broken"
    def draw(self, run, options):
        raise ZeroDivisionError("by zero")

class Refused(Plot):
    '''Refuses its options.'''
    name = "refused"
    title = "Refused"
    def draw(self, run, options):
        raise SpecError("no such flow")

class Fatal(Plot):
    '''Ends every process but one.'''
    name = "fatal"
    title = "Fatal"
    def draw(self, run, options):
        if str(os.getpid()) != os.environ["TCPEXP_TEST_SURVIVOR"]:
            os._exit(1)
        figure, _ = panels([1.0], "survived")
        return figure
"""


@pytest.fixture
def helper():
    helper = DrawingHelper()
    yield helper
    helper.close()


def run_with(folder: Path, *names: str):
    plan = make_plan(plots=tuple({name: {}} for name in names), plugins=("p.py",), files=(PlanFile("plugins/p.py", PLUGIN),))
    return write_run(folder, plan, {})


def test_with_and_without_it_the_bytes_are_the_same(tmp_path, helper):
    alone = plot_run(shared_bottleneck(tmp_path / "one", 4))
    assert plot_run(shared_bottleneck(tmp_path / "two", 4), helper=helper) == alone
    assert len(alone) > 3
    for path in (tmp_path / "one" / "figures").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "figures" / path.name).read_bytes(), path.name


def test_it_draws_a_plugins_plots_and_says_why_one_was_left_out(tmp_path, helper):
    run = run_with(tmp_path, "here", "broken", "refused")
    assert helper.wait_until_ready()
    (tmp_path / "figures").mkdir()
    figure, left_out = helper.draw(run.path, "here"), helper.draw(run.path, "broken")
    assert isinstance(figure, PlottedFigure)
    assert f"process {helper.pid}" in (tmp_path / figure.svg).read_text()
    assert isinstance(left_out, LeftOut)
    assert "by zero" in left_out.reason
    assert helper.draw(run.path, "refused") is None
    assert helper.draw(run.path, "no such figure") is None


def test_an_error_that_ends_plotting_is_raised_here(tmp_path, helper):
    with pytest.raises(SpecError, match="no such flow"):
        plot_run(run_with(tmp_path, "here", "refused", "here"), helper=helper)


def test_when_it_dies_everything_is_drawn_here(tmp_path, monkeypatch, request):
    monkeypatch.setenv("TCPEXP_TEST_SURVIVOR", str(os.getpid()))
    helper = request.getfixturevalue("helper")  # only now: it inherits the variable
    names = ["fatal"] * 6
    figures = plot_run(run_with(tmp_path, *names), helper=helper)
    assert [each.name for each in figures] == ["fatal", *(f"fatal-{number}" for number in range(2, 7))]
    assert len(json.loads((tmp_path / "figures/index.json").read_text())["figures"]) == 6


def test_closed_it_is_gone_and_answers_nothing(tmp_path):
    helper = DrawingHelper()
    helper.close()
    helper.close()
    assert not Path(f"/proc/{helper.pid}").exists()
    assert not helper.wait_until_ready()
    assert helper.draw(tmp_path, "rtt") is None
    assert len(plot_run(shared_bottleneck(tmp_path, 4, plots=({"rtt": {}},)), helper=helper)) == 1
