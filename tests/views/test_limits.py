"""What the network allows, in steps over time."""

from tcpexp.views.limits import base_rtt_lines, bottleneck_lines, distinct_steps, varying_places
from tests.support.fake_run import shared_bottleneck

MBIT, MS = 1_000_000, 1_000_000


def test_flows_that_share_a_link_share_its_rate_and_have_its_delay(tmp_path):
    run = shared_bottleneck(tmp_path, 2)
    names = [flow.name for flow in run.plan.flows]
    assert len(names) == 2
    assert bottleneck_lines(run, names) == {"h1-h2 to h2": (names, [(0, 10 * MBIT)])}
    assert bottleneck_lines(run, names[:1]) == {"h1-h2 to h2": (names[:1], [(0, 10 * MBIT)])}
    assert base_rtt_lines(run, names) == {name: [(0, 40 * MS)] for name in names}
    assert base_rtt_lines(run, []) == {}
    assert varying_places(run, ["h1-h2 to h2"]) == {}


def test_lines_that_are_alike_are_one():
    steps, others = [(0, 10 * MBIT)], [(0, 5 * MBIT), (3, 10 * MBIT)]
    assert distinct_steps({"a": steps, "b": list(steps), "c": []}, "rate") == {"rate": steps}
    assert distinct_steps({"a": steps, "b": others}, "rate") == {
        "rate, a": steps,
        "rate, b": others,
    }
    assert distinct_steps({"a": []}, "rate") == {}
