"""Scripts of rules that stand between the chapters: window scale, timestamps on every segment, when
the retransmission timer starts anew, the last states.
"""

from __future__ import annotations

from tests.support.tcp_script import play

SCALED = """
0.0 connect
0.0 > S seq 0 <mss 1000, wscale 0>
0.1 < SA seq 0 ack 1 win 2000 <mss 1000, wscale 2>
0.1 > A seq 1 ack 1
"""
STAMPED = """
0.0 connect
0.0 > S seq 0 <mss 1012, ts 0:0>
0.1 < SA seq 0 ack 1 win 60000 <mss 1012, ts 500:0>
0.1 > A seq 1 ack 1 <ts 100:500>
"""


def test_the_window_of_a_syn_is_never_scaled_and_that_of_others_is() -> None:
    """RFC 7323 section 2.2 and 2.3: 2000 in the SYN,ACK is 2000, 500 later is 2000,
    1000 is 4000.
    """
    play(
        SCALED
        + """
        1 write 9000
        1 > A seq 1:1001 ack 1
        1 > A seq 1001:2001 ack 1
        1.1 < A seq 1 ack 2001 win 500
        1.1 > A seq 2001:3001 ack 1
        1.1 > A seq 3001:4001 ack 1
        1.2 < A seq 1 ack 4001 win 1000
        1.2 > A seq 4001:5001 ack 1
        1.2 > A seq 5001:6001 ack 1
        1.2 > A seq 6001:7001 ack 1
        1.2 > A seq 7001:8001 ack 1
        """,
        opened=False,
        window_scaling=True,
    )


def test_a_shift_above_fourteen_counts_as_fourteen() -> None:
    """RFC 7323 section 2.3; the window is then 3 << 14."""
    player = play(
        """
        0.0 connect
        0.0 > S seq 0 <mss 1000, wscale 0>
        0.1 < SA seq 0 ack 1 win 9000 <mss 1000, wscale 14>
        0.1 > A seq 1 ack 1
        0.2 < A seq 1 ack 1 win 3
        """,
        opened=False,
        window_scaling=True,
    )
    assert player.connection.tcb.snd_wnd == 3 << 14


def test_once_agreed_every_segment_has_the_time_at_which_it_goes() -> None:
    """RFC 7323 section 3.2: SYN, data, ACK, FIN, and a reset as well, which SHOULD have it.

    A retransmission carries the clock of its own departure.
    """
    play(
        STAMPED
        + """
        1 write 10
        1 > PA seq 1:11 ack 1 <ts 1000:500>
        2 > PA seq 1:11 ack 1 <ts 2000:500>
        2.1 < A seq 1 ack 11 <ts 900:2000>
        2.2 < PA seq 1:11 ack 11 <ts 950:2000>
        2.24 > A seq 11 ack 11 <ts 2240:950>
        3 shutdown
        3 > FA seq 11 ack 11 <ts 3000:950>
        3.1 < A seq 11 ack 12 <ts 1000:3000>
        4 abort
        4 > R seq 12 <ts 4000:1000>
        """,
        opened=False,
        timestamps=True,
        mss=1012,
    )


def test_the_timer_starts_anew_with_each_new_ack_and_stops_with_the_last() -> None:
    """RFC 6298 section 5, rules 5.1 to 5.3: the time-out is a second after the ACK of the first
    segment, not after the second segment left.
    """
    play(
        """
        1.0 write 1000
        1.0 > PA seq 1:1001 ack 1
        1.5 write 1000
        1.5 > PA seq 1001:2001 ack 1
        1.6 < A seq 1 ack 1001
        2.59 quiet
        2.6 > PA seq 1001:2001 ack 1
        2.7 < A seq 1 ack 2001
        100 quiet
        """,
        rto_max_ns=10**9,
    )


def test_the_fin_of_last_ack_is_sent_again_and_the_lost_ack_of_closing_too() -> None:
    """RFC 9293 section 3.10.7.4 eighth step, RFC 6298 section 5: LAST-ACK and CLOSING wait for the
    acknowledgment of their FIN, with the timer on.
    """
    play("""
        1 < FA seq 1 ack 1
        1 > A seq 1 ack 2
        1.1 shutdown
        1.1 > FA seq 1 ack 2
        1.1 state LAST-ACK
        2.1 > FA seq 1 ack 2
        2.2 < A seq 2 ack 2
        2.2 state CLOSED
        """)
    play("""
        1 shutdown
        1 > FA seq 1 ack 1
        1.1 < FA seq 1 ack 1
        1.1 > A seq 2 ack 2
        1.1 state CLOSING
        2 > FA seq 1 ack 2
        2.1 < A seq 2 ack 2
        2.1 state TIME-WAIT
        """)


def test_time_wait_answers_old_data_and_challenges_a_syn() -> None:
    """RFC 9293 section 3.10.7.4: what is not acceptable is acknowledged.

    RFC 5961 section 4.2: a SYN is challenged.
    """
    play("""
        1 shutdown
        1 > FA seq 1 ack 1
        1.1 < FA seq 1 ack 2
        1.1 > A seq 2 ack 2
        1.1 state TIME-WAIT
        2 < A seq 1:2 ack 2
        2 > A seq 2 ack 2
        3 < S seq 5000
        3 > A seq 2 ack 2
        61.0 state TIME-WAIT
        61.1 state CLOSED
        """)


def test_a_window_update_ends_probing_at_once() -> None:
    """RFC 9293 section 3.8.6.1: the window opens before the first probe, and nothing waits for the
    timer.
    """
    play("""
        1 write 1000
        1 > PA seq 1:1001 ack 1
        1.1 < A seq 1 ack 1001 win 0
        1.2 write 1000
        1.5 < A seq 1 ack 1001 win 5000
        1.5 > PA seq 1001:2001 ack 1
        1.6 < A seq 1 ack 2001 win 5000
        9 quiet
        """)


def test_nagle_lets_a_small_segment_go_with_the_fin() -> None:
    """RFC 9293 section 3.7.4: what is queued when the stream is closed does not wait."""
    play("1 write 10\n1 > PA seq 1:11 ack 1\n1 write 10\n1.01 shutdown\n1.01 > PFA seq 11:21 ack 1")
