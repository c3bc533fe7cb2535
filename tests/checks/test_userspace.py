"""The rules of cwnd, judged on events."""

from __future__ import annotations

import polars as pl
import pytest

from tcpexp.checks.userspace import CwndRule, TcpEvent, judge
from tcpexp.store.frames import schema_of
from tcpexp.units import QuantityError

MSS = 1000


def probe(t, una, nxt):
    return {"t_ns": t, "event": "probe", "snd_una": una, "snd_nxt": nxt}


def change(t, cwnd, ssthresh, mode, cause):
    return {"t_ns": t, "event": "congestion_changed", "cwnd": cwnd, "ssthresh": ssthresh, "mode": mode, "cause": cause, "mss": MSS}


def judged(rule, *rows):
    schema = schema_of("tcp_events")
    frame = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    return [obeyed for _, obeyed in judge(frame, rule, (0, 10**9))]


START = change(0, 4 * MSS, 64 * MSS, "slow start", "start")


@pytest.mark.parametrize(("cwnd", "obeyed"), [(5 * MSS, True), (6 * MSS, False), (4 * MSS + 500, False)])
def test_slow_start_adds_one_mss(cwnd, obeyed):
    assert judged("slow_start", START, change(1, cwnd, 64 * MSS, "slow start", "new ACK")) == [obeyed]


@pytest.mark.parametrize(("acked", "cwnd", "obeyed"), [(10 * MSS, 11 * MSS, True), (3 * MSS, 11 * MSS, False), (10 * MSS, 12 * MSS, False)])
def test_congestion_avoidance_adds_one_mss_per_window(acked, cwnd, obeyed):
    before = change(0, 10 * MSS, 5 * MSS, "congestion avoidance", "start")
    rows = [probe(0, 0, 10 * MSS), before, probe(1, acked, acked + 10 * MSS), change(2, cwnd, 5 * MSS, "congestion avoidance", "new ACK")]
    assert judged("congestion_avoidance", *rows) == [obeyed]


@pytest.mark.parametrize(("rule", "cwnd", "ssthresh", "obeyed"), [
    ("third_duplicate", 13 * MSS, 10 * MSS, True), ("third_duplicate", 10 * MSS, 10 * MSS, False), ("third_duplicate", 17 * MSS, 14 * MSS, False),
    ("restart", MSS, 10 * MSS, True), ("restart", 13 * MSS, 10 * MSS, False),
])  # fmt: skip
def test_the_third_duplicate_ack(rule, cwnd, ssthresh, obeyed):
    rows = [START, probe(1, 0, 20 * MSS), change(2, cwnd, ssthresh, "fast recovery", "fast retransmit")]
    assert judged(rule, *rows) == [obeyed]


def test_recovery_inflates_and_deflates():
    rows = [
        START, change(1, 13 * MSS, 10 * MSS, "fast recovery", "fast retransmit"), change(2, 14 * MSS, 10 * MSS, "fast recovery", "duplicate ACK"),
        change(3, 10 * MSS, 10 * MSS, "congestion avoidance", "new ACK"),
    ]  # fmt: skip
    assert (judged("further_duplicate", *rows), judged("new_ack", *rows)) == ([True], [True])
    rows[-1]["cwnd"] = 14 * MSS
    assert judged("new_ack", *rows) == [False]


def test_a_time_out_leaves_one_segment():
    assert judged("timeout", START, change(1, MSS, 2 * MSS, "slow start", "timeout"), change(2, 2 * MSS, MSS, "slow start", "timeout")) == [True, False]


def test_words_that_exclude_each_other():
    for words in ({"values": [1], "at_least": 1, "field": "cwnd"}, {"nth": 1, "at_least": 1}, {"measure": "max", "nth": 2, "field": "cwnd", "at_least": 1}):
        with pytest.raises((QuantityError, ValueError)):
            TcpEvent.model_validate({"host": "h1", "event": "x", **words})
    assert CwndRule.model_validate({"host": "h1", "flow": "f", "rule": "timeout"}).asked() == "applied at least once, obeyed each time"
