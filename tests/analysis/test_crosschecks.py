"""Numbers that two sources know: what agrees, what explains a difference, and what makes a run
suspect.
"""

from __future__ import annotations

import json

import polars as pl
import pytest

from tcpexp.analysis.certificate import certify_run
from tcpexp.analysis.comparison import CrossCheck
from tcpexp.analysis.crosschecks import build_cross_checks
from tcpexp.analysis.crossdelivered import check_iperf3
from tcpexp.ingest.iperf3 import received_bytes
from tcpexp.plan.types import DirectionPlan, FlowPlan
from tcpexp.report.page.content import cross_check_rows
from tcpexp.store.frames import write_table
from tests.support.crafting import tcp, write_pcap

S, MS = 1_000_000_000, 1_000_000
ENDS = {"src": "10.0.0.1", "src_port": 4000, "dst": "10.0.0.2", "dst_port": 5201}
TRACED = {
    "trace": {"events": ["tcp/tcp_cong_state_set"], "missing": [], "overrun": 0},
    "clock": "virtual",
}


@pytest.mark.parametrize(
    ("measured", "least", "most", "obstacle", "verdict"),
    [
        (5, 0, 0, "", "ok"),
        (6, 0, 0, "", "differs"),
        (4, -1, 0, "", "ok"),
        (3, -1, 0, "", "differs"),
        (9, 0, 0, "not captured", "not comparable"),
    ],
)
def test_a_difference_must_be_explained(measured, least, most, obstacle, verdict):
    assert (
        CrossCheck("x", "h1", measured, "a", 5, "b", least, most, "why", obstacle).verdict
        == verdict
    )


