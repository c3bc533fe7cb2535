"""Table 6 of RFC 9293 section 3.10.7.4: which segments are acceptable, at each edge of
the window.
"""

from __future__ import annotations

import pytest

from tcpexp.tcp.core.arrives import acceptable
from tests.support.tcp_script import play

NEXT = 100


@pytest.mark.parametrize(
    ("seq", "length", "window", "verdict"),
    [
        # no text, window closed: exactly RCV.NXT
        (100, 0, 0, True),
        (99, 0, 0, False),
        (101, 0, 0, False),
        # no text: inside
        (100, 0, 10, True),
        (109, 0, 10, True),
        (110, 0, 10, False),
        (99, 0, 10, False),
        (100, 1, 0, False),  # text and a closed window: never
        # one octet
        (100, 1, 10, True),
        (109, 1, 10, True),
        (110, 1, 10, False),
        (99, 1, 10, False),
        # begins or ends inside
        (90, 10, 10, False),
        (90, 11, 10, True),
        (109, 50, 10, True),
        (90, 20, 10, True),
        (90, 21, 10, False),
    ],
)
def test_table_6(seq: int, length: int, window: int, verdict: bool) -> None:
    assert acceptable(seq, length, NEXT, window) is verdict


def test_a_segment_longer_than_the_window_on_both_sides_is_refused_as_the_table_says() -> None:
    play("1 < A seq -10:700 ack 1\n1 > A seq 1 ack 1\n1 readable 0", receive_buffer=600)


def test_a_closed_window_still_takes_acknowledgments_and_resets() -> None:
    player = play(
        """
        1 write 10
        1 > PA seq 1:11 ack 1
        1.1 < A seq 1:601 ack 1
        1.14 > A seq 11 ack 601 win 0
        1.2 < A seq 601:611 ack 11                # the text is refused, the acknowledgment is taken
        1.2 > A seq 11 ack 601 win 0
        1.3 < R seq 601
        1.3 state CLOSED
        """,
        receive_buffer=600,
    )
    assert player.connection.tcb.snd_una == 1011
