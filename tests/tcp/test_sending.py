"""Sending: Nagle, silly windows, zero windows, retransmission, keep-alive, urgent data."""

from __future__ import annotations

from tests.support.tcp_script import play

FIRST_FLIGHT = (
    "1 > A seq 1:1001 ack 1\n1 > A seq 1001:2001 ack 1\n1 > A seq 2001:3001 ack 1\n1 > A seq"
    " 3001:4001 ack 1\n"
)


def test_nagle_holds_a_small_segment_until_all_is_acknowledged() -> None:
    play("""
        1 write 10
        1 > PA seq 1:11 ack 1
        1.01 write 10
        1.02 write 10
        1.1 < A seq 1 ack 11 win 60000
        1.1 > PA seq 11:31 ack 1
        """)


def test_without_nagle_each_write_goes_at_once() -> None:
    play("1 write 10\n1 > PA seq 1:11\n1.01 write 10\n1.01 > PA seq 11:21", nagle=False)
    play("1 nodelay\n1 write 10\n1 > PA seq 1:11\n1.01 write 10\n1.01 > PA seq 11:21")


def test_nagle_lets_whole_segments_go() -> None:
    play(
        "1 write 10\n1 > PA seq 1:11\n1.01 write 1500\n1.01 > A seq 11:1011\n1.1 < A seq 1 ack 1011"
        " win 60000\n1.1 > PA seq 1011:1511"
    )


def test_sender_waits_for_a_window_worth_sending_into() -> None:
    play("""
        1 write 2000
        1 > A seq 1:1001
        1 > PA seq 1001:2001
        1.1 < A seq 1 ack 2001 win 0
        1.2 write 2000
        1.3 < A seq 1 ack 2001 win 400              # silly
        1.5 > A seq 2001:2401                       # the override timer, 0.2 s: rule 4
        """)


def test_sender_without_silly_window_avoidance_sends_at_once() -> None:
    play(
        "1 write 1000\n1 > PA seq 1:1001\n1.1 < A seq 1 ack 1001 win 0\n1.2 write 2000\n1.3 < A seq"
        " 1 ack 1001 win 400\n1.3 > A seq 1001:1401",
        sender_sws_avoidance=False,
    )


def test_half_the_largest_window_is_worth_sending_into() -> None:
    play(
        """
        0.0 connect
        0.0 > S seq 0
        0.1 < SA seq 0 ack 1 win 800 <mss 1000>
        0.1 > A seq 1 ack 1
        1 write 5000
        1 > A seq 1:801
        1.1 < A seq 1 ack 801 win 400
        1.1 > A seq 801:1201
        """,
        opened=False,
    )


def test_zero_window_probes_back_off_and_never_end() -> None:
    player = play("""
        1 write 1000
        1 > PA seq 1:1001
        1.1 < A seq 1 ack 1001 win 0
        2 write 500
        3 > A seq 1001:1002 ack 1                # RTO 1 s after the write: SHLD-29
        3.1 < A seq 1 ack 1001 win 0
        5 > A seq 1001:1002 ack 1                # doubled: SHLD-30
        5.1 < A seq 1 ack 1001 win 0
        9 > A seq 1001:1002 ack 1
        9.1 < A seq 1 ack 1001 win 0
        10 < A seq 1 ack 1001 win 5000
        10 > A seq 1001:1002 ack 1
        10.1 < A seq 1 ack 1002 win 5000
        10.1 > PA seq 1002:1501 ack 1
        """)
    assert player.connection.state.label == "ESTABLISHED"


def test_a_peer_that_answers_probes_may_keep_its_window_closed_for_hours() -> None:
    player = play("1 write 1000\n1 > PA seq 1:1001\n1.1 < A seq 1 ack 1001 win 0\n2 write 500")
    for _ in range(100):
        player.advance(player.connection.next_timer() or 0)
        assert [segment.payload for _, segment in player.sent] == [b"\0"]
        player.sent.clear()
        player.arrive("A seq 1 ack 1001 win 0")
        player.collect()
    assert player.now > 90 * 60 * 10**9
    player.play(f"{player.now / 1e9 + 1} state ESTABLISHED")


def test_a_peer_that_does_not_answer_probes_is_given_up() -> None:
    player = play("1 write 1000\n1 > PA seq 1:1001\n1.1 < A seq 1 ack 1001 win 0\n2 write 500")
    player.advance(400 * 10**9)
    player.sent.clear()
    player.play("400 state CLOSED\n400 event Closed timed out")


def test_without_probes_a_lost_window_update_is_the_end() -> None:
    play(
        "1 write 1000\n1 > PA seq 1:1001\n1.1 < A seq 1 ack 1001 win 0\n2 write 500\n9000 state"
        " ESTABLISHED",
        zero_window_probes=False,
    )


def test_a_shrinking_window_is_survived() -> None:
    play(
        "1 write 6000\n"
        + FIRST_FLIGHT
        + """
        1.1 < A seq 1 ack 1001 win 1000              # MUST-34: takes back 3000..4001
        1.2 < A seq 1 ack 4001 win 8000
        1.2 > A seq 4001:5001
        1.2 > PA seq 5001:6001
        """
    )


