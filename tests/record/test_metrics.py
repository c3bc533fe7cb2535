"""The numbers of metrics.json as data: all are listed, and their units are what their names say."""

from __future__ import annotations

import pytest

from tcpexp.record.metrics import METRICS, PARTS, find_metric, paths_of
from tests.support.endings import UNITS


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.path)
def test_a_metric_says_what_it_means_and_in_which_unit(metric) -> None:
    assert metric.meaning
    assert find_metric(metric.path) == metric
    for ending, unit in {**UNITS, "_s": "s"}.items():
        if metric.path.rpartition(".")[2].endswith(ending):
            assert metric.unit == unit


def test_names_may_have_dots_and_lists_have_entries() -> None:
    metrics = {
        "flows": {"a.b": {"rtt": {"p50_ms": 1.0, "p95_ms": None}}},
        "queues": [{"drops": 3}],
        "shares": {"directions": [{"flows": ["a", "b"]}]},
    }
    assert sorted(set(paths_of(metrics))) == [
        "flows.a.b.rtt.p50_ms",
        "queues[].drops",
        "shares.directions[].flows",
    ]
    assert all(find_metric(path) for path in paths_of(metrics))
    assert find_metric("flows.a.speed") is None
    assert "flows" in PARTS
