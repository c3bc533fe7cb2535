"""Panels of two runs put together: pairs of flows and connections, marks of both, names that do not
collide.
"""

from tcpexp.report.panels.build import panel_data
from tcpexp.report.panels.two import RUNS, two_runs
from tests.support.fake_run import shared_bottleneck


def test_two_runs_on_one_axis(tmp_path):
    a, b = (
        panel_data(shared_bottleneck(tmp_path / name, seconds))
        for name, seconds in (("a", 4), ("b", 6))
    )
    both = two_runs(a, b, ("a/", "b/"))
    assert list(both.flows) == list(RUNS) and both.span == (0, max(a.span[1], b.span[1]))
    assert len(both.connections) == len(a.connections) == len(b.connections)
    for panel in both.panels:
        assert {layer.flow for layer in panel.layers} == set(RUNS)
        assert all(layer.table in both.tables for layer in panel.layers)
        assert {layer.connection for layer in panel.layers} <= {
            "",
            *(connection["id"] for connection in both.connections),
        }
    for name, table in both.tables.items():
        assert table.name == name and table.facts["run"] == name[0]
        assert table.facts.get("packets", name) in both.tables
    both.pages()


def test_what_only_one_run_has_is_marked_with_its_letter(tmp_path):
    run = panel_data(shared_bottleneck(tmp_path, 4))
    a, b = (
        run.__class__(**{**run.__dict__, "marks": marks})
        for marks in (
            [
                {"t": 0, "label": "start", "kind": "action"},
                {"t": 10**9, "label": "loss", "kind": "action"},
            ],
            [
                {"t": 900, "label": "start", "kind": "action"},
                {"t": 2 * 10**9, "label": "loss", "kind": "action"},
            ],
        )
    )
    assert [(mark["t"], mark["label"]) for mark in two_runs(a, b).marks] == [
        (0, "start"),
        (10**9, "A: loss"),
        (2 * 10**9, "B: loss"),
    ]


def test_a_run_without_packets_leaves_the_other_alone(tmp_path):
    run = panel_data(shared_bottleneck(tmp_path, 4))
    empty = run.__class__(
        **{**run.__dict__, "panels": [], "tables": {}, "connections": [], "activity": []}
    )
    both = two_runs(run, empty)
    assert {layer.flow for panel in both.panels for layer in panel.layers} == {"run A"}
    assert all(connection["label"].endswith("(run A only)") for connection in both.connections)
