"""The flow that the question is about comes first."""

import pytest

from tcpexp.plan.types import FlowPlan
from tcpexp.report.panels.focus import flows_in_order
from tests.support.fake_run import make_plan

FLOWS = tuple(
    FlowPlan(name, "h1", "h2", 5000, "h1", "tcp", name, "all", None, 0, None) for name in "abc"
)


@pytest.mark.parametrize(
    ("more", "order"),
    [
        ({}, "abc"),
        ({"expect": ({"goodput": {"flow": "c", "at_least": 1}},)}, "cab"),
        ({"plots": ({"rtt": {"flows": ["b", "a"]}},), "expect": ({"rtt": {"flow": "c"}},)}, "bac"),
        ({"plots": ({"rtt": {"flows": ["b"]}}, {"cwnd": {"flows": ["c"]}}), "key": 1}, "cba"),
        ({"plots": ({"cwnd": {}}, {"rtt": {"flows": ["other"]}})}, "abc"),
    ],
)
def test_what_the_spec_names_first_comes_first(more, order):
    assert flows_in_order(make_plan(flows=FLOWS, **more)) == list(order)
