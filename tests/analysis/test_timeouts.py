"""Each time that a retransmission timer ran out, as the kernel counts them in
TcpExt.TCPTimeouts.
"""

from __future__ import annotations

import pytest

from tcpexp.analysis.resent import build_resent
from tcpexp.analysis.timeouts import build_timeouts, measure_timeouts
from tcpexp.plan.types import FlowPlan
from tcpexp.store.frames import write_table

S, MS = 1_000_000_000, 1_000_000
ENDS = {"src": "10.0.0.1", "src_port": 4000, "dst": "10.0.0.2", "dst_port": 80}
SOCKET = {
    "node": "h1",
    "local_address": "10.0.0.1",
    "local_port": 4000,
    "peer_address": "10.0.0.2",
    "peer_port": 80,
    "flow": "get",
}
TRACED = {"trace": {"events": ["tcp/tcp_cong_state_set"], "missing": [], "overrun": 0}}


def packet(number, at, flags="A", seq=1, size=1000, back=False, **more):
    ends = (
        ENDS
        if not back
        else {"src": "10.0.0.2", "src_port": 80, "dst": "10.0.0.1", "dst_port": 4000}
    )
    whole = {
        "node": "h1",
        "capture": "h1-eth0",
        "number": number,
        "t_ns": round(at * MS),
        "protocol": "tcp",
        "flow": "get",
    }
    whole |= {"flags": flags, "ack": 1, "window": 9}
    return {**whole, **ends, "seq": seq, "seq_rel": seq, "payload_bytes": size, **more}


@pytest.fixture
def timeouts(build):
    """A function from tables to the run and its rows of ``timeouts``."""

    def rows(packets, **tables):
        build.table("packets", *packets)
        for name, content in tables.items():
            build.table(name, *content)
        run = build.engine(**TRACED).done()
        resent = build_resent(run)
        found = build_timeouts(run, resent)
        write_table(run.path, "timeouts", found)
        return run, found.to_dicts()

    return rows


def loss(*times_ms):
    return [
        {"node": "h1", "t_ns": round(at * MS), "ca_state": "Loss", "flow": "get", **ENDS}
        for at in times_ms
    ]


def test_every_firing_of_a_back_off_is_one(timeouts):
    times = [0, 300, 900, 2100, 4500]
    run, rows = timeouts(
        [packet(n, at) for n, at in enumerate(times, 1)], ca_states=loss(*times[1:])
    )
    assert [(row["times"], row["gap_ns"] // MS, row["factor"]) for row in rows] == [
        (1, 300, None),
        (2, 600, 2.0),
        (3, 1200, 2.0),
        (4, 2400, 2.0),
    ]
    flow = FlowPlan("get", "h1", "h2", 80, "h1", "http", "a00", "all", None, 0, None)
    assert measure_timeouts(run, flow) == {
        "count": 4,
        "first_ms": 300.0,
        "max_ms": 2400.0,
        "backoff": 2.0,
    }


def test_a_traced_flow_without_timeouts_has_none_and_others_are_unknown(timeouts):
    flow = FlowPlan("get", "h1", "h2", 80, "h1", "http", "a00", "all", None, 0, None)
    run, _ = timeouts([packet(1, 0), packet(2, 5, seq=1001)])
    assert measure_timeouts(run, flow)["count"] == 0
    run.engine["trace"] = None
    assert measure_timeouts(run, flow) is None


def test_a_retransmission_that_the_host_itself_dropped_was_a_timeout(timeouts):
    _, rows = timeouts([packet(1, 0)], ca_states=loss(300))
    assert [(row["number"], row["gap_ns"], row["kind"]) for row in rows] == [
        (None, 300 * MS, "data")
    ]


def test_a_zero_window_probe_is_none(timeouts):
    assert (
        timeouts(
            [packet(1, 0), packet(2, 20, size=0, back=True, window=0), packet(3, 300)],
            ca_states=loss(300),
        )[1]
        == []
    )


@pytest.mark.parametrize(
    ("softirq", "arrived", "counts"),
    [(True, None, 2), (False, None, 1), (True, 3000, 1)],
    ids=["the timer", "the program closed it", "a reset arrived"],
)
def test_giving_up_is_a_timeout_when_a_timer_did_it(timeouts, softirq, arrived, counts):
    packets = [packet(1, 0, "S", 0, 0), packet(2, 1000, "S", 0, 0)]
    packets += [packet(3, arrived, "RA", 0, 0, back=True)] if arrived else []
    closed = {
        **SOCKET,
        "t_ns": 3000 * MS,
        "old_state": "SYN-SENT",
        "new_state": "CLOSED",
        "softirq": softirq,
    }
    _, rows = timeouts(packets, states=[closed], ca_states=loss(1000))
    assert [row["gave_up"] for row in rows] == [False, True][:counts]
    assert [row["kind"] for row in rows] == ["syn", "syn"][:counts]


def test_data_that_arrives_for_a_closed_program_ends_the_connection_and_is_no_timeout(timeouts):
    packets = [packet(1, 0, "FA", 1, 0), packet(2, 20, seq=1, back=True)]
    closed = {
        **SOCKET,
        "t_ns": 20 * MS,
        "old_state": "FIN-WAIT-1",
        "new_state": "CLOSED",
        "softirq": True,
    }
    assert timeouts(packets, states=[closed])[1] == []


@pytest.mark.parametrize(("stays_until_ms", "dropped"), [(2900, True), (4900, False), (500, False)])
def test_a_half_open_connection_that_is_dropped_had_a_last_timeout(
    timeouts, stays_until_ms, dropped
):
    """SYN-ACK at 0 and 1 s; the next timer is due 2 s later.

    Gone before: an ACK or a reset ended it; still there: it has not run out.
    """
    packets = [packet(1, 0, "SA", 0, 0), packet(2, 1000, "SA", 0, 0)]
    times = range(100, 5000, 200)
    after = "estab" if stays_until_ms == 500 else None
    there = [
        {**SOCKET, "t_ns": at * MS, "state": "syn-recv" if at <= stays_until_ms else after}
        for at in times
    ]
    listener = [
        {"t_ns": at * MS, "node": "h1", "state": "listen", "local_port": 80} for at in times
    ]
    shown = [*listener, *(row for row in there if row["state"])]
    _, rows = timeouts(packets, sockets=shown)
    assert [row["gave_up"] for row in rows] == [False, *([True] if dropped else [])]
