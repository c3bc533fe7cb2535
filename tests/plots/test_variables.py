"""The plot ``variables``: panels, units, and what lies over cwnd."""

from __future__ import annotations

import polars as pl
import pytest

from tcpexp.plots.kit.style import sketching
from tcpexp.plots.variables import Variables
from tcpexp.views import variables as view


class Run:
    """A run of one flow, as far as the plot asks."""

    def __init__(self, rows: list[tuple[int, str, str, float, str]], flows=("mine",)) -> None:
        self.plan = type("Plan", (), {"flows": [type("F", (), {"name": n})() for n in flows]})()
        self.rows = pl.DataFrame(
            [(t, "h1", flow, 2, "event", name, value, unit) for t, flow, name, value, unit in rows],
            schema=[
                "t_ns", "node", "flow", "connection", "event", "variable", "value", "unit",
            ],
            orient="row",
        )  # fmt: skip

    def table(self, name: str) -> pl.DataFrame:
        assert name == "variables"
        return self.rows


ROWS = [
    (1_000, "mine", "w_max", 133.0, "segments"),
    (1_000, "mine", "queue", 9.0, "us"),
    (2_000, "mine", "w_max", 90.0, "segments"),
    (2_000, "other", "w_max", 1.0, "segments"),
    (2_000, "mine", "queue", 8.0, "us"),
]


def test_only_the_plans_flows_count_and_names_choose():
    rows, units = view.flow_variables(Run(ROWS))
    assert units == {"w_max": "segments", "queue": "us"}
    assert rows["flow"].unique().to_list() == ["mine"]
    rows, units = view.flow_variables(Run(ROWS), names=["queue", "gone"])
    assert units == {"queue": "us"} and rows["value"].to_list() == [9.0, 8.0]
    rows, _ = view.flow_variables(Run(ROWS), span=(1_500, 3_000))
    assert rows["t_ns"].unique().to_list() == [2_000]


@pytest.mark.parametrize(
    ("flows", "panels"),
    [(("mine",), ["congestion window", "queue"]), (("mine", "other"), None)],
)
def test_what_is_in_segments_lies_over_the_window_of_a_single_flow(monkeypatch, flows, panels):
    windows = pl.DataFrame(
        {"flow": ["mine"], "connection": [2], "t_ns": [1_000], "cwnd": [10], "ssthresh": [None]}
    )
    monkeypatch.setattr("tcpexp.plots.variables.sender_windows", lambda *about: (windows, "ss"))
    monkeypatch.setattr("tcpexp.plots.variables.time_limits", lambda *about: None)
    monkeypatch.setattr("tcpexp.plots.variables.draw_marks", lambda *about: None)
    with sketching():
        figure = Variables().draw(Run(ROWS, flows), Variables.resolve({}))
    assert figure is not None
    assert len(figure.axes) == (2 if panels else 3)


def test_without_a_tracepoint_there_is_no_figure():
    assert Variables().draw(Run([]), Variables.resolve({})) is None
