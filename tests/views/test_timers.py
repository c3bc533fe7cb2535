"""The table of timers: gaps by the rule and measured, on the times that a guest's kernel (Linux
6.1) really kept.
"""

import polars as pl
import pytest

from tcpexp.plan.types import FlowPlan, Step, Sysctl
from tcpexp.plots.timers import Timers
from tcpexp.store.frames import conform, schema_of
from tcpexp.views.timers import timer_series
from tcpexp.views.timerseries import backed_off
from tests.support.fake_run import SECOND, make_plan, write_run

FLOW = FlowPlan("get", "h1", "h2", 80, "h1", "http", "a00", "all", None, 0, None)
#: Seconds at which SYNs left, as measured with tcp_syn_retries = 6, and when connect() gave up.
SYNS, GAVE_UP = (
    (1.033548, 2.044006, 4.060006, 8.188006, 16.380006, 32.508006, 65.788007),
    131.324003,
)


def segment(node, sender, t, flags, **more):
    ends = {"src": "10.0.0.1", "dst": "10.0.0.2", "src_port": 40000, "dst_port": 80}
    if sender == "h2":
        ends = {"src": "10.0.0.2", "dst": "10.0.0.1", "src_port": 80, "dst_port": 40000}
    base = {
        "capture": f"{node}-eth0",
        "node": node,
        "t_ns": round(t * SECOND),
        "protocol": "tcp",
        "flow": "get",
        "stream": 0,
        "flags": flags,
    }
    return {
        **base,
        **ends,
        "seq": 1000,
        "seq_rel": 0,
        "payload_bytes": 0,
        "window_bytes": 64240,
        "labels": [],
        **more,
    }


def table(name, rows):
    schema = schema_of(name)
    return conform(
        pl.DataFrame([{key: row.get(key) for key in schema} for row in rows], schema=schema), name
    )


def run_of(path, packets, states=(), sockets=(), **plan):
    packets = sorted(packets, key=lambda row: row["t_ns"])
    rows = [{**row, "number": number} for number, row in enumerate(packets, 1)]
    one = {
        "client": "h1",
        "server": "h2",
        "client_address": "10.0.0.1",
        "server_address": "10.0.0.2",
        "client_port": 40000,
        "server_port": 80,
    }
    connection = {
        **one,
        "flow": "get",
        "capture": "h1-eth0",
        "stream": 0,
        "syn_ns": rows[0]["t_ns"],
    }
    tables = {"packets": table("packets", rows), "connections": table("connections", [connection])}
    tables |= {"states": table("states", states), "sockets": table("sockets", sockets)}
    return write_run(path, make_plan(flows=(FLOW,), duration_ns=500 * SECOND, **plan), tables)


def state(node, t, new):
    ports = (
        {"local_port": 40000, "peer_port": 80}
        if node == "h1"
        else {"local_port": 80, "peer_port": 40000}
    )
    return {"t_ns": round(t * SECOND), "node": node, "new_state": new, **ports}


def snapshot(node, t, what, **more):
    ports = (
        {"local_port": 40000, "peer_port": 80}
        if node == "h1"
        else {"local_port": 80, "peer_port": 40000}
    )
    return {"t_ns": round(t * SECOND), "node": node, "state": what, **ports, **more}


def dead_host(path):
    return run_of(
        path, [segment("h1", "h1", t, "S") for t in SYNS], states=[state("h1", GAVE_UP, "CLOSED")]
    )


def test_repeated_syns_follow_the_rule_and_the_last_timer_gives_up(tmp_path):
    (series,) = timer_series(dead_host(tmp_path))
    assert series.kind == "SYN"
    assert [event.due_ns for event in series.events] == [None, *(SECOND << n for n in range(7))]
    assert series.events[-1].what == "gives up (ETIMEDOUT)" and series.events[-1].packet is None


