"""The window while a retransmission timer backs off: rows between two received segments."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from tcpexp.analysis.backoff import rows_in_backoff
from tcpexp.plan.types import FlowPlan
from tcpexp.store.frames import schema_of

MS = 1_000_000
FLOW = FlowPlan("up", "h1", "h2", 5201, "h1", "iperf3", "a00", "all", "cubic", 0, None)


def frame(name, rows):
    schema = schema_of(name)
    return pl.DataFrame(
        [{column: row.get(column) for column in schema} for row in rows], schema=schema
    )


def ack(at, cwnd, ssthresh, **more):
    known = {
        "flow": "up",
        "node": "h1",
        "connection": 1,
        "srtt_us": 40_000,
        "acked_bytes": at,
        "in_flight_bytes": 5000,
        "receive_window_bytes": 9,
    }
    return {
        **known,
        "t_ns": at * MS,
        "cwnd": cwnd,
        "ssthresh": ssthresh,
        "limited": "cwnd",
        "source": "tcp_probe",
        **more,
    }


def added(acks, losses, snapshots=(), sent=(0,)):
    packets = frame(
        "packets",
        [
            {
                "flow": "up",
                "node": "h1",
                "connection": 1,
                "src": "10.0.0.1",
                "payload_bytes": 1000,
                "t_ns": at * MS,
            }
            for at in sent
        ],
    )
    network = SimpleNamespace(
        node=lambda name: SimpleNamespace(interfaces=[SimpleNamespace(address="10.0.0.1")])
    )
    run = SimpleNamespace(
        table={"packets": packets}.__getitem__, plan=SimpleNamespace(network=network)
    )
    shown = [
        {"connection": 1, "t_ns": at * MS, "ss_cwnd": cwnd, "ss_ssthresh": ssthresh, "rto_ms": rto}
        for at, cwnd, ssthresh, rto in snapshots
    ]
    names = (
        "rttvar_us",
        "pacing_rate_bps",
        "delivery_rate_bps",
        "bbr_bw_bps",
        "bbr_min_rtt_us",
        "bbr_pacing_gain",
        "bbr_cwnd_gain",
    )
    schema = {
        "connection": pl.Int64,
        "t_ns": pl.Int64,
        "ss_cwnd": pl.Int64,
        "ss_ssthresh": pl.Int64,
        "rto_ms": pl.Float64,
        **dict.fromkeys(names, pl.Float64),
    }
    snapshots = pl.DataFrame(
        [{name: row.get(name) for name in schema} for row in shown], schema=schema
    )
    changes = pl.DataFrame(
        [{"connection": 1, "t_ns": at * MS, "ca_state": "Loss"} for at in losses]
    )
    rows = rows_in_backoff(run, FLOW, frame("flow_states", acks), snapshots, changes)
    return [
        (row["t_ns"] / MS, row["cwnd"], row["ssthresh"], row["rto_ms"], row["source"])
        for row in rows.sort("t_ns").iter_rows(named=True)
    ]


def test_seven_seconds_of_back_off_show_one():
    rows = added(
        [ack(0, 25, 20), ack(8000, 1, 12)],
        [300, 900, 2100, 4500],
        [(at, 1, 12, 600.0 * at) for at in (1000, 3000, 5000)],
    )
    assert {row[1] for row in rows} == {1}
    assert {row[2] for row in rows} == {12}
    assert [row[4] for row in rows].count("timeout") == 4
    assert next(row for row in rows if row[4] == "ss") == (1000.0, 1, 12, 600_000.0, "ss")


def test_the_last_timeout_before_an_ack_has_what_the_ack_found():
    assert added([ack(0, 25, 20), ack(500, 3, 12)], [300]) == [(300.000001, 3, 12, None, "timeout")]


def test_at_the_end_of_a_flow_the_snapshots_are_all_there_is():
    assert [row[:3] for row in added([ack(0, 25, 20)], [300], [(1000, 1, 17, 1200.0)])] == [
        (300.000001, 1, 17),
        (1000.0, 1, 17),
    ]
    assert added([ack(0, 25, 20)], [300]) == [], "nobody saw the window: no row instead of a guess"


@pytest.mark.parametrize(("sent", "known"), [((0,), True), ((0, 200), False)])
def test_between_two_timeouts_the_kernels_rule_holds_only_when_all_is_surely_lost(sent, known):
    rows = added([ack(0, 25, 20), ack(2000, 1, 12)], [300, 900], sent=sent)
    assert [row[:3] for row in rows] == [
        *([(300.000001, 1, 12)] if known else []),
        (900.000001, 1, 12),
    ]


def test_an_infinite_threshold_stays_null_and_other_connections_are_left_alone():
    assert added([ack(0, 25, None)], [300], [(1000, 1, 0x7FFFFFFF, 1.0)])[0][2] is None
    assert added([ack(0, 25, 20, connection=2)], [300], [(1000, 1, 12, 1.0)]) == []
