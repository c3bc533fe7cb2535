"""Closing, half-closing and resetting: RFC 9293 sections 3.6, 3.5.3 and 3.10.7.4, RFC 5961."""

from __future__ import annotations

import pytest

from tests.support.tcp_script import play


def test_active_close() -> None:
    play("""
        1 shutdown
        1 > FA seq 1 ack 1
        1 state FIN-WAIT-1
        1.1 < A seq 1 ack 2
        1.1 state FIN-WAIT-2
        1.2 < FA seq 1 ack 2
        1.2 > A seq 2 ack 2
        1.2 state TIME-WAIT
        5 < FA seq 1 ack 2                # our ACK was lost
        5 > A seq 2 ack 2
        64.9 state TIME-WAIT              # 2 MSL of 30 s each, from there
        65 state CLOSED
        """)


def test_passive_close_with_data_after_the_peers_fin() -> None:
    play("""
        1 < FA seq 1 ack 1
        1 > A seq 1 ack 2
        1 event EndOfStream
        1 state CLOSE-WAIT
        2 write 100
        2 > PA seq 1:101 ack 2
        2.1 < A seq 2 ack 101
        3 shutdown
        3 > FA seq 101 ack 2
        3 state LAST-ACK
        3.1 < A seq 2 ack 102
        3.1 state CLOSED
        3.1 event Closed closed
        """)


def test_simultaneous_close() -> None:
    play("""
        1 shutdown
        1 > FA seq 1 ack 1
        1.05 < FA seq 1 ack 1
        1.05 > A seq 2 ack 2
        1.05 state CLOSING
        1.1 < A seq 2 ack 2
        1.1 state TIME-WAIT
        """)


def test_fin_and_its_ack_in_one_segment() -> None:
    play(
        "1 shutdown\n1 > FA seq 1 ack 1\n1.1 < FA seq 1 ack 2\n1.1 > A seq 2 ack 2\n1.1 state"
        " TIME-WAIT"
    )


def test_half_close_still_receives() -> None:
    play("""
        1 shutdown
        1 > FA seq 1 ack 1
        1.1 < A seq 1 ack 2
        1.2 < A seq 1:1001 ack 2
        1.2 < PA seq 1001:2001 ack 2
        1.2 > A seq 2 ack 2001
        1.2 readable 2000
        """)


def test_a_fin_beyond_a_gap_waits() -> None:
    play("""
        1 < FA seq 101:201 ack 1
        1 > A seq 1 ack 1
        1 state ESTABLISHED
        1.1 < A seq 1:101 ack 1
        1.1 > A seq 1 ack 202
        1.1 state CLOSE-WAIT
        """)


def test_the_fin_is_sent_again() -> None:
    play(
        "1 shutdown\n1 > FA seq 1 ack 1\n2 > FA seq 1 ack 1\n4 > FA seq 1 ack 1\n4.1 < A seq 1 ack"
        " 2\n4.1 state FIN-WAIT-2"
    )


def test_close_with_unread_data_resets() -> None:
    play(
        "1 < PA seq 1:101 ack 1\n1.01 close\n1.01 > R seq 1\n1.01 state CLOSED\n1.01 event Closed"
        " aborted"
    )


def test_data_after_close_are_reset() -> None:
    play(
        "1 close\n1 > FA seq 1 ack 1\n1.1 < A seq 1 ack 2\n1.2 < PA seq 1:11 ack 2\n1.2 > R seq"
        " 2\n1.2 state CLOSED"
    )


def test_unread_data_do_not_reset_when_switched_off() -> None:
    play("1 < PA seq 1:101 ack 1\n1.01 close\n1.01 > FA seq 1 ack 101", reset_on_unread_data=False)


def test_abort() -> None:
    play(
        "1 write 5000\n1 > A seq 1:1001\n1 > A seq 1001:2001\n1 > A seq 2001:3001\n1 > A seq"
        " 3001:4001\n1.1 abort\n1.1 > R seq 4001\n1.1 state CLOSED"
    )


def test_close_in_syn_sent() -> None:
    play("0 connect\n0 > S seq 0\n0.1 shutdown\n0.1 state CLOSED", opened=False)


@pytest.mark.parametrize("state", ["ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-2"])
def test_an_exact_reset_is_obeyed(state: str) -> None:
    before = {
        "ESTABLISHED": ("", 1),
        "CLOSE-WAIT": ("1 < FA seq 1 ack 1\n1 > A seq 1 ack 2\n", 2),
        "FIN-WAIT-2": ("1 shutdown\n1 > FA seq 1 ack 1\n1 < A seq 1 ack 2\n", 1),
    }[state]
    play(f"{before[0]}2 state {state}\n2 < R seq {before[1]}\n2 state CLOSED\n2 event Closed reset")


def test_a_reset_inside_the_window_is_challenged() -> None:
    play(
        "1 < R seq 500\n1 > A seq 1 ack 1\n1 state ESTABLISHED\n1 event SegmentDropped RST not at"
        " RCV.NXT"
    )


def test_a_reset_outside_the_window_is_ignored() -> None:
    play("1 < R seq 70000\n1 state ESTABLISHED\n1 < R seq -5\n1 state ESTABLISHED")


def test_without_challenges_any_reset_in_the_window_is_obeyed() -> None:
    play("1 < R seq 500\n1 state CLOSED", challenge_acks=False)


@pytest.mark.parametrize("seq", [-10, 0, 1, 500, 70000])
def test_a_syn_on_a_connection_is_challenged(seq: int) -> None:
    play(f"1 < S seq {seq}\n1 > A seq 1 ack 1\n1 state ESTABLISHED")


def test_an_ack_of_nothing_sent_is_challenged_and_a_very_old_one_too() -> None:
    play(
        "1 < A seq 1:11 ack 2\n1 > A seq 1 ack 1\n1 readable 0\n2 < A seq 1:11 ack -60010\n2 > A"
        " seq 1 ack 1\n2 readable 0"
    )


def test_challenges_are_limited() -> None:
    play(
        "1 < R seq 500\n1 > A seq 1\n1.1 < R seq 500\n1.1 > A seq 1\n1.2 < R seq 500\n2.1 < R seq"
        " 500\n2.1 > A seq 1",
        challenge_acks_per_second=2,
    )


def test_a_segment_without_ack_is_dropped() -> None:
    play("1 < . seq 1:11\n1 readable 0\n1 event SegmentDropped no ACK")


def test_what_arrives_when_closed_is_reset() -> None:
    play(
        "1 < A seq 7:17 ack 5\n1 > R seq 5\n1 < S seq 7\n1 > RA seq -1000 ack 8\n1 < R seq 7",
        opened=False,
    )
