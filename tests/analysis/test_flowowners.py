"""The certificate's word on connections that nothing but their time gave to a flow."""

import pytest

from tcpexp.analysis.flowowners import judge_flow_owners
from tcpexp.plan.types import FlowPlan

S = 1_000_000_000


def flow(name, start, step=None, client="h1"):
    return FlowPlan(name, client, "h2", 80, "h2", "http", step or name, "all", None, start, None)


def items(build, flows, *sources):
    """One connection per flow, known as ``sources`` say."""
    rows = [
        {"flow": planned.name, "flow_source": source, "syn_ns": 0}
        for planned, source in zip(flows, sources, strict=True)
    ]
    return list(
        judge_flow_owners(build.plan(flows=tuple(flows)).table("connections", *rows).done())
    )


def test_what_is_known_needs_no_word(build):
    assert items(build, [flow("a", 0), flow("b", 0)], "process", "program") == []


def test_a_guess_is_named(build):
    (item,) = items(build, [flow("a", 0), flow("b", 3 * S)], "time", "process")
    assert (item.verdict, item.measured) == ("not measured", "1 of 2 by the time of the SYN")


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (flow("b", S // 2), "suspect"),
        (flow("b", 0), "suspect"),
        (flow("b", S), "not measured"),
        (flow("b", 0, step="a"), "not measured"),  # both directions of one program
        (flow("b", 0, client="h3"), "not measured"),
    ],
)
def test_a_guess_between_flows_that_start_together_is_suspect(build, other, verdict):
    (item,) = items(build, [flow("a", 0), other], "time", "time")
    assert item.verdict == verdict
    assert ("a and b" in item.why) is (verdict == "suspect")