def test_old_segments_do_not_update_the_window() -> None:
    player = play(
        "1 < A seq 11:21 ack 1 win 500\n1 > A seq 1 ack 1\n1.01 < A seq 1:11 ack 1 win 9000\n1.01 >"
        " A seq 1 ack 21"
    )
    assert player.connection.tcb.snd_wnd == 500


def test_retransmission_timeout_doubles_and_gives_up_after_r2() -> None:
    play("""
        1 write 100
        1 > PA seq 1:101 ack 1
        2 > PA seq 1:101 ack 1
        4 > PA seq 1:101 ack 1
        8 > PA seq 1:101 ack 1
        8 event Trouble
        16 > PA seq 1:101 ack 1
        32 > PA seq 1:101 ack 1
        64 > PA seq 1:101 ack 1
        124 > R seq 101
        124 state CLOSED
        124 event Closed timed out
        """)


def test_after_a_timeout_the_window_starts_at_one_segment() -> None:
    play(
        "1 write 8000\n"
        + FIRST_FLIGHT
        + """
        2 > A seq 1:1001 ack 1
        2 cwnd 1000
        2 ssthresh 2000
        2.1 < A seq 1 ack 1001 win 60000
        2.1 > A seq 1001:2001
        2.1 > A seq 2001:3001
        2.1 cwnd 2000
        2.1 rto 2                                    # backed off until a fresh sample: Karn
        2.2 < A seq 1 ack 4001 win 60000             # the others had arrived
        2.2 > A seq 4001:5001
        2.2 > A seq 5001:6001
        2.2 > A seq 6001:7001
        # from ssthresh on by octets acknowledged: one segment for a whole window
        2.2 cwnd 3000
        """
    )


def test_ssthresh_is_held_when_the_same_segment_times_out_again() -> None:
    play(
        "1 write 8000\n"
        + FIRST_FLIGHT
        + "2 > A seq 1:1001\n2 ssthresh 2000\n4 > A seq 1:1001\n4 ssthresh 2000\n4 cwnd 1000",
        initial_ssthresh=9000,
    )


def test_idle_restart() -> None:
    play(
        "1 write 4000\n"
        + FIRST_FLIGHT.replace("A seq 3001", "PA seq 3001")
        + """
        1.1 < A seq 1 ack 4001 win 60000
        1.1 cwnd 5000
        3 write 5000
        3 > A seq 4001:5001
        3 > A seq 5001:6001
        3 > A seq 6001:7001
        3 > A seq 7001:8001
        3 cwnd 4000
        """
    )


def test_keepalive_is_off_by_default_and_closes_a_dead_connection() -> None:
    play("1000000 state ESTABLISHED")
    play(
        """
        10.1 > A seq 0 ack 1
        10.2 < A seq 1 ack 1 win 60000
        20.2 > A seq 0 ack 1
        21.2 > A seq 0 ack 1
        22.2 > R seq 1
        22.2 state CLOSED
        22.2 event Closed timed out
        """,
        keepalive=True,
        keepalive_idle_ns=10 * 10**9,
        keepalive_interval_ns=10**9,
        keepalive_probes=2,
    )


def test_answered_keepalives_do_not_add_up_however_short_the_idle_time_is() -> None:
    play(
        """
        1.1 > A seq 0 ack 1
        1.2 < A seq 1 ack 1 win 60000
        3.1 > A seq 0 ack 1
        3.2 < A seq 1 ack 1 win 60000
        5.1 > A seq 0 ack 1
        5.2 < A seq 1 ack 1 win 60000
        7.1 > A seq 0 ack 1
        9.1 > A seq 0 ack 1                         # the last two unanswered
        11.1 > R seq 1
        11.1 event Closed timed out
        """,
        keepalive=True,
        keepalive_idle_ns=10**9,
        keepalive_interval_ns=2 * 10**9,
        keepalive_probes=2,
    )


def test_a_keepalive_of_the_peer_is_answered() -> None:
    play("1 < A seq 0 ack 1\n1 > A seq 1 ack 1")


def test_urgent_data_in_both_directions() -> None:
    player = play("""
        1 urgent 10
        1 > UPA seq 1:11 ack 1 up 10
        1.1 < A seq 1 ack 11
        2 < UPA seq 1:6 ack 11 up 5
        2 event UrgentArrived distance=5
        2.01 < UPA seq 6:11 ack 11 up 5
        # still in urgent mode: the user is not told again
        2.01 noevent UrgentArrived
        2.04 > A seq 11 ack 11
        """)
    assert player.connection.urgent == 10
    assert len(player.connection.read(4, player.now)) == 4
    assert player.connection.urgent == 6


def test_a_probe_may_be_an_acknowledgment_with_an_old_number() -> None:
    play(
        """
        1 < A seq 1 ack 1 win 0
        1 write 10
        2 > A seq 0 ack 1
        2.1 < A seq 1 ack 1 win 1000
        2.1 > PA seq 1:11 ack 1
        """,
        empty_probes=True,
    )
