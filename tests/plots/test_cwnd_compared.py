"""The figure that lays flows below each other: where each begins, what is settled, which options it
takes.
"""

import polars as pl
import pytest

from tcpexp.plan.types import FlowPlan
from tcpexp.plots.base import OptionError
from tcpexp.plots.cwnd_compared import CongestionWindowsCompared
from tcpexp.plots.run import plot_run
from tcpexp.store.frames import conform, schema_of
from tcpexp.views.windows import flow_windows, sender_windows
from tests.support.fake_run import SECOND, make_plan, write_run

NAMES = ("early", "late")
FLOWS = tuple(
    FlowPlan(name, "h1", "h2", 5000 + number, "h1", "python", f"a{number}", "all", None, 0, None)
    for number, name in enumerate(NAMES)
)


def table(name, rows):
    schema = schema_of(name)
    return conform(
        pl.DataFrame(
            [{column: row.get(column) for column in schema} for row in rows], schema=schema
        ),
        name,
    )


def run_of(path, **options):
    """Two flows of ten rows, the second ten seconds later; both recover in their fourth second."""
    states, packets, phases = [], [], []
    for number, name in enumerate(NAMES):
        base = {"flow": name, "node": "h1", "port": 40000 + number}
        start = (1 + 10 * number) * SECOND
        cwnd = [10, 20, 30, 80, 15, 16, 17, 18, 19, 20]
        rest = {**base, "ssthresh": 15, "mss": 1000, "in_flight_bytes": 9000}
        states += [
            {**rest, "t_ns": start + second * SECOND, "cwnd": cwnd[second]} for second in range(10)
        ]
        packets += [
            {
                "flow": name,
                "node": "h1",
                "t_ns": start - SECOND // 2,
                "payload_bytes": 1000,
                "labels": [],
            }
        ]
        phases += [
            {
                **base,
                "from_ns": start + 2 * SECOND,
                "to_ns": start + 3 * SECOND,
                "phase": "fast_recovery",
            }
        ]
    tables = {
        "flow_states": table("flow_states", states),
        "packets": table("packets", packets),
        "phases": table("phases", phases),
    }
    return write_run(path, make_plan(flows=FLOWS, plots=({"cwnd_compared": options},)), tables)


def test_each_flow_begins_with_its_own_first_data(tmp_path):
    run = run_of(tmp_path)
    samples, _ = sender_windows(run)
    windows = [flow_windows(run, samples, name) for name in NAMES]
    assert [window["seconds"][0] for window in windows] == [0.5, 0.5]
    assert windows[0]["settled"].to_list() == [10, 20, 30, None, 15, 16, 17, 18, 19, 20]


@pytest.mark.parametrize("options", [{}, {"groups": [["early", "late"]]}, {"flows": ["late"]}])
def test_it_is_drawn(tmp_path, options):
    (figure,) = plot_run(run_of(tmp_path, **options))
    svg = (tmp_path / figure.svg).read_text()
    assert "late" in svg and "Time since each flow" in svg
    assert ("early" in svg) == ("flows" not in options)


@pytest.mark.parametrize("groups", ["early", ["early"], [["early", 3]]])
def test_groups_are_lists_of_lists_of_names(groups):
    with pytest.raises(OptionError, match="groups must be lists of flows"):
        CongestionWindowsCompared.resolve({"groups": groups})