@pytest.fixture
def run(build):
    """Three segments sent again by h1 between samples at 0 and 10 s, a fourth half a millisecond
    behind the last sample.
    """

    def make(again=3, timeouts=1, captured=True, **grew):
        counted = {
            "Tcp.RetransSegs": 3,
            "TcpExt.TCPTimeouts": 1,
            "TcpExt.TCPFastRetrans": 2,
            **grew,
        }
        heads = "".join(f"# t_ns={t_ns}\n" for t_ns in (500_000, 5 * S, 10 * S))
        (build.path / "raw" / "counters").mkdir()
        (build.path / "raw" / "counters" / "h1.txt").write_text(heads)
        read = [(name, grown, t_ns) for name, grown in counted.items() for t_ns in (500_000, 5 * S)]
        values = [
            {"t_ns": t_ns, "node": "h1", "counter": name, "value": 7 + grown * (t_ns > S)}
            for name, grown, t_ns in read
        ]
        build.table("counters", *values)
        build.table(
            "packets",
            {
                "node": "h1",
                "capture": "h1-eth0",
                "number": 1,
                "t_ns": 1,
                "protocol": "tcp",
                **ENDS,
                "flow": "up",
            },
        )
        row = {
            "node": "h1",
            **ENDS,
            "flow": "up",
            "capture": "h1-eth0",
            "segments": 1,
            "kind": "data",
        }
        by = ["timeout", *["fast_retransmit"] * (again - 1)]
        late = {**row, "number": 9, "t_ns": 10 * S + MS // 2}
        build.table(
            "resent",
            *[{**row, "number": n, "t_ns": n * S, "by": word} for n, word in enumerate(by, 1)],
            late,
        )
        build.table(
            "timeouts",
            *[{"node": "h1", **ENDS, "flow": "up", "t_ns": S, "kind": "data"}] * timeouts,
        )
        if captured:
            (build.path / "raw" / "h1-eth0.pcap").write_bytes(b"")
        made = build.engine(**TRACED).done()
        write_table(made.path, "cross_checks", build_cross_checks(made))
        made.forget("cross_checks")
        return made

    return make


def verdicts(run):
    return {row["check"]: row["verdict"] for row in run.table("cross_checks").iter_rows(named=True)}


def test_captures_and_counters_agree(run):
    made = run()
    assert verdicts(made) == {
        "segments sent again": "ok",
        "timeouts": "ok",
        "fast retransmissions": "ok",
    }
    item = next(item for item in certify_run(made)["items"] if item["name"] == "cross-checks")
    assert item["verdict"] == "ok"


def test_an_unexplained_difference_makes_the_run_suspect_and_comes_first_in_the_report(run):
    made = run(again=1)
    assert verdicts(made)["segments sent again"] == "differs"
    certificate = certify_run(made)
    assert certificate["verdict"] == "SUSPECT"
    assert any(
        "segments sent again, h1: 1 by" in reason and "3 by Tcp.RetransSegs" in reason
        for reason in certificate["reasons"]
    )
    assert cross_check_rows(made)[0]["verdict"] == "differs"


def test_what_was_sent_while_the_counters_were_read_may_be_in_them(run):
    made = run(**{"Tcp.RetransSegs": 4})
    row = (
        made.table("cross_checks")
        .filter(pl.col("check") == "segments sent again")
        .row(0, named=True)
    )
    assert (row["measured"], row["reported"], row["verdict"]) == (3, 4, "ok")
    assert "when the counters were read" in row["why"]


def test_what_did_not_get_to_the_interface_is_no_difference(run):
    assert (
        verdicts(run(**{"Tcp.RetransSegs": 8, "TcpExt.TCPRetransFail": 5}))["segments sent again"]
        == "ok"
    )


def test_a_missing_timeout_differs(run):
    assert verdicts(run(timeouts=0))["timeouts"] == "differs"


@pytest.mark.parametrize(
    ("seq", "behind_ns", "verdict"),
    [
        (1000, 1, "ok"),
        (1000, -1, "differs"),  # before the end it would be in the tables
        (1000, 2 * MS, "differs"),  # behind the moment of reading
        (3000, 1, "differs"),  # for the first time
    ],
)
def test_what_is_sent_again_right_behind_the_end_is_in_the_counters_only(
    build, seq, behind_ns, verdict
):
    """A timer runs out 1 ns behind the end, and the counters are read 20 us behind it."""
    end, read = 20 * S, 20 * S + 20_000
    (build.path / "raw" / "counters").mkdir()
    (build.path / "raw" / "counters" / "h1.txt").write_text(f"# t_ns=0\n# t_ns={read}\n")
    counted = {"node": "h1", "counter": "Tcp.RetransSegs"}
    build.table(
        "counters", {**counted, "t_ns": 0, "value": 7}, {**counted, "t_ns": read, "value": 8}
    )
    build.table("packets", {"node": "h1", "protocol": "tcp", "t_ns": 1, **ENDS})
    ports = (ENDS["src_port"], ENDS["dst_port"])
    write_pcap(
        build.path / "raw" / "h1-eth0.pcap",
        [
            (at, tcp(ENDS["src"], ENDS["dst"], ports, number, 1, "A", 500))
            for number, at in ((1000, S), (1500, S + 1), (seq, end + behind_ns))
        ],
    )
    checks = build_cross_checks(build.engine(**TRACED).done())
    row = checks.filter(pl.col("check") == "segments sent again").row(0, named=True)
    assert (row["measured"], row["reported"], row["verdict"]) == (0, 1, verdict)


def test_without_its_capture_a_node_cannot_be_compared(run):
    made = run(captured=False)
    assert set(verdicts(made).values()) == {"not comparable"}
    assert certify_run(made)["verdict"] == "SUSPECT" or "not comparable" in str(
        certify_run(made)["items"]
    )


def test_the_users_own_tcp_is_not_the_kernels(run, build):
    ends = {
        "local_address": "10.0.0.1",
        "local_port": 4000,
        "peer_address": "10.0.0.2",
        "peer_port": 5201,
    }
    build.table("tcp_events", {"t_ns": 0, "node": "h1", "event": "connection", **ends})
    made = run(**{"Tcp.RetransSegs": 0, "TcpExt.TCPTimeouts": 0, "TcpExt.TCPFastRetrans": 0})
    assert verdicts(made) == {"segments sent again": "ok", "timeouts": "ok"}


def report(total, error=None):
    stream = {"socket": 5, "bytes": total, "sender": False}
    start = {
        "connected": [{"socket": 5, "local_port": 5201, "remote_port": 4000}],
        "test_start": {"protocol": "TCP"},
    }
    end = {"streams": [{"sender": {**stream, "sender": False}, "receiver": stream}]}
    return {"start": start, "intervals": [{"streams": [{"end": 9.0}]}], "end": end, "error": error}


def test_what_iperf3_received_is_its_total_per_connection():
    assert received_bytes(report(1000)) == {(5201, 4000): 1000}
    sending = report(1000)
    sending["end"]["streams"][0]["receiver"]["sender"] = True
    assert received_bytes(sending) == {}


@pytest.mark.parametrize(
    ("reported", "verdict"), [(2000, "ok"), (1000, "differs"), (3000, "differs")]
)
def test_delivered_bytes_are_iperf3s_up_to_a_hole(build, reported, verdict):
    """2,037 bytes arrive in order, of which 37 are iperf3's cookie.

    Behind a hole 1,000 more, which no program has read.
    """
    flow = FlowPlan("up", "h1", "h2", 5201, "h1", "iperf3", "a00", "not_first", None, 0, None)
    data = {"node": "h2", "capture": "h2-eth0", "protocol": "tcp", **ENDS, "flow": "up"}
    pieces = ((1, 1, 37), (2, 38, 1000), (3, 1038, 1000), (4, 3038, 1000))
    build.table(
        "packets",
        *[
            {**data, "number": n, "t_ns": n * S, "seq_rel": seq, "payload_bytes": size}
            for n, seq, size in pieces
        ],
    )
    build.table(
        "events", {"t_ns": 18 * S, "planned_ns": 18 * S, "event": "end", "step": "a00.server"}
    )
    (build.path / "raw" / "logs").mkdir()
    (build.path / "raw" / "logs" / "a00.server.out").write_text(
        json.dumps(report(reported, "interrupt - the server has terminated"))
    )
    (found,) = check_iperf3(build.plan(flows=(flow,)).engine(clock="virtual").done())
    assert (found.measured, found.reported, found.verdict) == (2000, reported, verdict)


def test_a_receiver_that_was_not_captured_cannot_be_compared(build):
    flow = FlowPlan("up", "h1", "h2", 5201, "h1", "iperf3", "a00", "not_first", None, 0, None)
    build.table(
        "events", {"t_ns": 18 * S, "planned_ns": 18 * S, "event": "end", "step": "a00.server"}
    )
    (build.path / "raw" / "logs").mkdir()
    (build.path / "raw" / "logs" / "a00.server.out").write_text(
        json.dumps(report(2000, "interrupt - the server has terminated"))
    )
    (found,) = check_iperf3(build.plan(flows=(flow,)).engine(clock="virtual").done())
    assert (found.verdict, found.obstacle) == ("not comparable", "h2 was not captured")


def upload(build, pieces, answers):
    """The cross-check of an upload of which iperf3 reports 1,000 bytes: ``pieces`` are (number and
    second, sequence number, payload, time stamp), ``answers`` (number and second, ACK).
    """
    flow = FlowPlan("up", "h1", "h2", 5201, "h1", "iperf3", "a00", "not_first", None, 0, None)
    data = {"node": "h2", "capture": "h2-eth0", "protocol": "tcp", **ENDS, "flow": "up"}
    back = {
        "src": ENDS["dst"],
        "src_port": ENDS["dst_port"],
        "dst": ENDS["src"],
        "dst_port": ENDS["src_port"],
        "payload_bytes": 0,
    }
    build.table(
        "packets",
        *[
            {
                **data,
                "number": n,
                "t_ns": n * S,
                "seq_rel": seq,
                "payload_bytes": size,
                "ts_val": at,
            }
            for n, seq, size, at in pieces
        ],
        *[{**data, **back, "number": n, "t_ns": n * S, "ack_rel": ack} for n, ack in answers],
    )
    build.table(
        "events", {"t_ns": 18 * S, "planned_ns": 18 * S, "event": "end", "step": "a00.server"}
    )
    (build.path / "raw" / "logs").mkdir()
    (build.path / "raw" / "logs" / "a00.server.out").write_text(
        json.dumps(report(1000, "interrupt - the server has terminated"))
    )
    (found,) = check_iperf3(build.plan(flows=(flow,)).engine(clock="virtual").done())
    return found


def test_what_the_receiver_still_asked_for_afterwards_it_had_refused(build):
    """A segment is overtaken by so much that its time stamp is too old (PAWS): it arrived, and the
    receiver goes on asking for it.
    """
    pieces = ((1, 1, 37, None), (2, 38, 1000, None), (4, 2038, 1000, None), (6, 1038, 1000, None))
    found = upload(build, pieces, ((3, 1038), (5, 1038), (8, 1038)))
    assert (found.measured, found.reported, found.verdict) == (1000, 1000, "ok")


@pytest.mark.parametrize(("stamp", "verdict"), [(90, "ok"), (110, "differs")])
def test_of_the_last_packet_its_time_stamp_tells_whether_it_was_taken(build, stamp, verdict):
    """At the end nothing tells whether the receiver goes on asking; but a time stamp older than
    that of what it acknowledged is refused (RFC 7323 section 5.3).
    """
    pieces = ((1, 1, 37, 80), (2, 38, 1000, 100), (4, 1038, 1000, stamp))
    found = upload(build, pieces, ((3, 1038), (4, 1038)))
    assert (found.measured, found.reported) == (1000 if verdict == "ok" else 2000, 1000)
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("corrupt", "reported", "verdict"),
    [(0.02, 1000, "ok"), (0.02, 2000, "ok"), (0.02, 0, "differs"), (0.0, 1000, "differs")],
)
def test_what_the_receiver_never_acknowledged_may_have_been_damaged(
    build, corrupt, reported, verdict
):
    """The last segment arrives damaged behind the part that the capture kept: the receiver drops
    it, and says nothing more before the end.
    """
    flow = FlowPlan("up", "h1", "h2", 5201, "h1", "iperf3", "a00", "not_first", None, 0, None)
    data = {"node": "h2", "capture": "h2-eth0", "protocol": "tcp", **ENDS, "flow": "up"}
    back = {
        "src": ENDS["dst"],
        "src_port": ENDS["dst_port"],
        "dst": ENDS["src"],
        "dst_port": ENDS["src_port"],
    }
    build.table(
        "packets",
        {**data, "number": 1, "t_ns": 1 * S, "seq_rel": 1, "payload_bytes": 37},
        {**data, "number": 2, "t_ns": 2 * S, "seq_rel": 38, "payload_bytes": 1000},
        {**data, **back, "number": 3, "t_ns": 2 * S, "ack_rel": 1038, "payload_bytes": 0},
        {**data, "number": 4, "t_ns": 3 * S, "seq_rel": 1038, "payload_bytes": 1000},
    )
    build.table(
        "events", {"t_ns": 18 * S, "planned_ns": 18 * S, "event": "end", "step": "a00.server"}
    )
    (build.path / "raw" / "logs").mkdir()
    (build.path / "raw" / "logs" / "a00.server.out").write_text(
        json.dumps(report(reported, "interrupt - the server has terminated"))
    )
    made = build.plan(DirectionPlan(corrupt=corrupt), flows=(flow,)).engine(clock="virtual").done()
    (found,) = check_iperf3(made)
    assert (found.measured, found.reported, found.verdict) == (2000, reported, verdict)
    assert ("damaged" in found.why) == bool(corrupt)
