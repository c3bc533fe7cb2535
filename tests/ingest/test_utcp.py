"""Events of the user-space TCP to tables."""

from __future__ import annotations

import json

import pytest

from tcpexp.errors import DataError
from tcpexp.ingest.utcp import read_utcp

ENDS = {
    "local_address": "10.0.0.2",
    "local_port": 7000,
    "peer_address": "10.0.0.1",
    "peer_port": 50000,
}
T0 = 1_000


def line(event, at, **facts):
    return json.dumps({"time_ns": T0 + at, "event": event, "c": 1, **facts})


def probe(at, snd_una, snd_nxt, cwnd=10_240, ssthresh=1 << 30):
    return line(
        "probe",
        at,
        data_len=0,
        snd_nxt=snd_nxt,
        snd_una=snd_una,
        cwnd=cwnd,
        ssthresh=ssthresh,
        snd_wnd=9,
        srtt_us=7,
        rcv_wnd=5,
        mss=1024,
        rto_ns=1,
    )


def congestion(at, mode, cause):
    return line(
        "congestion_changed",
        at,
        cwnd=2048,
        ssthresh=4096,
        mode=mode,
        cause=cause,
        mss=1024,
        flight=0,
    )


LINES = [
    line("connection", 1, **ENDS, iss=5, congestion_control="reno"),
    line("state_changed", 2, old="LISTEN", new="SYN-RECEIVED", cause="SYN"),
    probe(3, 100, 2000),
    congestion(4, "fast recovery", "fast retransmit"),
    line(
        "retransmitted",
        4,
        seq=1,
        end=1025,
        reason="fast retransmit",
        times=1,
        state="ESTABLISHED",
        rto_ns=10**9,
    ),
    congestion(5, "congestion avoidance", "full ACK"),
    probe(6, 2000, 4_000, cwnd=5_000, ssthresh=4_096),
    congestion(7, "slow start", "timeout"),
    probe(8, 3000, 4000),
    probe(9, 4000, 4000),
]


def tables(folder, lines):
    path = folder / "logs" / "server" / "tcp.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")
    return read_utcp(folder, T0)


def test_the_kernels_tables_are_filled(tmp_path):
    found = tables(tmp_path, LINES)
    assert found["states"].select("t_ns", "local_port", "old_state", "new_state").rows() == [
        (2, 7000, "LISTEN", "SYN-RECEIVED")
    ]
    assert found["tcp_probe"].select(
        "t_ns", "src_port", "dst_port", "cwnd", "ssthresh", "snd_una"
    ).rows() == [
        (3, 7000, 50000, 10, 0x7FFFFFFF, 100),
        (6, 7000, 50000, 4, 4, 2000),
        (8, 7000, 50000, 10, 0x7FFFFFFF, 3000),
        (9, 7000, 50000, 10, 0x7FFFFFFF, 4000),
    ]
    assert found["retransmits"].select("t_ns", "dst", "state").rows() == [
        (4, "10.0.0.1", "ESTABLISHED")
    ]


def test_congestion_states_are_the_kernels_words(tmp_path):
    """Loss lasts until all that had been sent when the timer expired is acknowledged."""
    states = tables(tmp_path, LINES)["ca_states"].select("t_ns", "ca_state").rows()
    assert states == [(4, "Recovery"), (5, "Open"), (7, "Loss"), (9, "Open")]


def test_all_events_are_in_their_own_table(tmp_path):
    events = tables(tmp_path, LINES)["tcp_events"]
    assert events.height == len(LINES)
    row = events.row(4, named=True)
    assert (row["step"], row["event"], row["reason"], row["end"], row["congestion_control"]) == (
        "server",
        "retransmitted",
        "fast retransmit",
        1025,
        "reno",
    )


def test_nothing_recorded_gives_empty_tables(tmp_path):
    assert {name: frame.height for name, frame in read_utcp(tmp_path, T0).items()} == dict.fromkeys(
        ("tcp_events", "tcp_probe", "states", "retransmits", "ca_states"), 0
    )


def test_a_line_cut_off_at_the_end_is_left_out_and_one_in_the_middle_is_named(tmp_path):
    path = tmp_path / "logs" / "server" / "tcp.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(LINES[:2]) + '\n{"time_')
    assert read_utcp(tmp_path, T0)["tcp_events"].height == 2
    path.write_text(LINES[0] + "\n{broken\n" + LINES[1] + "\n")
    with pytest.raises(DataError, match=r"tcp\.jsonl:2"):
        read_utcp(tmp_path, T0)
