"""Jain's index over time, utilization and convergence, on flows of known rates."""

import pytest

from tcpexp.analysis.fairness import build_fairness, converged_at
from tcpexp.plan import types as t

S = 1_000_000_000
STEP = S // 10


def flow(name, client="h1", server="h2"):
    return t.FlowPlan(name, client, server, 5201, client, "iperf3", "a00", "all", None, 0, None)


def rates(name, begin_s, end_s, rate_bps):
    size = rate_bps // 80
    return [
        {
            "flow": name,
            "t_ns": at,
            "interval_ns": STEP,
            "packets": 1,
            "goodput_bytes": size,
            "payload_bytes": size,
            "wire_bytes": size,
        }
        for at in range(begin_s * S, end_s * S, STEP)
    ]


@pytest.fixture
def two(build):
    """The first flow has 8 Mbit/s alone, from 5 s on 7.5 beside 2.5, from 10 s to 15 s
    both have 5.
    """
    rows = [
        *rates("a", 0, 5, 8_000_000),
        *rates("a", 5, 10, 7_500_000),
        *rates("a", 10, 15, 5_000_000),
    ]
    rows += [*rates("b", 5, 10, 2_500_000), *rates("b", 10, 15, 5_000_000)]
    rate = t.DirectionPlan(rate_bps=20_000_000, queue=t.QueuePlan("pfifo", 50, None))
    return (
        build.plan(rate, flows=(flow("a"), flow("b")))
        .table("throughput", *rows)
        .table("events")
        .done()
    )


def test_only_while_both_run(two):
    table = build_fairness(two)
    assert (table["t_ns"].min(), table["t_ns"].max()) == (5 * S, 14 * S)
    assert table["flows"].unique().to_list() == [2]


def test_jain_and_utilization(two):
    first, last = build_fairness(two).row(0, named=True), build_fairness(two).row(-1, named=True)
    # Jain, Chiu, Hawe 1984
    assert first["jain_index"] == pytest.approx(10**2 / (2 * (7.5**2 + 2.5**2)))
    assert last["jain_index"] == pytest.approx(1)
    assert (first["utilization"], first["goodput_bps"]) == (pytest.approx(0.5), pytest.approx(10e6))
    assert first["towards"] == "h2"


def test_flows_the_other_way_do_not_share(build):
    rows = [*rates("a", 0, 5, 8_000_000), *rates("b", 0, 5, 8_000_000)]
    run = (
        build.plan(flows=(flow("a"), flow("b", "h2", "h1")))
        .table("throughput", *rows)
        .table("events")
        .done()
    )
    assert build_fairness(run).height == 0


def test_convergence_is_the_end_of_the_first_fair_second(two):
    table = build_fairness(two)
    at = converged_at(table, 5 * S, 0.99, 2 * S)
    assert at is not None
    # the sliding second is fair enough shortly before it lies wholly behind 10 s
    assert 10 * S < at <= 11 * S
    assert converged_at(table, 5 * S, 0.99, 8 * S) is None  # it did not last so long
    assert converged_at(table, 5 * S, 0.5, 2 * S) == 6 * S
