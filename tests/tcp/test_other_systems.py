"""What one system does and no RFC asks for: each is a setting, off by default, and changes just
this.
"""

from __future__ import annotations

import pytest

from tcpexp.tcp import Config, State, fixed_isn
from tcpexp.tcp.core.stack import Stack
from tests.support.tcp_script import REMOTE, play

SYNS = "0 connect\n0 > S seq 0\n1 > S seq 0\n3 > S seq 0\n"


@pytest.mark.parametrize(
    ("sharp", "rest"), [(False, "5 state SYN-SENT\n7 state CLOSED"), (True, "5 state CLOSED")]
)
def test_an_attempt_may_end_when_its_time_is_over(sharp: bool, rest: str) -> None:
    play(SYNS + rest, opened=False, r2_syn_ns=5_000_000_000, r2_syn_sharp=sharp)


@pytest.mark.parametrize("both", [False, True])
def test_an_old_duplicate_may_acknowledge(both: bool) -> None:
    """The FIN comes again with the acknowledgment of this end's: CLOSING may end by it."""
    play(
        f"""
        1 shutdown
        1 > FA seq 1 ack 1
        1.1 < FA seq 1 ack 1 win 60000
        1.1 > A seq 2 ack 2
        1.1 state CLOSING
        1.2 < FA seq 1 ack 2 win 60000
        1.2 > A seq 2 ack 2
        1.2 state {"TIME-WAIT" if both else "CLOSING"}
        """
        + ("" if both else "2 > FA seq 1 ack 2\n2 < A seq 2 ack 2 win 60000\n"),
        take_old_acks=both,
    )


@pytest.mark.parametrize(("keep", "ack"), [("all", "5"), ("text", "4"), ("nothing", "1")])
def test_what_comes_with_the_syn_of_a_simultaneous_open(keep: str, ack: str) -> None:
    """RFC 9293 section 3.10.7.3 queues it."""
    end = "0.2 state CLOSE-WAIT" if keep == "all" else "0.2 state ESTABLISHED"
    answer = "" if keep == "nothing" else f"0.2 > A seq 1 ack {ack}\n"
    play(
        "0 connect\n0 > S seq 0\n"
        "0.1 < SF seq 0:3 win 9000 <mss 1000>\n0.1 > SA seq 0 ack 1 <mss 1000>\n"
        f"0.2 < A seq 1 ack 1 win 9000\n{answer}{end}\n",
        opened=False,
        take_early=keep,
        delayed_ack=False,
    )


def test_words_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="icmp_soft_ends_attempts has 'bad luck'"):
        Config(icmp_soft_ends_attempts=("time exceeded", "bad luck"))
    with pytest.raises(ValueError, match="'all', 'text' or 'nothing'"):
        Config(take_early="some")


@pytest.mark.parametrize(("controls", "report"), [(False, ""), (True, " <sack 1:2>")])
def test_a_fin_that_comes_again_may_be_reported(controls: bool, report: str) -> None:
    play(
        f"""
        0 connect
        0 > S seq 0
        0.1 < SA seq 0 ack 1 win 60000 <mss 1000, sackOK>
        0.1 > A seq 1 ack 1
        1 < FA seq 1 ack 1 win 60000
        1 > A seq 1 ack 2
        2 < FA seq 1 ack 1 win 60000
        2 > A seq 1 ack 2{report}
        """,
        opened=False,
        sack=True,
        dsack=True,
        dsack_controls=controls,
    )


@pytest.mark.parametrize(("by_gain", "updated"), [(False, False), (True, True)])
def test_an_update_may_follow_from_the_gain_alone(by_gain: bool, updated: bool) -> None:
    """Half of the window is still open, and three of ten segments were read."""
    segments = "".join(
        f"1 < A seq {1000 * n - 999}:{1000 * n + 1} ack 1 win 60000\n" for n in range(1, 5)
    )
    acks = segments.replace("\n1 <", "\n1 <")
    lines = acks.splitlines()
    script = "\n".join(
        [lines[0], lines[1], "1 > A seq 1 ack 2001 win 8000", lines[2], lines[3]]
        + ["1 > A seq 1 ack 4001 win 6000", "2 read 3000"]
        + (["2 > A seq 1 ack 4001 win 9000"] if updated else [])
    )
    play(script, receive_buffer=10_000, window_scaling=False, updates_by_gain=by_gain)


@pytest.mark.parametrize(("up", "window"), [(False, 1026), (True, 1027)])
def test_a_window_between_two_units_may_be_rounded_up(up: bool, window: int) -> None:
    """65700 octets in units of 64."""
    play(
        f"""
        0 connect
        0 > S seq 0 win 65535
        0.1 < SA seq 0 ack 1 win 60000 <mss 1000, wscale 0>
        0.1 > A seq 1 ack 1 win {window}
        """,
        opened=False,
        receive_buffer=65_700,
        window_scaling=True,
        window_shift=6,
        offer_all_space=True,
        round_window_up=up,
    )


@pytest.mark.parametrize("ends", [False, True])
def test_a_soft_error_may_end_an_attempt(ends: bool) -> None:
    config = Config(icmp_soft_ends_attempts=("time exceeded",) if ends else ())
    stack = Stack("10.0.0.1", fixed_isn(9), config)
    connection = stack.connect(REMOTE, 0, port=5)
    stack.icmp_error("host unreachable", 5, REMOTE, 1, seq=9)
    assert connection.state is State.SYN_SENT
    stack.icmp_error("time exceeded", 5, REMOTE, 1, seq=9)
    assert connection.state is (State.CLOSED if ends else State.SYN_SENT)


@pytest.mark.parametrize(("by_segment", "window"), [(False, 60000), (True, 0)])
def test_the_reset_before_the_handshake_may_be_that_of_no_connection(
    by_segment: bool, window: int
) -> None:
    play(
        f"""
        0 connect
        0 > S seq 0
        0.1 < SA seq 0 ack 9 win 9000
        0.1 > R seq 9 win {window}
        """,
        opened=False,
        reset_by_segment=by_segment,
    )
