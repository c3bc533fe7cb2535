import pytest

from tcpexp.analysis.metrics import measure_run
from tcpexp.analysis.sharing import jain_index
from tcpexp.plan.types import FlowPlan
from tcpexp.record.metrics import find_metric, paths_of

S = 1_000_000_000


def flow(name, port):
    return FlowPlan(name, "h1", "h2", port, "h1", "iperf3", "a00", "all", "cubic", 0, None)


def data(name, node, number, t_ns, payload=1000, labels=(), flags="A", seq=1):
    return {
        "capture": f"{node}-eth0",
        "node": node,
        "number": number,
        "t_ns": t_ns,
        "protocol": "tcp",
        "src": "10.0.0.1",
        "dst": "10.0.0.2",
        "flow": name,
        "payload_bytes": payload,
        "labels": list(labels),
        "flags": flags,
        "stream": 0,
        "seq": seq,
        "seq_rel": seq,
    }


def slot(name, t_ns, good):
    return {
        "flow": name,
        "t_ns": t_ns,
        "interval_ns": S // 10,
        "packets": 1,
        "wire_bytes": good + 66,
        "payload_bytes": good,
        "goodput_bytes": good,
    }


@pytest.mark.parametrize(
    ("values", "index"),
    [([1, 1, 1, 1], 1.0), ([5, 0, 0, 0], 0.25), ([3, 1], 0.8), ([0, 0], None), ([], None)],
)
def test_jain(values, index):
    assert jain_index(values) == (index if index is None else pytest.approx(index))


@pytest.fixture
def run(build):
    build.plan(flows=(flow("a", 5201), flow("b", 5202)))
    again = ("retransmission", "fast_retransmission")
    build.table(
        "packets",
        data("a", "h1", 1, 0),
        data("a", "h1", 2, 1 * S, seq=1001),
        data("a", "h1", 3, 2 * S, labels=again),
        data("a", "h2", 1, 1 * S),
        data("a", "h2", 2, 11 * S),
        data("b", "h2", 3, 6 * S),
        data("b", "h2", 4, 16 * S),
    )
    build.table(
        "resent",
        {"t_ns": 2 * S, "node": "h1", "flow": "a", "kind": "data", "segments": 1},
        {"t_ns": 9, "node": "h2", "flow": "a", "segments": 1},
    )
    build.table(
        "throughput",
        slot("a", 1 * S, 1000),
        slot("a", 7 * S, 3000),
        slot("b", 6 * S, 1000),
        slot("b", 16 * S, 1000),
    )
    build.table(
        "rtt",
        *[{"flow": "a", "t_ns": number, "rtt_ns": number * 1_000_000} for number in range(1, 101)],
    )
    build.table(
        "connections",
        {
            "flow": "a",
            "syn_ns": 0,
            "established_ns": 1,
            "bytes_to_server": 2000,
            "syn_count": 2,
            "synack_count": 1,
        },
    )
    return build


def test_flows(run):
    metrics = measure_run(run.done())
    assert [path for path in paths_of(metrics) if find_metric(path) is None] == []
    a = metrics["flows"]["a"]
    # first data sent, last data arrived
    assert (a["start_ns"], a["end_ns"], a["duration_s"]) == (0, 11 * S, 11.0)
    assert a["goodput_bps"] == pytest.approx(4000 * 8 / 20)
    assert a["goodput_active_bps"] == pytest.approx(4000 * 8 / 11)
    assert a["share"] == pytest.approx(4000 / 6000)
    assert (a["retransmissions"], a["retransmissions_source"], a["retransmitted_bytes"]) == (
        1,
        "capture",
        1000,
    )
    assert a["rtt"] == {
        "samples": 100,
        "min_ms": 1.0,
        "p50_ms": pytest.approx(50, abs=1),
        "p95_ms": 95.0,
        "p99_ms": 99.0,
        "max_ms": 100.0,
    }
    assert a["cwnd"] is None
    assert metrics["flows"]["b"]["rtt"] is None


def test_shares_while_both_were_active(run):
    together = measure_run(run.done())["shares"]["together"]
    assert (together["from_ns"], together["to_ns"]) == (6 * S, 11 * S)
    assert together["share"] == {"a": 0.75, "b": 0.25}
    assert together["jain_index"] == pytest.approx(0.8)


def test_a_packet_of_several_segments_counts_as_many_and_a_syn_counts(run):
    again = {"node": "h1", "flow": "a"}
    run.table(
        "resent",
        {**again, "t_ns": 1, "kind": "syn", "segments": 1},
        {**again, "t_ns": 2, "kind": "data", "segments": 3},
    )
    a = measure_run(run.done())["flows"]["a"]
    assert (a["retransmissions"], a["retransmission_share"]) == (4, 1.0)


