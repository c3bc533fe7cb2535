"""The senders' windows over time."""

import polars as pl

from tcpexp.views.windows import sender_windows
from tests.support.fake_run import (
    SECOND,
    shared_bottleneck,
    write_run,
)


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
