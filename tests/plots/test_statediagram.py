"""The state diagram: which edges and states are drawn as taken, and what the remark says."""

from collections import Counter

from tcpexp.analysis.transitions import EDGES, STATES, transitions
from tcpexp.plots.run import plot_run
from tcpexp.plots.state_diagram import PLACES, StateDiagram, others
from tests.support.fake_run import make_plan, one_connection, write_run


def test_the_diagram_is_rfc_9293s():
    assert len(STATES) == 11 and set(STATES) == set(PLACES)
    assert {state for edge in EDGES for state in edge} == set(STATES)
    assert len(EDGES) == 21


def test_taken_edges_say_who_took_them(tmp_path):
    run = one_connection(tmp_path, plots=({"state_diagram": {}},))
    taken = Counter(transition.edge for transition in transitions(run))
    assert taken["FIN-WAIT-2", "TIME-WAIT"] == 1 and ("FIN-WAIT-2", "CLOSED") not in taken
    (figure,) = plot_run(run)
    svg = (tmp_path / figure.svg).read_text()
    assert svg.count("h1 1×") == 5 and svg.count("h2 1×") == 5
    assert "9 of 11 states reached" in svg
    assert "Also taken" not in svg


def test_a_time_span_chooses_the_edges(tmp_path):
    run = one_connection(tmp_path, plots=({"state_diagram": {"between": ["0s", "1100ms"]}},))
    (figure,) = plot_run(run)
    svg = (tmp_path / figure.svg).read_text()
    assert svg.count("1×") == 3


def test_edges_that_the_rfc_does_not_draw_are_named():
    taken = Counter({("ESTABLISHED", "CLOSED"): 2, ("LISTEN", "CLOSED"): 1})
    assert others(taken, set(EDGES)) == "ESTABLISHED → CLOSED (2×)"


def test_without_the_kernels_trace_there_is_no_diagram(tmp_path):
    run = write_run(tmp_path, make_plan(), {})
    assert StateDiagram().draw(run, StateDiagram.resolve({})) is None
