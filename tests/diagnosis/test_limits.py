"""What limited the rate, of transfers whose sender was held back on purpose."""

import polars as pl
import pytest

from tcpexp.diagnosis.limits import limits
from tcpexp.diagnosis.limitwords import capture_paragraph, limit_verdicts
from tests.support.crafting import Talk
from tests.support.diagnosed import tables_of
from tests.support.limited import MS, MSS, Transfer


def shares(transfer):
    """Each limit's share of the time without handshake, of one transfer."""
    rows = limits(*transfer.run()).with_columns(ns=pl.col("to_ns") - pl.col("from_ns"))
    rows = rows.filter(pl.col("limit") != "handshake")
    total = rows["ns"].sum()
    return {limit: part["ns"].sum() / total for (limit,), part in rows.group_by("limit")}


@pytest.mark.parametrize("at", ["client", "server"])
def test_a_small_congestion_window_is_told_from_a_small_receive_window(at) -> None:
    assert shares(Transfer(cwnd=8, at=at))["congestion_window"] > 0.9
    assert shares(Transfer(window=8 * MSS, at=at))["receive_window"] > 0.9


def test_where_a_queue_always_stands_the_path_is_the_limit() -> None:
    slow = Transfer(size=1_500_000, cwnd=60, rate_bps=5_000_000)
    assert shares(slow)["bottleneck"] > 0.7
    # the same window on a fast path leaves it idle for a part of each round trip
    assert shares(Transfer(cwnd=60, size=2_000_000))["congestion_window"] > 0.8


def test_a_program_that_writes_slowly_is_the_limit() -> None:
    written = [(n * 10 * MS, (n + 1) * 2000) for n in range(100)]
    assert shares(Transfer(size=200_000, written=written))["application"] > 0.9


def test_a_pause_belongs_to_the_sender_or_to_nobody() -> None:
    written = [(0, 20_000), (500 * MS, 40_000), (3500 * MS, 60_000)]
    rows = limits(*Transfer(size=60_000, written=written).run())
    long = rows.filter(pl.col("to_ns") - pl.col("from_ns") > 300 * MS)
    assert long["limit"].to_list() == ["application", "idle"]
    assert long["who"].to_list() == ["client", None]


def test_a_receiver_that_does_not_read_closes_the_window() -> None:
    reads = [(0, 0), (1000 * MS, 30_000), (2000 * MS, 200_000)]
    rows = limits(*Transfer(size=100_000, window=20 * MSS, reads=reads).run())
    closed = rows.filter(pl.col("limit") == "receive_window")
    assert (closed["to_ns"] - closed["from_ns"]).sum() > 1500 * MS
    assert set(closed["who"]) == {"server"}


def test_the_repair_of_a_loss_lasts_until_all_in_flight_is_acknowledged() -> None:
    rows = limits(*Transfer(cwnd=20, lost=frozenset({40})).run())
    (loss,) = rows.filter(pl.col("limit") == "loss").iter_rows(named=True)
    assert 40 * MS <= loss["to_ns"] - loss["from_ns"] <= 60 * MS
    assert "1 packet sent again" in loss["why"] and len(loss["packets"]) == 1


