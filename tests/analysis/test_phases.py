"""Phases from hand-made traces: where they begin, what ended them, and ssthresh as the socket has
it.
"""

import polars as pl
import pytest

from tcpexp.analysis.bbrphases import phase_of_gains
from tcpexp.analysis.derive import derive_tables
from tcpexp.analysis.timeline import Timeline
from tcpexp.plan import types as t

MS = 1_000_000
INFINITE = 2**31 - 1
OPEN, RECOVERY, LOSS = "Open", "Recovery", "Loss"


def probes(*rows, flow="bulk"):
    """Rows (ms, cwnd, ssthresh as the tracepoint shows it, segments in flight), each a round trip
    after the one before.
    """
    acked = [1000 * sum(row[3] for row in rows[:number]) for number in range(len(rows))]
    return [
        {
            "t_ns": at * MS,
            "node": "h1",
            "flow": flow,
            "connection": 2,
            "src": "10.0.0.1",
            "src_port": 40000,
            "dst": "10.0.0.2",
            "dst_port": 5201,
            "data_len": 0,
            "snd_una": acked[number],
            "snd_nxt": acked[number] + 1000 * flight,
            "cwnd": cwnd,
            "ssthresh": ssthresh,
            "snd_wnd": 10**6,
            "srtt_us": 10_000,
        }
        for number, (at, cwnd, ssthresh, flight) in enumerate(rows)
    ]


def states(*changes):
    return [
        {
            "t_ns": round(at * MS),
            "node": "h1",
            "flow": "bulk",
            "connection": 2,
            "src_port": 40000,
            "ca_state": state,
        }
        for at, state in changes
    ]


def sockets(*rows):
    """Rows (ms, text of ss)."""
    return [
        {
            "t_ns": at * MS,
            "node": "h1",
            "flow": "bulk",
            "connection": 2,
            "local_port": 40000,
            "state": "estab",
            "mss": 1000,
            "info": info,
            "congestion_control": "bbr",
        }
        for at, info in rows
    ]


@pytest.fixture
def found(build):
    def find(rows, changes=(), control="reno", **tables):
        flow = t.FlowPlan("bulk", "h1", "h2", 5201, "h1", "iperf3", "a00", "all", control, 0, None)
        build.plan(
            flows=(flow,),
            recorders=(t.Recorder("ss", "h1", None, 50 * MS),),
            steps=tables.get("steps", ()),
        ).table("tcp_probe", *probes(*rows))
        build.table("ca_states", *states(*changes))
        build.table("sockets", *(tables.get("sockets") or sockets((0, ""))))
        build.table("counters", *tables.get("counters", ())).table("packets").table(
            "journeys"
        ).table("throughput")
        build.table(
            "events",
            *(
                {"event": "start", "step": step.id, "t_ns": step.at_ns}
                for step in tables.get("steps", ())
            ),
        )
        run = build.done()
        derive_tables(run)
        return run

    return find


def phases(run):
    return [
        (row["phase"], row["from_ns"] / MS, row["to_ns"] / MS, row["ended_by"])
        for row in run.table("phases").iter_rows(named=True)
    ]


SLOW = [(10, 10, INFINITE, 10), (20, 20, INFINITE, 20), (30, 40, INFINITE, 40)]


def test_slow_start_that_ends_in_a_loss(found):
    """The ACK at 30 ms brings Recovery at 30.1 ms; its row still shows the state before it."""
    run = found(
        [*SLOW, (40, 30, 20, 40), (50, 20, 20, 20), (60, 21, 20, 21)],
        [(30.1, RECOVERY), (50.2, OPEN)],
    )
    assert phases(run) == [
        ("slow_start", 10, 30.1, "loss"),
        ("fast_recovery", 30.1, 50.2, "repaired"),
        ("congestion_avoidance", 50.2, 60, "end"),
    ]
    event = run.table("loss_events").row(0, named=True)
    assert (event["cwnd_before"], event["ssthresh_after"], event["backoff"]) == (40, 20, 0.5)
    assert (event["ssthresh_before"], event["cwnd_after"], event["repaired_ns"]) == (
        None,
        21,
        50_200_000,
    )


def test_a_threshold_that_comes_down_without_a_loss_is_hystart(found):
    """The ACK at 30 ms set ssthresh to cwnd; the next row shows it."""
    run = found([*SLOW, (40, 40, 40, 40), (50, 41, 40, 41)], control="cubic")
    assert phases(run) == [
        ("slow_start", 10, 30, "hystart"),
        ("congestion_avoidance", 30, 50, "end"),
    ]


