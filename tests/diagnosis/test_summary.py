"""Every count of a direction, on conversations whose counts are plain."""

import polars as pl

from tcpexp.diagnosis.describe import summarise
from tests.support.crafting import Talk, options
from tests.support.diagnosed import tables_of

MS = 1_000_000


def summary_of(talk, **more):
    rows = summarise(*tables_of(talk, **more))
    return tuple(rows.filter(pl.col("sender") == end).row(0, named=True) for end in
                 ("client", "server"))  # fmt: skip


def counts(row, *names):
    return tuple(row[name] for name in names)


def test_packets_bytes_and_flags() -> None:
    talk = Talk().open().send(0, "PA", 1, 1, 300).send(1, "A", 1, 301).send(1, "A", 1, 301, 1000)
    talk.send(0, "A", 301, 1001).send(0, "FA", 301, 1001).send(1, "FA", 1001, 302)
    client, server = summary_of(talk)
    names = ("packets", "data_packets", "data_bytes", "pure_acks", "ack_packets", "pushed_packets")
    assert counts(client, *names) == (5, 1, 300, 2, 4, 1)
    assert counts(server, *names) == (4, 1, 1000, 1, 4, 0)
    assert counts(client, "syns", "fins", "resets", "stream_bytes", "missed_bytes") == (
        1, 1, 0, 300, 0,
    )  # fmt: skip
    assert counts(client, "mss", "wscale", "sack_permitted") == (1460, 7, True)


def test_repeated_bytes_are_not_unique_and_give_no_time() -> None:
    talk = Talk(step_ns=10 * MS).open()
    talk.send(0, "A", 1, 1, 100).send(0, "A", 1, 1, 100, ip_id=2).send(1, "A", 1, 101)
    client, _ = summary_of(talk)
    names = ("data_bytes", "unique_bytes", "repeated_packets", "repeated_bytes", "retransmissions")
    assert counts(client, *names) == (200, 100, 1, 100, 1)
    assert counts(client, "rtt_samples", "ambiguous_acks") == (1, 1)  # the SYN's sample


def test_round_trips_are_those_of_segments_that_were_sent_once() -> None:
    talk = Talk(step_ns=10 * MS).open()
    talk.send(0, "A", 1, 1, 100).send(1, "A", 1, 101, after_ns=30 * MS)
    client, server = summary_of(talk)
    assert counts(client, "rtt_samples", "rtt_min_ns", "rtt_max_ns") == (2, 10 * MS, 30 * MS)
    assert counts(server, "rtt_samples", "rtt_mean_ns") == (1, 10 * MS)


def test_duplicate_acks_are_counted_for_the_data_that_they_ask_for() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100).send(1, "A", 1, 101)
    for at in range(4):
        talk.send(0, "A", 201 + 100 * at, 1, 100).send(1, "A", 1, 101)
    client, server = summary_of(talk)
    assert counts(client, "duplicate_acks", "triple_duplicate_acks") == (4, 1)
    assert counts(server, "duplicate_acks") == (0,)


def test_a_copy_is_no_retransmission() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100, ip_id=77)
    talk.send(0, "A", 1, 1, 100, after_ns=MS, ip_id=77).send(1, "A", 1, 101)
    client, _ = summary_of(talk)
    assert counts(client, "copies", "retransmissions", "repeated_packets") == (1, 0, 1)


def test_what_is_sent_into_a_closed_window_is_a_probe() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100).send(1, "A", 1, 101, window=0)
    talk.send(0, "A", 101, 1, 1).send(1, "A", 1, 101, window=0)
    client, server = summary_of(talk)
    assert counts(client, "probe_packets", "probe_bytes", "unique_bytes") == (1, 1, 100)
    assert counts(server, "zero_windows") == (2,)


def test_sack_blocks_and_dsack() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100).send(1, "A", 1, 101)
    talk.send(1, "A", 1, 101, sacks=[(201, 301)]).send(1, "A", 1, 101, sacks=[(1, 101)])
    _, server = summary_of(talk)
    assert counts(server, "sack_packets", "dsack_packets", "most_sack_blocks") == (2, 1, 1)


def test_numbers_that_wrap_change_nothing() -> None:
    talk = Talk(isn=(2**32 - 150, 2**32 - 1)).open()
    for at in range(5):
        talk.send(0, "A", 1 + 100 * at, 1, 100).send(1, "A", 1, 101 + 100 * at)
    client, _ = summary_of(talk)
    names = ("unique_bytes", "repeated_bytes", "late_packets", "rtt_samples")
    assert counts(client, *names) == (500, 0, 0, 6)


def test_times_by_stamps() -> None:
    talk = Talk(step_ns=10 * MS)
    talk.send(0, "S", tail=options(mss=1460, ts=(100, 0)))
    talk.send(1, "SA", 0, 1, tail=options(mss=1460, ts=(900, 100)))
    talk.send(0, "A", 1, 1, tail=options(ts=(110, 900)))
    talk.send(0, "A", 1, 1, 50, tail=options(ts=(120, 900)))
    talk.send(1, "A", 1, 51, after_ns=25 * MS, tail=options(ts=(930, 120)))
    client, _ = summary_of(talk)
    assert counts(client, "stamp_rtt_samples", "stamp_rtt_min_ns") == (2, 10 * MS)


def test_the_first_flight_is_what_comes_before_the_first_ack() -> None:
    talk = Talk().open()
    for at in range(3):
        talk.send(0, "A", 1 + 100 * at, 1, 100)
    talk.send(1, "A", 1, 301).send(0, "A", 301, 1, 100)
    client, _ = summary_of(talk)
    assert counts(client, "first_flight_packets", "first_flight_bytes") == (3, 300)
