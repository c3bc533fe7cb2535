"""ICMP errors: hard ones end an attempt to connect, soft ones are told, and none ends a connection
that stands. RFC 9293 section 3.9.2.2.
"""

from __future__ import annotations

import pytest

from tcpexp.tcp import Config, State, fixed_isn
from tcpexp.tcp.core.events import Unreachable
from tcpexp.tcp.core.icmp import HARD, SOFT
from tcpexp.tcp.core.stack import Stack
from tests.support.tcp_script import REMOTE, play


@pytest.mark.parametrize("error", ["protocol unreachable", "port unreachable"])
def test_a_hard_error_refuses_an_attempt(error: str) -> None:
    stack = Stack("10.0.0.1", fixed_isn(9), Config())
    connection = stack.connect(REMOTE, 0, port=5)
    stack.icmp_error(error, 5, REMOTE, 1, seq=9)
    assert connection.state is State.CLOSED


@pytest.mark.parametrize("error", [*HARD, *SOFT])
def test_no_error_ends_a_connection(error: str) -> None:
    player = play("1 write 10\n1 > PA seq 1:11")
    player.connection.icmp_error(error, player.now, 1001)
    player.collect()
    assert player.connection.state is State.ESTABLISHED
    assert any(isinstance(event, Unreachable) and event.error == error for event in player.events)


@pytest.mark.parametrize(
    ("error", "seq"), [("source quench", 1001), ("host unreachable", 5), ("host unreachable", 1011)]
)
def test_a_source_quench_and_an_error_about_nothing_in_flight_are_ignored(
    error: str, seq: int
) -> None:
    player = play("1 write 10\n1 > PA seq 1:11")
    player.connection.icmp_error(error, player.now, seq)
    player.collect()
    assert not any(isinstance(event, Unreachable) for event in player.events)


def test_an_unknown_error_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="known are"):
        play("").connection.icmp_error("bad luck", 0)