def counters(name):
    return [
        {"t_ns": at * MS, "node": "h1", "counter": f"TcpExt.{name}", "value": value}
        for at, value in ((0, 3), (100, 4))
    ]


@pytest.mark.parametrize(
    ("counter", "word"),
    [("TCPHystartTrainDetect", "hystart_train"), ("TCPHystartDelayDetect", "hystart_delay")],
)
def test_the_counters_say_which_hystart(found, counter, word):
    run = found(
        [*SLOW, (40, 40, 40, 40), (50, 41, 40, 41)], control="cubic", counters=counters(counter)
    )
    assert phases(run)[0][3] == word


def test_slow_start_up_to_an_old_threshold(found):
    run = found([(10, 1, 8, 1), (20, 4, 8, 4), (30, 8, 8, 8), (40, 9, 8, 9)])
    assert phases(run) == [
        ("slow_start", 10, 20, "ssthresh"),
        ("congestion_avoidance", 20, 40, "end"),
    ]


def test_a_timeout_between_two_acks(found):
    """Loss is set by a timer: slow start lasts until then, although the next row shows a window of
    one.
    """
    run = found(
        [*SLOW, (300, 1, 20, 1), (310, 2, 20, 2), (320, 21, 20, 21)], [(250, LOSS), (310.5, OPEN)]
    )
    assert [row[:3] for row in phases(run)] == [
        ("slow_start", 10, 250),
        ("rto_recovery", 250, 310.5),
        ("congestion_avoidance", 310.5, 320),
    ]
    assert phases(run)[0][3] == "timeout"
    assert run.table("loss_events").row(0, named=True)["noticed_by"] == "rto"


def test_open_for_a_microsecond_is_no_phase(found):
    rows = [*SLOW, (40, 30, 20, 30), (50, 20, 20, 20), (60, 10, 10, 10), (70, 11, 10, 11)]
    run = found(rows, [(30.1, RECOVERY), (40.1, OPEN), (40.101, RECOVERY), (60.1, OPEN)])
    assert [row[0] for row in phases(run)] == [
        "slow_start",
        "fast_recovery",
        "fast_recovery",
        "congestion_avoidance",
    ]
    assert phases(run)[1][2] == phases(run)[2][1] == 40.101


def test_a_reduction_that_was_taken_back(found):
    rows = [
        (10, 30, 30, 30),
        (20, 31, 30, 31),
        (30, 25, 15, 31),
        (40, 31, 30, 31),
        (50, 32, 30, 32),
    ]
    run = found(rows, [(20.1, RECOVERY), (30.1, OPEN)])
    assert phases(run)[1] == ("fast_recovery", 20.1, 30.1, "undone")


def test_slow_start_that_stood_still(found):
    """Two segments in flight of a window of ten, to the end: there was nothing to send."""
    assert phases(found([(at, 10, INFINITE, 2) for at in range(10, 100, 10)])) == [
        ("slow_start", 10, 90, "application_limited")
    ]


def test_the_threshold_that_three_quarters_of_cwnd_hide(found):
    """tcp_probe reports max(ssthresh, 3/4 cwnd).

    The threshold stays 20 while cwnd grows to 40, and 3/4 of it shows.
    """
    run = found([(10, 20, 20, 20), (20, 24, 20, 24), (30, 32, 24, 32), (40, 40, 30, 40)])
    assert run.table("flow_states")["ssthresh"].to_list() == [20, 20, 20, 20]


def test_what_limits(found):
    rows = found([(10, 10, INFINITE, 10), (20, 10, INFINITE, 3)]).table("flow_states")
    assert rows["limited"].to_list() == ["cwnd", "application"]


def test_bbr_from_its_gains(found):
    gains = [
        (20, "2.885", "2.885"),
        (70, "2.885", "2.885"),
        (120, "0.347", "2.885"),
        (170, "1.25", "2"),
        (220, "0.75", "2"),
    ]
    text = [
        (at, f"bbr:(bw:1bps,mrtt:1,pacing_gain:{pacing},cwnd_gain:{window})")
        for at, pacing, window in gains
    ]
    run = found(
        [(at, 20, INFINITE, 20) for at in range(10, 300, 10)], control="bbr", sockets=sockets(*text)
    )
    assert phases(run) == [
        ("startup", 10, 120, "gain"),
        ("drain", 120, 170, "gain"),
        ("probe_bw", 170, 290, "end"),
    ]
    assert run.table("phases")["resolution_ns"].to_list() == [0, 50 * MS, 50 * MS]


