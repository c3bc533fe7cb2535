"""Sockets over time: stays in states, counts, and the queues of those that listen."""

import polars as pl
import pytest

from tcpexp.views.sockets import close_view, socket_stays, state_counts
from tests.support.fake_run import (
    SECOND,
    make_plan,
    one_connection,
    write_run,
)


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
