"""Receiving: delayed acknowledgments, windows, reassembly, SACK blocks, PAWS."""

from __future__ import annotations

import pytest

from tests.support.tcp_script import play

SACK_OPEN = (
    "0 connect\n0 > S seq 0\n0.1 < SA seq 0 ack 1 win 60000 <mss 1000, sackOK>\n0.1 > A seq 1"
    " ack 1\n"
)
STAMPED_OPEN = (
    "0 connect\n0 > S seq 0\n0.1 < SA seq 0 ack 1 win 60000 <mss 1000, ts 1000:0>\n0.1 > A seq 1"
    " ack 1 <ts 100:1000>\n"
)


def test_every_second_segment_or_the_timer() -> None:
    play("""
        1 < A seq 1:1001 ack 1
        1.01 < A seq 1001:2001 ack 1
        1.01 > A seq 1 ack 2001
        1.02 < A seq 2001:3001 ack 1
        1.06 > A seq 1 ack 3001                     # 40 ms
        """)


def test_reading_at_once_leaves_one_ack_for_two_segments() -> None:
    """The window has room: what was read stands in the acknowledgment that is due anyway, not in
    one of its own.
    """
    play(
        """
        1 < A seq 1:1001 ack 1
        1 read 1000
        1.01 < A seq 1001:2001 ack 1
        1.01 > A seq 1 ack 2001 win 19000
        1.01 read 1000
        1.02 < A seq 2001:3001 ack 1
        # 2000 octets more than was offered last, and no update
        1.02 read 1000
        1.03 < A seq 3001:4001 ack 1
        1.03 > A seq 1 ack 4001 win 19000
        """,
        receive_buffer=20_000,
    )


def test_an_update_of_its_own_when_the_window_could_stop_the_peer() -> None:
    """Four segments fill the buffer; half of it read is worth an update, and less is not."""
    play(
        """
        1 < A seq 1:1001 ack 1
        1 < A seq 1001:2001 ack 1
        1 > A seq 1 ack 2001 win 2000
        1 < A seq 2001:3001 ack 1
        1 < A seq 3001:4001 ack 1
        1 > A seq 1 ack 4001 win 0
        2 read 600
        3 read 400                                  # a segment: the end of the zero window
        3 > A seq 1 ack 4001 win 1000
        4 read 1999
        4.1 quiet
        5 read 1
        5 > A seq 1 ack 4001 win 3000
        """,
        receive_buffer=4000,
    )


def test_without_delay_every_segment() -> None:
    play(
        "1 < A seq 1:1001 ack 1\n1 > A seq 1 ack 1001\n1.01 < A seq 1001:2001 ack 1\n1.01 > A seq 1"
        " ack 2001",
        delayed_ack=False,
    )


def test_the_acknowledgment_rides_on_data() -> None:
    play(
        "1 < A seq 1:501 ack 1\n1.01 write 10\n1.01 > PA seq 1:11 ack 501\n2 < A seq 501 ack 11\n3"
        " quiet"
    )


def test_a_gap_gives_duplicate_acks_and_filling_it_an_immediate_one() -> None:
    play("""
        1 < A seq 1001:2001 ack 1
        1 > A seq 1 ack 1
        1 < A seq 2001:3001 ack 1
        1 > A seq 1 ack 1
        1 readable 0
        1 < A seq 1:1001 ack 1
        1 > A seq 1 ack 3001
        1 readable 3000
        """)


def test_overlapping_segments_give_each_octet_once() -> None:
    player = play(
        "1 < A seq 501:1001 ack 1\n1 > A seq 1 ack 1\n1 < A seq 301:601 ack 1\n1 > A seq 1 ack 1\n1"
        " < A seq 1:901 ack 1\n1 > A seq 1 ack 1001"
    )
    assert player.connection.readable == 1000