def test_rows_of_the_tracepoint_are_not_counted(run):
    """The tracepoint comes once per buffer, which may hold several segments."""
    run.table("resent").table(
        "retransmits", *[{"t_ns": number, "node": "h1", "flow": "a"} for number in range(3)]
    )
    assert measure_run(run.done())["flows"]["a"]["retransmissions"] == 0


def test_windows(run):
    run.table(
        "sockets",
        *[
            {"t_ns": number, "node": "h1", "flow": "a", "state": "estab", "cwnd": 10 * number}
            for number in (1, 2, 3)
        ],
    )
    cwnd = measure_run(run.done())["flows"]["a"]["cwnd"]
    assert (cwnd["source"], cwnd["min"], cwnd["p50"], cwnd["max"], cwnd["ssthresh_last"]) == (
        "ss",
        10,
        20,
        30,
        None,
    )
    state = {"node": "h1", "flow": "a", "source": "tcp_probe"}
    rows = (
        {"t_ns": 1, "cwnd": 7},
        {"t_ns": 2, "cwnd": 9, "ssthresh": 8},
        {"t_ns": 3, "cwnd": 1, "source": "timeout"},
    )
    run.table("flow_states", *[{**state, **row} for row in rows])
    cwnd = measure_run(run.done())["flows"]["a"]["cwnd"]
    assert (
        cwnd["source"],
        cwnd["mean"],
        cwnd["samples"],
        cwnd["min"],
        cwnd["last"],
        cwnd["ssthresh_last"],
    ) == ("tcp_probe", 8.0, 2, 1, 1, 8)


def test_labels_have_counts_and_examples(run):
    labels = measure_run(run.done())["labels"]
    assert labels["fast_retransmission"]["count"] == 1
    assert labels["fast_retransmission"]["examples"] == [
        {"capture": "h1-eth0", "number": 3, "t_ns": 2 * S, "flow": "a"}
    ]
    assert labels["zero_window"] == {"count": 0, "includes": {}, "captures": {}, "examples": []}


def test_queues_counters_and_connections(run):
    queue = {"link": "h1-h2", "towards": "h2"}
    run.table(
        "queues",
        {
            **queue,
            "t_ns": 0,
            "qdisc": "queue",
            "backlog_packets": 2,
            "backlog_bytes": 3000,
            "drops": 0,
            "sent_packets": 5,
        },
        {
            **queue,
            "t_ns": 1,
            "qdisc": "queue",
            "backlog_packets": 4,
            "backlog_bytes": 6000,
            "drops": 7,
            "sent_packets": 9,
        },
        {
            **queue,
            "t_ns": 0,
            "qdisc": "netem",
            "backlog_packets": 0,
            "backlog_bytes": 0,
            "drops": 1,
            "sent_packets": 2,
        },
        {
            **queue,
            "t_ns": 1,
            "qdisc": "netem",
            "backlog_packets": 90,
            "backlog_bytes": 9,
            "drops": 3,
            "sent_packets": 9,
        },
    )
    counter = {"node": "h1", "counter": "Tcp.RetransSegs"}
    run.table(
        "counters",
        {**counter, "t_ns": 0, "value": 5},
        {**counter, "t_ns": 1, "value": 9},
        {**counter, "t_ns": 0, "counter": "Ip.X", "value": 3},
    )
    metrics = measure_run(run.done())
    (row,) = metrics["queues"]
    assert (
        row["max_packets"],
        row["mean_packets"],
        row["drops"],
        row["netem_drops"],
        row["sent_packets"],
    ) == (4, 3.0, 7, 2, 4)
    assert metrics["counters"] == {"h1": {"Tcp.RetransSegs": 4}}
    assert metrics["connections"] == {
        "seen": 1,
        "without_flow": 0,
        "established": 1,
        "closed": 0,
        "reset": 0,
        "open_at_end": 1,
        "never_established": 0,
        "syn_repeats": 1,
        "synack_repeats": 0,
    }


def test_a_run_without_anything(build):
    metrics = measure_run(build.plan(flows=(flow("a", 5201),)).done())
    a = metrics["flows"]["a"]
    assert [
        a[name]
        for name in (
            "goodput_bps",
            "goodput_active_bps",
            "duration_s",
            "rtt",
            "cwnd",
            "retransmissions",
            "share",
        )
    ] == [None] * 7
    assert metrics["jain_index"] is None
