"""The numbers behind the figures: bins, shares, windows, queues, stays in states, counters."""

import numpy as np
import polars as pl
import pytest

from tcpexp.errors import SpecError
from tcpexp.plots.counters import Counters, moved_counters
from tcpexp.plots.labels import labelled_packets
from tcpexp.plots.share import running_index
from tcpexp.views.flows import binned_goodput, retransmission_times
from tcpexp.views.queues import busy_queues
from tcpexp.views.sockets import close_view, socket_stays, state_counts
from tcpexp.views.windows import sender_windows
from tests.support.fake_run import (
    MSS,
    SECOND,
    make_plan,
    one_connection,
    shared_bottleneck,
    write_run,
)


def test_goodput_is_the_bytes_of_each_bin_and_zero_where_there_are_none(tmp_path):
    rows = [
        {
            "flow": "a",
            "t_ns": i * SECOND // 10,
            "interval_ns": SECOND // 10,
            "goodput_bytes": 12_500,
        }
        for i in range(10)
    ]
    rows.append(
        {"flow": "b", "t_ns": 9 * SECOND // 10, "interval_ns": SECOND // 10, "goodput_bytes": 1_000}
    )
    rates, interval_s = binned_goodput(
        write_run(tmp_path, make_plan(), {"throughput": pl.DataFrame(rows)})
    )
    assert interval_s == 0.1
    assert rates["a"].to_list() == [1e6] * 10
    assert rates["b"].to_list() == [0.0] * 9 + [80_000.0]


def test_goodput_of_a_long_run_keeps_every_byte(tmp_path):
    run = shared_bottleneck(tmp_path, 60)
    rates, interval_s = binned_goodput(run)
    assert rates.height <= 130
    assert rates.select("cubic", "bbr").sum().sum_horizontal()[0] * interval_s / 8 == pytest.approx(
        run.table("throughput")["goodput_bytes"].sum()
    )


def test_jains_index():
    values, running = (
        np.array([[1.0, 1.0], [1.0, 0.0], [3.0, 1.0], [5.0, 0.0]]),
        np.array([[True, True], [True, True], [True, True], [True, False]]),
    )
    assert running_index(values, running)[:3] == pytest.approx([1.0, 0.5, 0.8])
    assert np.isnan(running_index(values, running)[3])


def test_windows_come_from_the_trace_and_else_from_ss(tmp_path):
    run = shared_bottleneck(tmp_path, 4)
    samples, source = sender_windows(run)
    assert source == "tcp_probe" and samples.height > 1000
    assert samples.filter(pl.col("t_ns") < SECOND)["ssthresh"].null_count() > 0, (
        "infinite ssthresh is no number"
    )
    bare = write_run(tmp_path / "bare", run.plan, {"sockets": run.table("sockets")})
    samples, source = sender_windows(bare)
    assert source == "ss" and 0 < samples.height < 60


def test_a_control_channel_is_not_the_flow(tmp_path):
    run = shared_bottleneck(tmp_path, 4)
    control = pl.DataFrame(
        [
            {"t_ns": i, "node": "h1", "flow": "cubic", "src_port": 39999, "cwnd": 10, "ssthresh": 5}
            for i in range(3)
        ]
    )
    tables = {"tcp_probe": pl.concat([run.table("tcp_probe"), control], how="diagonal_relaxed")}
    samples, _ = sender_windows(write_run(tmp_path / "two", run.plan, tables))
    assert set(samples["connection"]) == {40000, 40001}


def test_only_busy_queues_are_drawn_and_drops_are_counted_per_sample(tmp_path):
    run = shared_bottleneck(tmp_path, 8)
    samples = busy_queues(run)
    assert samples["place"].unique().to_list() == ["h1-h2 to h2"]
    assert samples["dropped"].sum() == run.table("queues")["drops"].max()
    assert samples["limit"].unique().to_list() == [34]


def test_retransmissions_are_what_the_senders_capture_shows(tmp_path):
    run = shared_bottleneck(tmp_path, 8)
    labelled = run.table("packets").filter(pl.col("labels").list.contains("retransmission")).height
    assert retransmission_times(run)["segments"].sum() == labelled > 0


def test_stays_join_the_trace_with_what_only_ss_sees(tmp_path):
    stays = {
        (stay.socket.split()[0], stay.state): stay
        for stay in socket_stays(one_connection(tmp_path))
    }
    assert [state for node, state in stays if node == "h1"] == [
        "SYN-SENT",
        "ESTABLISHED",
        "CLOSE-WAIT",
        "LAST-ACK",
    ]
    waiting = stays[("h2", "TIME-WAIT")]
    assert waiting.to_ns - waiting.from_ns == pytest.approx(61.2 * SECOND, rel=1e-3), (
        "to the last snapshot that shows it, as in the state diagram"
    )


def test_sockets_are_counted_per_snapshot_with_zeros(tmp_path):
    counts = state_counts(one_connection(tmp_path))
    assert counts["state"].unique().to_list() == ["TIME-WAIT"]
    assert counts.filter(pl.col("t_ns") == 0)["count"].to_list() == [0]
    assert counts.filter(pl.col("t_ns") == 2 * SECOND)["count"].to_list() == [1]


def test_counters_that_moved_count_from_the_start(tmp_path):
    rows = [
        {"t_ns": t, "node": "h2", "counter": name, "value": value}
        for t, name, value in (
            (0, "TcpExt.ListenDrops", 7),
            (5, "TcpExt.ListenDrops", 9),
            (0, "Tcp.InErrs", 3),
            (5, "Tcp.InErrs", 3),
            (0, "Tcp.Rare", 1),
            (5, "Tcp.Rare", 4),
        )
    ]
    run = write_run(tmp_path, make_plan(), {"counters": pl.DataFrame(rows)})
    assert moved_counters(run, Counters.resolve({}))["increase"].to_list() == [0, 2]
    assert moved_counters(run, Counters.resolve({"counters": ["Rare"]}))[
        "counter"
    ].unique().to_list() == ["Tcp.Rare"]


def test_counters_of_chosen_hosts_only(tmp_path):
    rows = [
        {"t_ns": t, "node": node, "counter": "TcpExt.ListenDrops", "value": t}
        for node in ("h1", "h2")
        for t in (0, 5)
    ]
    run = write_run(tmp_path, make_plan(), {"counters": pl.DataFrame(rows)})
    assert moved_counters(run, Counters.resolve({"hosts": ["h2"]}))["node"].unique().to_list() == [
        "h2"
    ]
    with pytest.raises(SpecError, match="hosts must be a list"):
        Counters.resolve({"hosts": "h2"})


def test_a_label_per_row(tmp_path):
    rows = labelled_packets(one_connection(tmp_path), {"between": None, "capture": "h2-eth0"})
    assert rows["label"].to_list() == ["retransmission", "rto"]
    assert rows["number"].n_unique() == 1


def test_the_fake_is_what_it_says(tmp_path):
    assert set(shared_bottleneck(tmp_path, 4).table("packets")["payload_bytes"].unique()) == {
        0,
        MSS,
    }


def test_snapshots_of_hosts_a_little_apart_are_not_mixed(tmp_path):
    rows = []
    for i in range(20):
        rows.append(
            {"t_ns": i * SECOND, "node": "h2", "state": "listen", "local_port": 80, "peer_port": 0}
        )
        if 5 <= i < 10:
            rows.append(
                {
                    "t_ns": i * SECOND + 3_000_000,
                    "node": "h1",
                    "state": "estab",
                    "local_port": 4000,
                    "peer_port": 80,
                }
            )
    counts = state_counts(write_run(tmp_path, make_plan(), {"sockets": pl.DataFrame(rows)}))
    assert counts["count"].to_list() == [0] * 5 + [1] * 5 + [0] * 10


def test_what_others_than_the_flows_sender_sent_again_does_not_count(tmp_path):
    run = one_connection(tmp_path)
    again = retransmission_times(run)
    assert (
        set(run.table("resent")["node"]) - {flow.sender for flow in run.plan.flows} == set()
        or again.height < run.table("resent").height
    )
    other = run.table("resent").with_columns(node=pl.lit("h9"))
    strange = write_run(
        tmp_path / "strange", run.plan, {"packets": run.table("packets"), "resent": other}
    )
    assert retransmission_times(strange).is_empty()


def test_short_states_get_a_close_view_and_long_ones_none(tmp_path):
    span = (0, 65 * SECOND)
    stays = socket_stays(one_connection(tmp_path))
    start, end = close_view(stays, span)
    assert SECOND * 0.9 < start < SECOND * 1.0 and SECOND * 1.27 < end < SECOND * 1.4
    assert close_view([stay for stay in stays if stay.state == "TIME-WAIT"], span) is None


def test_time_wait_begins_where_the_trace_ends(tmp_path):
    stays = {
        (stay.socket.split()[0], stay.state): stay
        for stay in socket_stays(one_connection(tmp_path))
    }
    assert stays[("h2", "TIME-WAIT")].from_ns == stays[("h2", "FIN-WAIT-2")].to_ns