def test_the_table_shows_lateness_step_ratio_and_sum(tmp_path):
    made = Timers().draw(dead_host(tmp_path), Timers.resolve({}))
    rows = made.parts[0].rows
    assert rows[1].cells == (
        "SYN, repetition 1",
        "2.044",
        "1.010",
        "1.000",
        "1.010",
        "1.000",
        "0.010",
        "0.032",
        "",
    )
    assert rows[6].cells == (
        "SYN, repetition 6",
        "65.788",
        "64.754",
        "63.000",
        "33.280",
        "32.000",
        "1.280",
        "2.048",
        "2.06",
    )
    assert rows[6].packets[0].number == 7
    assert "130.29 s here instead of 127.00 s" in made.note


def test_a_connect_that_the_program_ended_early_is_not_the_timers_doing(tmp_path):
    (series,) = timer_series(
        run_of(
            tmp_path,
            [segment("h1", "h1", t, "S") for t in SYNS[:3]],
            states=[state("h1", 5.0, "CLOSED")],
        )
    )
    assert [event.what for event in series.events] == [
        "SYN",
        "SYN, repetition 1",
        "SYN, repetition 2",
    ]


def test_a_syn_ack_that_answers_a_repeated_syn_is_told_from_the_timers(tmp_path):
    times = [
        (1.033782, "h2"),
        (2.064012, "h2"),
        (2.064015, "h1"),
        (2.06402, "h2"),
        (4.080006, "h2"),
    ]
    packets = [segment("h1", "h1", 1.0337, "S"), segment("h2", "h1", 1.033772, "S")]
    packets += [segment("h2", sender, t, "SA" if sender == "h2" else "S") for t, sender in times]
    (series,) = timer_series(run_of(tmp_path, packets))
    assert [event.due_ns for event in series.events] == [None, SECOND, None, 2 * SECOND]
    assert series.events[2].what == "SYN-ACK, answers a repeated SYN"


def test_a_sysctl_that_an_action_sets_counts_from_then_on(tmp_path):
    steps = (
        Step("a00", 0, 71 * SECOND, Sysctl("h2", "net.ipv4.tcp_synack_retries", "2"), "fewer"),
    )
    packets = [
        segment("h1", "h1", 72.02, "S"),
        *(segment("h2", "h2", t, "SA") for t in (72.027814, 73.04001, 75.056006)),
    ]
    sockets = [snapshot("h2", 79.0, "syn-recv"), snapshot("h2", 79.25, "listen", peer_port=0)]
    (series,) = timer_series(run_of(tmp_path, packets, sockets=sockets, steps=steps))
    assert "tcp_synack_retries = 2" in series.rule
    assert (
        series.events[-1].what == "gone from SYN-RECEIVED (ss)"
        and series.events[-1].due_ns == 4 * SECOND
    )


def probing(path, window, times, **plan):
    """A connection whose peer acknowledged everything with ``window`` at 11.3 s.

    Probes at ``times``, each answered.
    """
    packets = [
        segment("h1", "h1", 1.0, "S"),
        segment("h1", "h2", 1.00001, "SA"),
        segment("h1", "h1", 11.29, "PA", seq_rel=1, seq=1001, payload_bytes=136),
    ]
    packets.append(segment("h1", "h2", 11.300017, "A", window_bytes=window))
    for t in times:
        packets += [
            segment("h1", "h1", t, "A", seq_rel=136, seq=1136),
            segment("h1", "h2", t + 0.00002, "A", window_bytes=window),
        ]
    return run_of(path, packets, sockets=[snapshot("h1", 10.0, "estab", rto_ms=204.0)], **plan)


def test_zero_window_probes_double_from_the_rto(tmp_path):
    (series,) = timer_series(probing(tmp_path, 0, (11.508005, 11.920005, 12.752005)))
    assert series.kind == "Zero-window probe"
    assert [event.due_ns for event in series.events] == [
        None,
        204_000_000,
        408_000_000,
        816_000_000,
    ]


