"""What flows delivered over time, and when they sent something again."""

import polars as pl
import pytest

from tcpexp.views.flows import binned_goodput, retransmission_times
from tests.support.fake_run import (
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


def test_retransmissions_are_what_the_senders_capture_shows(tmp_path):
    run = shared_bottleneck(tmp_path, 8)
    labelled = run.table("packets").filter(pl.col("labels").list.contains("retransmission")).height
    assert retransmission_times(run)["segments"].sum() == labelled > 0


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
