"""What links offered over time, which flows share a direction, and which samples stand
for a span.
"""

import numpy as np
import pytest

from tcpexp.analysis.links import Epoch
from tcpexp.analysis.metrics import measure_run
from tcpexp.analysis.offered import offered_before_arrival, offered_bits
from tcpexp.analysis.samples import nearest, sampled_span
from tcpexp.analysis.sharing import find_directions
from tcpexp.plan import types as t

S = 1_000_000_000
WAY = [("a", "r"), ("b", "h2")]


def epoch(link, towards, begin_s, end_s, rate_bps, delay_ns=0, up=True):
    return Epoch(
        link,
        towards,
        round(begin_s * S),
        round(end_s * S),
        t.DirectionPlan(rate_bps=rate_bps, delay_ns=delay_ns),
        up,
    )


def test_the_rate_is_summed_over_its_changes():
    epochs = [
        epoch("a", "r", 0, 2, 10_000_000),
        epoch("a", "r", 2, 3, 1_000_000),
        epoch("a", "r", 3, 4, 1_000_000, up=False),
    ]
    assert offered_bits(epochs, WAY, 0, 4 * S) == pytest.approx(21e6)
    assert offered_bits(epochs, WAY, S, round(2.5 * S)) == pytest.approx(10.5e6)


def test_the_slowest_link_is_that_which_offers_least_in_all():
    """At each moment one of the two has 1 Mbit/s.

    But what the first passes on early waits at the second, so 11 Mbit can go through, not 2.
    """
    epochs = [
        epoch("a", "r", 0, 1, 10_000_000),
        epoch("a", "r", 1, 2, 1_000_000),
        epoch("b", "h2", 0, 1, 1_000_000),
        epoch("b", "h2", 1, 2, 10_000_000),
    ]
    assert offered_bits(epochs, WAY, 0, 2 * S) == pytest.approx(11e6)
    assert offered_bits([epoch("a", "r", 0, 1, None)], WAY, 0, S) is None


def test_what_arrives_was_offered_earlier():
    epochs = [epoch("a", "r", 0, 5, 8_000_000, S // 2), epoch("a", "r", 5, 10, 2_000_000, S // 2)]
    assert offered_before_arrival(
        epochs, [("a", "r")], np.array([5 * S, 6 * S]), S
    ).tolist() == pytest.approx([5e6, 2e6])


def flow(name, client, server, sender=None):
    return t.FlowPlan(
        name, client, server, 5201, sender or client, "iperf3", "a00", "all", None, 0, None
    )


def slot(name, at_ns, size):
    row = {
        "flow": name,
        "t_ns": at_ns,
        "interval_ns": S // 10,
        "packets": 1,
        "payload_bytes": size,
        "goodput_bytes": size,
        "wire_bytes": size,
    }
    return row


def test_flows_that_meet_head_on_share_nothing(build):
    flows = (
        flow("up", "h1", "h2"),
        flow("second", "h1", "h2"),
        flow("down", "h1", "h2", sender="h2"),
    )
    run = (
        build.plan(flows=flows)
        .table("throughput", slot("up", 0, 300), slot("second", 0, 100), slot("down", 0, 800))
        .done()
    )
    assert [direction.names for direction in find_directions(run.plan)] == [
        ("up", "second"),
        ("down",),
    ]
    metrics = measure_run(run)
    assert metrics["shares"]["whole"]["share"] == {"up": 0.75, "second": 0.25, "down": 1.0}
    assert metrics["jain_index"] == pytest.approx(400**2 / (2 * (300**2 + 100**2)))
    assert [direction["flows"] for direction in metrics["shares"]["directions"]] == [
        ["up", "second"]
    ]


def test_the_sample_that_was_planned_for_the_end_counts():
    """Read a little late each time; the one before the end would be a whole interval early."""
    times = [100, 1 * S + 100, 2 * S + 100, 3 * S + 100]
    assert sampled_span(times, (1 * S, 3 * S)) == (1 * S + 100, 3 * S + 100)
    assert (nearest(times, 0), nearest(times, 9 * S)) == (100, 3 * S + 100)