def test_tcp_retries2_ends_the_doubling(tmp_path):
    plan = make_plan()
    nodes = tuple(
        type(node)(node.name, node.kind, node.interfaces, sysctls={"net.ipv4.tcp_retries2": "1"})
        for node in plan.network.nodes
    )
    network = type(plan.network)(
        plan.network.topology, nodes, plan.network.links, plan.network.subnets
    )
    (series,) = timer_series(
        probing(tmp_path, 0, (11.508005, 11.920005, 12.34, 12.76), network=network)
    )
    assert [event.due_ns for event in series.events[1:]] == [
        204_000_000,
        408_000_000,
        408_000_000,
        408_000_000,
    ]


def test_the_same_segment_with_an_open_window_is_a_keep_alive(tmp_path):
    (series,) = timer_series(probing(tmp_path, 65000, (7212.0, 14412.5)))
    assert series.kind == "Keep-alive probe"
    assert [event.due_ns for event in series.events] == [None, 7200 * SECOND, 7200 * SECOND]


def test_a_keep_alive_before_its_time_was_set_by_the_program(tmp_path):
    (series,) = timer_series(probing(tmp_path, 65000, (21.4,)))
    assert series.events[1].due_ns is None


def test_repetitions_of_data_double_from_the_rto_after_a_loss_probe(tmp_path):
    times = (2.0, 2.05, 2.26, 2.68, 3.51)
    packets = [segment("h1", "h1", 1.0, "S"), segment("h1", "h2", 1.00001, "SA")]
    packets += [segment("h1", "h1", t, "PA", seq_rel=1, seq=1001, payload_bytes=100) for t in times]
    (series,) = timer_series(
        run_of(tmp_path, packets, sockets=[snapshot("h1", 1.5, "estab", rto_ms=204.0)])
    )
    assert [event.due_ns for event in series.events] == [
        None,
        None,
        204_000_000,
        408_000_000,
        816_000_000,
    ]


@pytest.mark.parametrize(
    ("rto_ms", "backoff", "timer", "first"),
    [
        (7680.0, 5, "on", 240_000_000),
        (240.0, 5, "persist", 240_000_000),
        (120_000.0, 9, "on", None),
    ],
)
def test_an_rto_that_ss_shows_doubled_is_halved_again(tmp_path, rto_ms, backoff, timer, first):
    """The only snapshot is of later: the timer had fired, or it was the one of a zero window."""
    packets = [segment("h1", "h1", 1.0, "S"), segment("h1", "h2", 1.00001, "SA")]
    packets += [
        segment("h1", "h1", t, "PA", seq_rel=1, seq=1001, payload_bytes=100)
        for t in (2.0, 2.241, 2.733)
    ]
    shown = {"timer": f"{timer},7.4ms,5", "info": f"rto:{rto_ms:g} backoff:{backoff} rtt:40/15"}
    later = snapshot("h1", 10.0, "estab", rto_ms=rto_ms, **shown)
    (series,) = timer_series(run_of(tmp_path, packets, sockets=[later]))
    assert series.events[1].due_ns == first


def test_nothing_repeated_is_no_table(tmp_path):
    assert (
        Timers().draw(run_of(tmp_path, [segment("h1", "h1", 1.0, "S")]), Timers.resolve({})) is None
    )


def test_between_and_flows_choose(tmp_path):
    run = dead_host(tmp_path)
    assert Timers().draw(run, Timers.resolve({"flows": ["other"]})) is None
    made = Timers().draw(run, Timers.resolve({"between": ["0s", "10s"]}))
    assert len(made.parts[0].rows) == 4


@pytest.mark.parametrize(("times", "expected"), [(0, 1), (3, 8), (6, 64), (7, 120), (40, 120)])
def test_back_off_ends_at_two_minutes(times, expected):
    assert backed_off(SECOND, times) == expected * SECOND
