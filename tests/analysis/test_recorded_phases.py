"""Phases and loss events of two recorded flows, at the nanosecond where the kernel's trace puts
them.

``data/`` holds the tables that ingest made of two runs on Linux 6.1 over 10 Mbit/s and 40 ms, cut
to what concerns the flow's sender: a Reno flow of which the 400th data segment was dropped, and a
CUBIC flow through a queue of 30 packets. The times below were read by hand from ``tcp_probe`` and
``ca_states``.
"""

import itertools
import shutil
from pathlib import Path

import polars as pl
import pytest

from tcpexp.analysis.congestion import measure_congestion
from tcpexp.analysis.derive import derive_tables
from tcpexp.analysis.phases import ANSWERS
from tcpexp.plan.types import RunPlan, from_json, to_json
from tcpexp.store.frames import empty_frame, write_table
from tcpexp.store.rundata import RunData

DATA = Path(__file__).parent / "data"
RUNS = {"reno": "linux-6.1-reno-one-drop", "cubic": "linux-6.1-cubic-two-losses"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Both runs with their derived tables, by flow."""
    found = {}
    for flow, name in RUNS.items():
        folder = tmp_path_factory.mktemp(flow) / "run"
        shutil.copytree(DATA / name, folder)
        for table in (
            "packets",
            "journeys",
            "sockets",
            "tcp_probe",
            "ca_states",
            "counters",
            "events",
            "throughput",
        ):
            frame = pl.read_parquet(folder / "tables" / f"{table}.parquet")
            # they are of a time when connections had no number; each run has the one
            if "flow" in frame.columns:
                frame = frame.with_columns(connection=pl.when(pl.col("flow").is_not_null()).then(1))
            write_table(folder, table, frame if frame.height else empty_frame(table))
        found[flow] = RunData(folder)
        derive_tables(found[flow])
    return found


def phases(run):
    return run.table("phases").select("phase", "from_ns", "to_ns", "ended_by").rows()


def test_reno_with_one_dropped_segment(runs):
    """Recovery is set behind the ACK of 786.68 ms, Open behind that of 836.68 ms.

    Before, cwnd (42) is below ssthresh (infinite), after not (45, 45).
    """
    assert phases(runs["reno"]) == [
        ("slow_start", 216742560, 786689526, "loss"),
        ("fast_recovery", 786689526, 836684897, "repaired"),
        ("congestion_avoidance", 836684897, 3501726051, "end"),
    ]


def test_cubic_through_slow_start_and_two_losses(runs):
    """The ACK processed at 360.27 ms makes ssthresh the cwnd of 58: HyStart, by its
    train of ACKs.
    """
    assert phases(runs["cubic"]) == [
        ("slow_start", 216053420, 360271110, "hystart_train"),
        ("congestion_avoidance", 360271110, 585556669, "loss"),
        ("fast_recovery", 585556669, 710323285, "repaired"),
        ("congestion_avoidance", 710323285, 2341852525, "loss"),
        ("fast_recovery", 2341852525, 2418160521, "repaired"),
        ("congestion_avoidance", 2418160521, 3500973408, "end"),
    ]


def test_the_dropped_segment_is_the_loss(runs):
    event = runs["reno"].table("loss_events").row(0, named=True)
    assert (event["lost_packets"], event["lost_ranges"], event["lost_ns"]) == (
        1,
        [569102, 569102 + 1448],
        729700357,
    )
    assert (event["noticed_ns"], event["repaired_ns"], event["noticed_by"]) == (
        786689526,
        836684897,
        "sack",
    )
    assert (event["cwnd_before"], event["ssthresh_after"], event["backoff"]) == (90, 45, 0.5)
    assert (event["retransmissions"], event["spurious"], event["timeouts"]) == (1, False, 0)


def test_the_losses_of_cubic(runs):
    events = runs["cubic"].table("loss_events")
    assert events["lost_ranges"].to_list() == [
        [335974, 337422, 367830, 369278, 395342, 396790, 427198, 428646],
        [2435574, 2437022],
    ]
    assert events["lost_ns"].to_list() == [505631734, 2261933798]
    # 717/1024 of it, rounded down (net/ipv4/tcp_cubic.c)
    assert events.select("cwnd_before", "ssthresh_after").rows() == [(67, 46), (64, 44)]
    assert events["retransmissions"].to_list() == [4, 1]


@pytest.mark.parametrize("flow", ["reno", "cubic"])
def test_phases_agree_with_the_congestion_state(runs, flow):
    """At each moment of a change: a recovery if and only if the kernel's state is one.

    The rows are walked one by one, as the tables do not.
    """
    found = runs[flow].table("phases").rows(named=True)
    changes = runs[flow].table("ca_states").rows(named=True)
    for change in changes:
        (phase,) = [phase for phase in found if phase["from_ns"] <= change["t_ns"] < phase["to_ns"]]
        assert phase["phase"] == ANSWERS.get(change["ca_state"], phase["phase"])
        assert (phase["phase"] in ANSWERS.values()) == (change["ca_state"] in ANSWERS)


@pytest.mark.parametrize("flow", ["reno", "cubic"])
def test_growth_agrees_with_the_window_and_the_threshold(runs, flow):
    """Each row shows what was in force since the segment before it."""
    run = runs[flow]
    rows = run.table("tcp_probe").sort("t_ns").rows(named=True)
    found = run.table("phases").rows(named=True)
    states = run.table("ca_states").rows(named=True)
    for before, row in itertools.pairwise(rows):
        state = [state["ca_state"] for state in states if state["t_ns"] < row["t_ns"]][-1:] or [
            "Open"
        ]
        (phase,) = [phase for phase in found if phase["from_ns"] < row["t_ns"] <= phase["to_ns"]]
        expected = ANSWERS.get(state[0]) or (
            "slow_start" if row["cwnd"] < row["ssthresh"] else "congestion_avoidance"
        )
        assert phase["phase"] == expected, (before["t_ns"], row)


def test_without_gaps(runs):
    for run in runs.values():
        table = run.table("phases")
        assert table["from_ns"].to_list()[1:] == table["to_ns"].to_list()[:-1]


def test_what_limited_reno(runs):
    """The receiver's window of 128 kB was used up most of the time, so cwnd stood still in
    avoidance: RFC 2861, RFC 5681 section 4.1.
    """
    avoidance = runs["reno"].table("phases").row(2, named=True)
    assert avoidance["receiver_limited"] > 0.95
    assert avoidance["growth_per_rtt"] is None  # no round trip in which cwnd was the limit


def test_slow_start_doubles(runs):
    growth = runs["cubic"].table("phases")["growth_per_rtt"][0]
    assert growth == pytest.approx(2, rel=0.1)


def test_metrics_are_those_of_the_tables(runs):
    run = runs["cubic"]
    metrics = measure_congestion(run, run.plan.flows[0])
    assert metrics["loss_events"]["lost_packets"] == 5
    assert metrics["loss_events"]["noticed_by"] == {"sack": 2}
    assert metrics["phases"]["first_slow_start_ended_by"] == "hystart_train"
    assert metrics["phases"]["fast_recovery"]["count"] == 2
    assert metrics["utilization"] is None  # these tables hold no packets of the receiver
    assert 0 < metrics["delay"]["queueing_p50_ms"] <= metrics["delay"]["queueing_max_ms"] <= 40


def test_the_plans_are_of_this_version(runs):
    for run in runs.values():
        assert from_json(to_json(run.plan), RunPlan) == run.plan