@pytest.mark.parametrize("below", [0, 2])
def test_probe_rtt_to_the_ack(found, below):
    """cwnd stands at four segments from the ACK at 40 ms to that at 240 ms.

    A snapshot in between says PROBE_RTT too. A recovery in the middle may take it below four.
    """
    text = [
        (20, "bbr:(pacing_gain:1,cwnd_gain:2)"),
        (70, "bbr:(pacing_gain:1,cwnd_gain:1)"),
        (270, "bbr:(pacing_gain:1.25,cwnd_gain:2)"),
    ]
    rows = [
        (at, below if below and 110 <= at <= 140 else 4 if 50 <= at <= 240 else 20, INFINITE, 4)
        for at in range(10, 310, 10)
    ]
    run = found(rows, control="bbr", sockets=sockets(*text))
    assert phases(run) == [
        ("startup", 10, 20, "gain"),
        ("probe_bw", 20, 40, "gain"),
        ("probe_rtt", 40, 240, "gain"),
        ("probe_bw", 240, 300, "end"),
    ]
    assert run.table("phases")["resolution_ns"].to_list() == [0, 50 * MS, 0, 0]


def test_growth_after_a_time_out_is_no_probe_rtt(found):
    """cwnd grows from one to four segments, 40 ms each, and stays at four for 100 ms."""
    windows = [20] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 10 + [20] * 4
    rows = [(10 + 10 * number, cwnd, INFINITE, 4) for number, cwnd in enumerate(windows)]
    run = found(rows, control="bbr", sockets=sockets((20, "bbr:(pacing_gain:1,cwnd_gain:2)")))
    assert [name for name, *_ in phases(run)] == ["startup", "probe_bw"]


@pytest.mark.parametrize(
    ("pacing", "window", "phase"),
    [
        (2.88672, 2.88672, "startup"),
        (0.347656, 2.88672, "drain"),
        (1.25, 2, "probe_bw"),
        (1, 1, "probe_rtt"),
    ],
)
def test_gains(pacing, window, phase):
    assert phase_of_gains(pacing, window) == phase


def test_a_switch_ends_the_phase_that_was_going_on(found):
    """The switch at 33 ms lies between two ACKs and makes ssthresh infinite at once.

    The phase before it is not cut at the ACK at 30 ms.
    """
    step = t.Step(
        "a01", 1, 33 * MS, t.FlowCongestionControl("h1", "a00", 5201, "bbr"), "bulk switches to bbr"
    )
    rows = [
        (10, 20, 20, 20),
        (20, 21, 20, 21),
        (30, 22, 20, 22),
        (40, 22, INFINITE, 22),
        (50, 24, INFINITE, 24),
    ]
    run = found(rows, control="cubic", steps=(step,))
    assert phases(run) == [("congestion_avoidance", 10, 33, "switched"), ("startup", 33, 50, "end")]


def test_growth_per_round_trip(found):
    slow = found([(10, 10, INFINITE, 10), (20, 20, INFINITE, 20), (30, 40, INFINITE, 40)]).table(
        "phases"
    )
    assert slow["growth_per_rtt"].item() == pytest.approx(2)


def test_growth_of_one_segment_per_round_trip(found):
    avoidance = found([(10 * at, 20 + at, 20, 20 + at) for at in range(1, 9)]).table("phases")
    assert avoidance["growth_per_rtt"].item() == pytest.approx(1)


def test_values_come_into_force_with_the_state(found):
    rows = pl.DataFrame(
        {"t_ns": [10, 20, 30], "cwnd": [1, 2, 3], "ssthresh": [None, 5, 5], "srtt_us": [1, 1, 1]},
        schema_overrides={"ssthresh": pl.Int64},
    )
    timeline = Timeline.of(
        rows, pl.DataFrame({"t_ns": [12, 25, 26], "ca_state": [RECOVERY, LOSS, LOSS]})
    )
    assert timeline.force_ns.tolist() == [12, 25, 30]
    assert timeline.slow.tolist() == [True, True, True]


def test_without_a_trace_there_is_nothing(build):
    flow = t.FlowPlan("bulk", "h1", "h2", 5201, "h1", "iperf3", "a00", "all", "reno", 0, None)
    run = build.plan(flows=(flow,)).table("events").done()
    derive_tables(run)
    assert [
        run.table(name).height for name in ("flow_states", "phases", "loss_events", "fairness")
    ] == [0, 0, 0, 0]
