"""Opening: RFC 9293 sections 3.5, 3.10.7.2 and 3.10.7.3, as exact segments at exact times."""

from __future__ import annotations

import pytest

from tcpexp.tcp import CallError
from tests.support.tcp_script import play


def test_active_open() -> None:
    play("0.1 state ESTABLISHED\n0.1 event Established")


def test_passive_open() -> None:
    play(
        """
        0.0 listen
        0.0 < S seq 0 win 5000 <mss 500>
        0.0 > SA seq 0 ack 1 <mss 1000>
        0.1 < A seq 1 ack 1 win 5000
        0.1 state ESTABLISHED
        0.1 write 600
        0.1 > A seq 1:501 ack 1
        0.2 < A seq 1 ack 501 win 5000
        0.2 > PA seq 501:601 ack 1
        """,
        opened=False,
    )


def test_all_options_are_offered_and_agreed_on() -> None:
    play(
        """
        0.0 connect
        0.0 > S seq 0 win 60000 <mss 1000, sackOK, wscale 0, ts 0:0>
        0.1 < SA seq 0 ack 1 win 1000 <mss 1000, sackOK, wscale 3, ts 500:0>
        0.1 > A seq 1 ack 1 <ts 100:500>
        0.2 write 988
        0.2 > PA seq 1:989 ack 1 <ts 200:500>
        """,
        opened=False,
        sack=True,
        timestamps=True,
        window_scaling=True,
    )


def test_an_option_that_the_peer_lacks_is_off() -> None:
    play(
        """
        0.0 connect
        0.0 > S seq 0
        0.1 < SA seq 0 ack 1 win 9000
        0.1 > A seq 1 ack 1 <>
        0.2 write 1000
        0.2 > A seq 1:537 ack 1 <>             # 536 octets: MUST-15
        0.2 > PA seq 537:1001 ack 1
        0.3 < A seq 11:21 ack 1001 win 9000
        0.3 > A seq 1001 ack 1 <>              # no SACK block either
        """,
        opened=False,
        sack=True,
        timestamps=True,
        window_scaling=True,
        nagle=False,
    )


def test_simultaneous_open() -> None:
    play(
        """
        0.0 connect
        0.0 > S seq 0
        0.1 < S seq 0 win 9000 <mss 1000>
        0.1 > SA seq 0 ack 1 <mss 1000>
        0.1 state SYN-RECEIVED
        0.2 < SA seq 0 ack 1 win 9000 <mss 1000>
        0.2 > A seq 1 ack 1
        0.2 < A seq 1 ack 1 win 9000
        0.2 state ESTABLISHED
        """,
        opened=False,
    )


def test_syn_is_repeated_with_doubled_timeout_and_given_up_after_three_minutes() -> None:
    play(
        """
        0 connect
        0 > S seq 0
        1 > S seq 0
        3 > S seq 0
        7 > S seq 0
        7 event Trouble
        15 > S seq 0
        31 > S seq 0
        63 > S seq 0
        123 > S seq 0
        183 event Closed timed out
        183 state CLOSED
        """,
        opened=False,
    )


def test_a_refused_port() -> None:
    play(
        "0 connect\n0 > S seq 0\n0.1 < RA seq 0 ack 1 win 0\n0.1 state CLOSED\n0.1 event Closed"
        " refused",
        opened=False,
    )


@pytest.mark.parametrize("bad", ["A seq 9 ack 5", "SA seq 0 ack 2", "A seq 0 ack 0"])
def test_an_ack_of_nothing_sent_is_reset(bad: str) -> None:
    number = bad.split("ack ")[1]
    play(
        f"0 connect\n0 > S seq 0\n0.1 < {bad}\n0.1 > R seq {number}\n0.1 state SYN-SENT",
        opened=False,
    )


def test_a_reset_without_ack_is_ignored_in_syn_sent() -> None:
    play("0 connect\n0 > S seq 0\n0.1 < R seq 0\n0.1 state SYN-SENT", opened=False)


def test_a_reset_in_syn_received_ends_a_passive_open() -> None:
    play(
        "0 listen\n0 < S seq 0 win 99\n0 > SA seq 0 ack 1\n0.1 < R seq 1\n0.1 state CLOSED",
        opened=False,
    )


def test_an_old_syn_ack_gets_a_reset_in_syn_received() -> None:
    play(
        "0 listen\n0 < S seq 0 win 99\n0 > SA seq 0 ack 1\n0.1 < A seq 1 ack 9\n0.1 > R seq 9\n0.1"
        " state SYN-RECEIVED",
        opened=False,
    )


def test_the_syn_ack_is_repeated_with_three_seconds_afterwards() -> None:
    player = play(
        """
        0 listen
        0 < S seq 0 win 60000 <mss 1000>
        0 > SA seq 0 ack 1
        1 > SA seq 0 ack 1
        1.1 < A seq 1 ack 1 win 60000
        1.1 rto 3                                  # RFC 6298 rule 5.7
        1.1 cwnd 1000                              # RFC 5681 section 3.1
        """,
        opened=False,
    )
    assert player.connection.tcb.rtt.srtt_ns is None  # Karn


def test_data_queued_before_the_handshake_go_with_its_end() -> None:
    play(
        "0 connect\n0 > S seq 0\n0 write 10\n0.1 < SA seq 0 ack 1 win 900 <mss 1000>\n0.1 > PA seq"
        " 1:11 ack 1",
        opened=False,
    )


def test_calls_that_the_state_forbids() -> None:
    player = play("")
    with pytest.raises(CallError, match="already exists"):
        player.connection.connect(0)
    player = play("", opened=False)
    for call in (
        lambda: player.connection.send(b"x", 0),
        lambda: player.connection.shutdown(0),
        lambda: player.connection.abort(0),
    ):
        with pytest.raises(CallError, match="does not exist"):
            call()


def test_numbers_wrap() -> None:
    play(
        """
        0.2 write 3000
        0.2 > A seq 1:1001 ack 1
        0.2 > A seq 1001:2001 ack 1
        0.2 > PA seq 2001:3001 ack 1
        0.3 < A seq 1:501 ack 3001 win 60000
        0.34 > A seq 3001 ack 501
        """,
        isn=(1 << 32) - 1500,
        peer_isn=(1 << 32) - 100,
    )


def test_the_first_timeouts_of_a_syn_need_not_double() -> None:
    """As Linux has it; RFC 6298 rule 5.5 doubles."""
    play(
        """
        0 connect
        0 > S seq 0
        1 > S seq 0
        2 > S seq 0
        4 > S seq 0
        """,
        opened=False,
        syn_linear_timeouts=1,
    )


def test_a_syn_that_comes_again_may_be_answered_as_the_first_was() -> None:
    """RFC 9293 section 3.10.7.4 has an acknowledgment; most systems send the SYN,ACK again."""
    half_open = "0 listen\n0 < S seq 0 win 60000\n0 > SA seq 0 ack 1\n0.5 < S seq 0 win 60000\n"
    play(half_open + "0.5 > A seq 1 ack 1", opened=False)
    play(half_open + "0.5 > SA seq 0 ack 1", opened=False, repeat_syn_ack=True)