def test_old_duplicates_are_acknowledged_and_dropped() -> None:
    play(
        "1 < A seq 1:1001 ack 1\n1.04 > A seq 1 ack 1001\n2 < A seq 1:1001 ack 1\n2 > A seq 1 ack"
        " 1001\n2 readable 1000\n2 event SegmentDropped old duplicate"
    )


def test_data_beyond_the_window_are_cut() -> None:
    play(
        "1 < A seq 1:1001 ack 1\n1.04 > A seq 1 ack 601 win 0\n1.04 readable 600\n1.1 < A seq"
        " 601:602 ack 1\n1.1 > A seq 1 ack 601 win 0",
        receive_buffer=600,
    )


def test_the_first_sack_block_is_the_newest() -> None:
    play(
        SACK_OPEN
        + """
        1 < A seq 1001:2001 ack 1
        1 > A seq 1 ack 1 <sack 1001:2001>
        1 < A seq 3001:4001 ack 1
        1 > A seq 1 ack 1 <sack 3001:4001 1001:2001>
        1 < A seq 5001:6001 ack 1
        1 > A seq 1 ack 1 <sack 5001:6001 3001:4001 1001:2001>
        1 < A seq 2001:3001 ack 1
        1 > A seq 1 ack 1 <sack 1001:4001 5001:6001>
        1 < A seq 1:1001 ack 1
        1 > A seq 1 ack 4001 <sack 5001:6001>
        1 < A seq 4001:5001 ack 1
        1 > A seq 1 ack 6001 <>
        """,
        opened=False,
        sack=True,
    )


def test_paws_drops_a_segment_from_the_past() -> None:
    play(
        STAMPED_OPEN
        + """
        1 < A seq 1:11 ack 1 <ts 2000:100>
        1.04 > A seq 1 ack 11 <ts 1040:2000>
        2 < A seq 11:21 ack 1 <ts 1999:100>
        2 > A seq 1 ack 11 <ts 2000:2000>
        2 readable 10
        2 event SegmentDropped PAWS
        3 < A seq 11:21 ack 1 <ts 2001:100>
        3.04 > A seq 1 ack 21 <ts 3040:2001>
        """,
        opened=False,
        timestamps=True,
    )


def test_without_paws_it_is_taken() -> None:
    play(
        STAMPED_OPEN
        + """
        1 < A seq 1:11 ack 1 <ts 2000:100>
        1.04 > A seq 1 ack 11
        2 < A seq 11:21 ack 1 <ts 1999:100>
        2.04 > A seq 1 ack 21
        """,
        opened=False,
        timestamps=True,
        paws=False,
    )


def test_after_24_idle_days_any_timestamp_is_new() -> None:
    play(
        STAMPED_OPEN
        + """
        2100000 < A seq 1:11 ack 1 <ts 999:100>
        2100000.04 > A seq 1 ack 11 <ts 2100000040:999>
        """,
        opened=False,
        timestamps=True,
    )


def test_the_echo_is_of_the_segment_that_the_delayed_ack_began_with() -> None:
    play(
        STAMPED_OPEN
        + """
        1 < A seq 1:11 ack 1 <ts 2000:100>
        1.01 < A seq 11:21 ack 1 <ts 2010:100>
        1.04 > A seq 1 ack 21 <ts 1040:2000>
        """,
        opened=False,
        timestamps=True,
    )


def test_receiver_moves_the_right_edge_by_whole_segments() -> None:
    play(
        """
        1 < A seq 1:1001 ack 1
        1 < A seq 1001:2001 ack 1
        1 > A seq 1 ack 2001 win 2000
        1 < A seq 2001:3001 ack 1
        1 < A seq 3001:4001 ack 1
        1 > A seq 1 ack 4001 win 0
        1.5 readable 4000
        2 read 500                                # too little to tell
        2.1 read 400
        2.2 read 100                              # 1000: a segment
        2.2 > A seq 1 ack 4001 win 1000
        """,
        receive_buffer=4000,
    )