def test_the_silence_before_a_timer_belongs_to_the_loss() -> None:
    last = -(-200_000 // MSS)
    rows = limits(*Transfer(size=200_000, cwnd=20, lost=frozenset({last})).run())
    lost = rows.filter(pl.col("limit") == "loss")
    assert (lost["to_ns"] - lost["from_ns"]).sum() > 250 * MS


def test_intervals_follow_each_other_without_a_gap_and_hold_all_bytes() -> None:
    transfer = Transfer(cwnd=20, lost=frozenset({40, 100}), rate_bps=8_000_000)
    packets, connections = transfer.run()
    rows = limits(packets, connections)
    assert rows["from_ns"][0] == packets["t_ns"].min()
    assert rows["to_ns"][-1] == packets["t_ns"].max()
    assert (rows["from_ns"][1:] == rows["to_ns"][:-1]).all()
    assert rows["bytes"].sum() == transfer.size


@pytest.mark.parametrize("at", ["client", "server"])
def test_bytes_are_whole_where_a_gap_is_filled_late_and_the_last_packet_has_data(at) -> None:
    packets, connections = Transfer(cwnd=20, lost=frozenset({40}), at=at).run()
    has_data = pl.col("payload_bytes") > 0
    cut = packets.filter(pl.col("number") <= packets.filter(has_data)["number"].max())
    different = cut.filter(has_data).unique(["src", "seq"])["payload_bytes"].sum()
    assert limits(cut, connections)["bytes"].sum() == different


@pytest.mark.parametrize("lost", [11, 12, 13])
def test_no_interval_ends_behind_the_last_packet(lost) -> None:
    """At the receiver's capture the last ACK has its effect at the sender a little later."""
    transfer = Transfer(size=20_000, cwnd=20, lost=frozenset({lost}), at="server")
    packets, connections = transfer.run()
    assert limits(packets, connections)["to_ns"].max() <= packets["t_ns"].max()


def test_one_direction_alone_says_that_it_cannot_be_told() -> None:
    rows = limits(*Transfer(cwnd=8, acks=False).run())
    assert set(rows.filter(pl.col("limit") != "handshake")["limit"]) == {"unknown"}
    verdict = limit_verdicts(rows, 1)[0]
    assert verdict.who == "capture" and "does not tell" in verdict.paragraph


def test_the_paragraph_names_who_is_slow() -> None:
    small = limits(*Transfer(window=8 * MSS).run())
    text = capture_paragraph(small)
    assert text.startswith("From client to server: 400 kB in ")
    assert "the server's receive window held the client back" in text
    assert text.endswith("Slow is the server.")
    verdict = limit_verdicts(small, 1)[0]
    assert sum(share.share for share in verdict.shares) == pytest.approx(1)
    assert capture_paragraph(small.clear()) == ""


def test_a_closed_window_is_seen_though_its_scale_is_not_known() -> None:
    reads = [(0, 0), (1000 * MS, 30_000), (2000 * MS, 200_000)]
    packets, connections = Transfer(size=100_000, window=20 * MSS, reads=reads).run()
    late = packets.filter(~pl.col("flags").str.contains("S")).with_columns(
        window_bytes=pl.lit(None, dtype=pl.Int64)
    )
    rows = limits(late, connections)
    closed = rows.filter(pl.col("limit") == "receive_window")
    assert (closed["to_ns"] - closed["from_ns"]).sum() > 1000 * MS


def test_at_a_far_capture_without_time_stamps_full_segments_are_no_slow_program() -> None:
    far = Transfer(size=600_000, cwnd=60, rate_bps=2_000_000, at="server")
    rows = limits(*far.run()).with_columns(ns=pl.col("to_ns") - pl.col("from_ns"))
    assert rows.filter(pl.col("limit") == "application")["ns"].sum() < rows["ns"].sum() / 10
    spaced = rows.filter(pl.col("limit") == "bottleneck")
    assert spaced["ns"].sum() > rows["ns"].sum() / 2 and "unsure" in spaced["sure"].to_list()


def test_without_the_scale_a_congestion_window_is_unsure() -> None:
    packets, connections = Transfer(cwnd=8).run()
    late = packets.filter(~pl.col("flags").str.contains("S")).with_columns(
        window_bytes=pl.lit(None, dtype=pl.Int64)
    )
    rows = limits(late, connections).filter(pl.col("limit") == "congestion_window")
    assert set(rows["sure"]) == {"unsure"}
    assert "scale was not captured" in rows["why"][0]


def test_copies_of_packets_are_no_losses() -> None:
    packets, connections = Transfer(cwnd=8).run()
    twice = pl.concat([packets, packets.with_columns(t_ns=pl.col("t_ns") + 10_000)])
    twice = twice.sort("t_ns").with_columns(number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    assert "loss" not in set(limits(twice, connections)["limit"])


def test_data_that_leave_with_the_fin_are_under_way_until_their_ack() -> None:
    talk = Talk().open(after_ns=10 * MS)
    talk.send(0, "PA", 1, 1, 500, after_ns=1000).send(0, "FA", 501, 1, after_ns=1000)
    talk.send(1, "A", 1, 502, after_ns=20 * MS).send(1, "FA", 1, 502, after_ns=5 * MS)
    rows = limits(*tables_of(talk.send(0, "A", 502, 2, after_ns=1000)))
    assert rows["limit"].to_list() == ["handshake", "application", "closing"]
    assert rows["bytes"].to_list() == [0, 500, 0]


def test_what_is_shorter_than_half_a_round_trip_between_handshake_and_end_is_not_left_out() -> None:
    talk = Talk().open(after_ns=50_000).send(0, "PA", 1, 1, 500, after_ns=1000)
    talk.send(1, "A", 1, 501, after_ns=1000).send(0, "FA", 501, 1, after_ns=1000)
    rows = limits(*tables_of(talk.send(1, "FA", 1, 502, after_ns=1000)))
    assert (rows["from_ns"][1:] == rows["to_ns"][:-1]).all()
    assert rows.filter(pl.col("limit") == "application")["bytes"].sum() == 500
