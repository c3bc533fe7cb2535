"""The rules of cwnd, judged on events."""

from __future__ import annotations

import polars as pl
import pytest

from tcpexp.checks.windowrules import judge
from tcpexp.store.frames import schema_of

MSS = 1000


def probe(t, una, nxt):
    return {"t_ns": t, "event": "probe", "snd_una": una, "snd_nxt": nxt}


def received(t, ack):
    return {"t_ns": t, "event": "segment_received", "ack": ack}


def change(t, cwnd, ssthresh, mode, cause):
    return {
        "t_ns": t,
        "event": "congestion_changed",
        "cwnd": cwnd,
        "ssthresh": ssthresh,
        "mode": mode,
        "cause": cause,
        "mss": MSS,
    }


def judged(rule, *rows):
    schema = schema_of("tcp_events")
    frame = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    return [obeyed for _, obeyed in judge(frame, rule, (0, 10**9))]


START = change(0, 4 * MSS, 64 * MSS, "slow start", "start")


@pytest.mark.parametrize(
    ("cwnd", "obeyed"), [(5 * MSS, True), (6 * MSS, False), (4 * MSS + 500, False)]
)
def test_slow_start_adds_one_mss(cwnd, obeyed):
    assert judged("slow_start", START, change(1, cwnd, 64 * MSS, "slow start", "new ACK")) == [
        obeyed
    ]


def avoiding(*acks, cwnd=4, flight=4, grows=()):
    """A sender with ``cwnd`` and ``flight`` in segments that gets ``acks`` (relative, in bytes).

    After the ACKs numbered in ``grows`` cwnd grows by one MSS.
    """
    rows, una = [change(0, cwnd * MSS, 2 * MSS, "congestion avoidance", "start"), received(0, 0)], 0
    for number, ack in enumerate(acks, 1):
        rows += [probe(number, una, una + flight * MSS), received(number, ack)]
        una = ack
        if number in grows:
            cwnd += 1
            rows.append(change(number, cwnd * MSS, 2 * MSS, "congestion avoidance", "new ACK"))
    return [*rows, probe(99, una, una + flight * MSS)]


def test_congestion_avoidance_adds_one_mss_with_the_ack_that_completes_a_window():
    whole = [MSS * number for number in range(1, 5)]
    assert judged("congestion_avoidance", *avoiding(*whole, grows=(4,))) == [True]
    assert judged("congestion_avoidance", *avoiding(*whole, grows=(3,))) == [False]
    assert judged("congestion_avoidance", *avoiding(2 * MSS, 4 * MSS - 1, 4 * MSS, grows=(2,))) == [
        False
    ]


def test_a_growth_that_was_due_and_did_not_come():
    assert judged("congestion_avoidance", *avoiding(*[MSS * number for number in range(1, 6)])) == [
        False,
        False,
    ]
    assert (
        judged(
            "congestion_avoidance", *avoiding(*[MSS * number for number in range(1, 6)], flight=3)
        )
        == []
    )


def test_what_is_left_of_a_window_counts_for_the_next_one():
    acks = [3 * MSS, 5 * MSS, 9 * MSS]
    assert judged("congestion_avoidance", *avoiding(*acks, flight=5, grows=(2, 3))) == [True, True]
    acks[2] = 9 * MSS - 1
    assert judged("congestion_avoidance", *avoiding(*acks, flight=5, grows=(2, 3))) == [True, False]


def test_congestion_avoidance_adds_one_mss_and_no_more():
    rows = avoiding(4 * MSS, grows=(1,))
    rows[-2]["cwnd"] = 6 * MSS
    assert judged("congestion_avoidance", *rows) == [False]


@pytest.mark.parametrize(
    ("rule", "cwnd", "ssthresh", "obeyed"),
    [
        ("third_duplicate", 13 * MSS, 10 * MSS, True),
        ("third_duplicate", 10 * MSS, 10 * MSS, False),
        ("third_duplicate", 17 * MSS, 14 * MSS, False),
        ("restart", MSS, 10 * MSS, True),
        ("restart", 13 * MSS, 10 * MSS, False),
    ],
)
def test_the_third_duplicate_ack(rule, cwnd, ssthresh, obeyed):
    rows = [
        START,
        probe(1, 0, 20 * MSS),
        change(2, cwnd, ssthresh, "fast recovery", "fast retransmit"),
    ]
    assert judged(rule, *rows) == [obeyed]


def test_recovery_inflates_and_deflates():
    rows = [
        START,
        change(1, 13 * MSS, 10 * MSS, "fast recovery", "fast retransmit"),
        change(2, 14 * MSS, 10 * MSS, "fast recovery", "duplicate ACK"),
        change(3, 10 * MSS, 10 * MSS, "congestion avoidance", "new ACK"),
    ]
    assert (judged("further_duplicate", *rows), judged("new_ack", *rows)) == ([True], [True])
    rows[-1]["cwnd"] = 14 * MSS
    assert judged("new_ack", *rows) == [False]


def test_a_time_out_leaves_one_segment():
    assert judged(
        "timeout",
        START,
        change(1, MSS, 2 * MSS, "slow start", "timeout"),
        change(2, 2 * MSS, MSS, "slow start", "timeout"),
    ) == [True, False]
