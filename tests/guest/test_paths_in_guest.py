"""Paths, base round-trip times and bottlenecks of recorded runs: analysis, probes and the packets'
own TTL agree, per flow and direction, in steps.
"""

import polars as pl
import pytest

from tcpexp.analysis.pathsteps import bottlenecks, delay_steps, rate_steps, shared_rate_steps
from tcpexp.plan.paths import Paths
from tcpexp.plots.base import Plot
from tcpexp.plots.rtt import RoundTripTime
from tcpexp.plots.share import Share
from tcpexp.plots.throughput import Throughput
from tcpexp.report.panels.build import panel_data
from tcpexp.views.limits import base_rtt_lines
from tcpexp.views.windows import kernel_samples

pytestmark = pytest.mark.guest

MS = 1_000_000
S = 1_000_000_000
#: Two routers between h1 and h2, and a host beside both: a shorter way that nobody forwards on. Its
#: links come first, so first addresses are there.
SHORT_CUT = """
nodes: {h1: host, x: host, r1: router, r2: router, h2: host}
links:
  - [h1, x, {delay: 50ms}]
  - [x, h2, {delay: 50ms}]
  - [h1, r1, {delay: 1ms}]
  - [r1, r2, {delay: 10ms, rate: 10mbit}]
  - [r2, h2, {delay: 2ms}]
"""
BY_SHORT_CUT = """
name: short_cut
topology: short_cut
duration: 2s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 2s}
  - {at: 0s, do: iperf3, from: h2, to: h1, flow: down, until: 2s}
"""
#: The case rtt_line (pairs of 20 and 160 ms), with a flow the other way, a delay that changes, and
#: a rate that changes in one direction.
WAYS = """
name: ways
topology: {name: dumbbell, params: {pairs: 2, rate: 5mbit, rtt: [20ms, 160ms]}}
duration: 6s
actions:
  - {at: 0s, do: iperf3, from: a1, to: b1, flow: near, until: 6s}
  - {at: 0s, do: iperf3, from: a2, to: b2, flow: far, until: 6s}
  - {at: 0s, do: iperf3, from: b1, to: a1, flow: back, until: 6s}
  - {at: 1s, do: iperf3, from: b2, to: a2, flow: far_back, until: 6s}
  - {at: 3s, do: link, link: r1-r2, towards: r2, rate: 2500kbit, until: 5s}
  - {at: 3s, do: netem, link: a1-r1, delay: 30ms, until: 5s}
"""


@pytest.fixture(scope="module")
def short_cut(run_in_guest):
    return run_in_guest(BY_SHORT_CUT, beside={"short_cut.yaml": SHORT_CUT})


@pytest.fixture(scope="module")
def ways(run_in_guest):
    return run_in_guest(WAYS)


def flow(run, name):
    return next(candidate for candidate in run.plan.flows if candidate.name == name)


def rounded(steps):
    """Times in whole seconds: a change happens a few ten microseconds after its time."""
    return [(round(at / S, 2), value) for at, value in steps]


def test_analysis_probes_and_ttl_agree_that_no_packet_passes_through_a_host(short_cut):
    packets = short_cut.table("packets").filter(pl.col("flow").is_in(["up", "down"]))
    assert packets.filter(pl.col("node") == "x").is_empty()
    port = flow(short_cut, "up").port
    arrived = packets.filter(
        (pl.col("node") == "h2")
        & (pl.col("flow") == "up")
        & (pl.col("payload_bytes") > 0)
        & (pl.col("dst_port") == port)
    )
    assert arrived.height > 100 and arrived["ttl"].unique().to_list() == [64 - 2]
    paths = Paths(short_cut.plan.network)
    for name in ("up", "down"):
        way = paths.of_flow(flow(short_cut, name))
        assert [hop.link.name for hop in way.there] in (
            ["h1-r1", "r1-r2", "r2-h2"],
            ["r2-h2", "r1-r2", "h1-r1"],
        )
        assert delay_steps(short_cut, flow(short_cut, name)) == [(0, 26 * MS)]
    (probe,) = [
        path for path in short_cut.probes["paths"] if {path["from"], path["to"]} == {"h1", "h2"}
    ]
    assert probe["asked_rtt_ns"] == 26 * MS and min(probe["rtt_ns"]) == pytest.approx(
        26 * MS, abs=200_000
    )
    assert (
        short_cut.table("journeys").filter(pl.col("flow") == "up")["queueing_ns"].min()
        >= -1_000_000
    )
    assert short_cut.certificate["verdict"] == "VALID", short_cut.certificate["reasons"]


def test_each_flow_has_its_own_base_round_trip_time_in_steps(ways):
    assert rounded(delay_steps(ways, flow(ways, "near"))) == [
        (0, 20 * MS),
        (3, 70 * MS),
        (5, 20 * MS),
    ]
    assert rounded(delay_steps(ways, flow(ways, "back"))) == [
        (0, 20 * MS),
        (3, 70 * MS),
        (5, 20 * MS),
    ]
    assert rounded(delay_steps(ways, flow(ways, "far"))) == [(0, 160 * MS)]