def test_window_walk_of_a_slow_reader() -> None:
    """A buffer of 4000 octets, 1000 octets each 5 s, 800 read each 8 s: the window closes step by
    step.
    """
    wanted = {
        0: 3800,
        5: 2800,
        8: 3600,
        10: 2600,
        15: 1600,
        16: 2400,
        20: 1400,
        24: 2200,
        25: 1200,
        30: 200,
        32: 1000,
        35: 0,
    }
    player = play("", receive_buffer=4000, receiver_sws_avoidance=False, delayed_ack=False)
    seen: dict[int, int] = {}
    sent = 0
    for second in range(36):
        player.advance((second + 1) * 10**9)
        if second % 5 == 0:
            player.arrive(f"PA seq {sent + 1}:{sent + 1001} ack 1")
            sent += 1000
            player.collect()
        if second % 8 == 0:
            player.connection.read(800, player.now)
            player.collect()
        if player.sent:
            seen[second] = player.sent[-1][1].window
            player.sent.clear()
    assert seen == wanted


def test_no_update_for_space_that_the_field_cannot_offer() -> None:
    """Without scaling 65535 is the most: octets that are read out of 200,000 change nothing."""
    play(
        """
        1 < A seq 1:1001 ack 1
        1 < A seq 1001:2001 ack 1
        1 > A seq 1 ack 2001 win 65535
        1 read 2000
        """,
        receive_buffer=200_000,
        window_scaling=False,
    )


def test_the_timestamp_of_an_unacceptable_acknowledgment_is_not_echoed() -> None:
    """Else one blind segment from the future would shut the peer out: its own are then old."""
    play(
        STAMPED_OPEN
        + """
        1 < A seq 1 ack 9999 win 60000 <ts 900000:100>
        1 > A seq 1 ack 1 <ts 1000:1000>            # challenged
        1 < PA seq 1:101 ack 1 win 60000 <ts 1001:100>
        1.04 > A seq 1 ack 101 <ts 1040:1001>
        """,
        opened=False,
        timestamps=True,
    )


def test_the_timestamp_of_a_segment_outside_the_window_is_not_echoed() -> None:
    """RFC 7323 section 5.3: R2 rejects it before R3 records."""
    play(
        STAMPED_OPEN
        + """
        1 < A seq 1:101 ack 1 win 60000 <ts 1001:100>
        1.04 > A seq 1 ack 101 <ts 1040:1001>
        1.1 < A seq 101:201 ack 1 win 60000 <ts 1101:100>
        1.14 > A seq 1 ack 201 <ts 1140:1101>
        2 < A seq 1:101 ack 1 win 60000 <ts 2001:100>
        2 > A seq 1 ack 201 <ts 2000:1101>
        """,
        opened=False,
        timestamps=True,
    )


@pytest.mark.parametrize(("ack", "echoed"), [(1, 2001), (9999, 1001)])
def test_the_last_segment_again_tells_when_it_went(ack: int, echoed: int) -> None:
    """Our acknowledgment was lost. With the first copy's timestamp in the answer the peer would
    take its time-out for a round trip; a guessed segment with a wrong acknowledgment is not heard.
    """
    play(
        STAMPED_OPEN
        + f"""
        1 < A seq 1:101 ack 1 win 60000 <ts 1001:100>
        1.04 > A seq 1 ack 101 <ts 1040:1001>
        2 < A seq 1:101 ack {ack} win 60000 <ts 2001:100>
        2 > A seq 1 ack 101 <ts 2000:{echoed}>
        """,
        opened=False,
        timestamps=True,
    )


def test_a_reset_carries_timestamps() -> None:
    """RFC 7323 section 3.2: they SHOULD be sent in a RST, too."""
    play(
        STAMPED_OPEN + "1 abort\n1 > RA seq 1 ack 1 <ts 1000:1000>",
        opened=False,
        timestamps=True,
        reset_acknowledges=True,
    )