def test_no_sample_of_a_round_trip_time_lies_below_its_flows_line(ways):
    for name, steps in base_rtt_lines(ways, ["near", "far", "back"]).items():
        samples = ways.table("rtt").filter(pl.col("flow") == name)
        for (begin, base), (end, _) in zip(steps, [*steps[1:], (ways.end_ns, 0)], strict=True):
            # behind a change its packets must have come around
            inside = samples.filter(pl.col("t_ns").is_between(begin + 300 * MS, end))
            assert inside["rtt_ns"].min() >= base - MS, (name, begin)


def test_a_bottleneck_and_its_rate_belong_to_a_direction(ways):
    groups = {
        key: [one.name for one in flows]
        for key, flows in bottlenecks(ways, ways.plan.flows).items()
    }
    assert groups == {("r1-r2", "r2"): ["near", "far"], ("r1-r2", "r1"): ["back", "far_back"]}
    down = [(0, 5_000_000), (3, 2_500_000), (5, 5_000_000)]
    assert (
        rounded(rate_steps(ways, flow(ways, "near")))
        == rounded(shared_rate_steps(ways, [flow(ways, "near"), flow(ways, "far")]))
        == down
    )
    assert rounded(rate_steps(ways, flow(ways, "back"))) == [(0, 5_000_000)]


def test_shares_sum_to_one_in_each_direction(ways):
    shares = ways.metrics["shares"]
    for one, other in (("near", "far"), ("back", "far_back")):
        assert shares["whole"]["share"][one] + shares["whole"]["share"][other] == pytest.approx(1)
        assert ways.metrics["flows"][one]["share"] == shares["whole"]["share"][one] < 1
    assert {direction["towards"]: direction["flows"] for direction in shares["directions"]} == {
        "r2": ["near", "far"],
        "r1": ["back", "far_back"],
    }
    assert (
        all(0.5 <= direction["together"]["jain_index"] <= 1 for direction in shares["directions"])
        and ways.metrics["jain_index"] is None
    )
    assert all(
        row["utilization"] <= 1.02
        for row in ways.table("fairness").iter_rows(named=True)
        if row["utilization"] is not None
    )
    assert ways.table("fairness")["towards"].unique().sort().to_list() == ["r1", "r2"]


def drawn(run, plot: type[Plot]):
    figure = plot().draw(run, plot.resolve({}))
    return [[line.get_label() for line in axis.get_lines()] for axis in figure.axes], figure


def test_figures_draw_a_line_per_path_and_a_stack_per_direction(ways):
    labels, figure = drawn(ways, RoundTripTime)
    assert {"near: sum of delays", "far: sum of delays", "back: sum of delays"} <= set(labels[0])
    near = next(
        line for line in figure.axes[0].get_lines() if line.get_label() == "near: sum of delays"
    )
    assert list(near.get_ydata()) == [20, 70, 20, 20]
    labels, figure = drawn(ways, Throughput)
    assert {"bottleneck rate, r1-r2 to r2", "bottleneck rate, r1-r2 to r1"} <= set(labels[0])
    stacked = [axis for axis in figure.axes if len(axis.collections) > 1]
    assert [len(axis.collections) for axis in stacked] == [2, 2]
    labels, _ = drawn(ways, Share)
    named = [{label for label in axis if not label.startswith("_")} for axis in labels]
    assert [label for label in named if label] == [
        {"near", "far", "equal share"},
        {"back", "far_back", "equal share"},
    ]


def test_panels_draw_the_same_lines(ways):
    panels = {panel.id: panel for panel in panel_data(ways).panels}
    base = {
        layer.flow: layer for layer in panels["rtt"].layers if layer.label == "sum of the delays"
    }
    assert (
        set(base) == {"near", "far", "back", "far_back"}
        and base["far"].kind == "level"
        and base["far"].value == 160 * MS
    )
    tables = panel_data(ways).tables
    assert [value for value in tables[base["near"].table].columns["value"].values] == [
        20 * MS,
        70 * MS,
        20 * MS,
        20 * MS,
    ]
    assert [
        {layer.flow for layer in panels[id].layers if layer.kind == "area"}
        for id in ("stacked", "stacked-2")
    ] == [{"near", "far"}, {"back", "far_back"}]
    assert (
        len(
            [
                layer
                for layer in panels["throughput"].layers
                if layer.label.startswith("bottleneck rate")
            ]
        )
        == 2
    )


OFFLOAD = """
name: offload
topology: two_host
hosts: {h1: {offloads: true}, h2: {offloads: true}}
links: {h1-h2: {delay: 10ms, rate: 200mbit}}
duration: 2s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 2s}
"""


def test_in_flight_is_counted_in_segments_everywhere_where_packets_hold_many(run_in_guest):
    run = run_in_guest(OFFLOAD)
    largest = (
        run.table("packets")
        .filter((pl.col("flow") == "up") & (pl.col("node") == "h1"))["payload_bytes"]
        .max()
    )
    rows = kernel_samples(run)
    assert largest > 5 * 1448 and rows["mss"].unique().to_list() == [1448]
    data = panel_data(run)
    windows = [table for table in data.tables.values() if table.name.startswith("cwnd-")]
    assert windows and max(
        table.columns["flight"].values.max() for table in windows
    ) == pytest.approx(rows["segments"].max(), abs=0.5)
    peak = rows["in_flight_bytes"].max() / 1448
    assert rows["segments"].max() == pytest.approx(peak) and peak <= 2 * rows["cwnd"].max()
