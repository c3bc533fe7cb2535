"""A script that disagrees is shown with its line, both packets and what happened before."""

from __future__ import annotations

from tcpexp.packetdrill.parser import parse_script
from tcpexp.packetdrill.show import BEFORE, failure_lines, ladder_lines
from tcpexp.packetdrill.utcp.player import play
from tests.support.drills import SERVER


def test_the_line_both_packets_and_the_ladder_are_shown() -> None:
    script = parse_script(SERVER.replace("S. 0:0(0) ack 1 <...>", "S. 0:0(0) ack 2 <...>"), "a.pkt")
    lines = failure_lines(script, play(script))
    assert (
        lines[0]
        == "a.pkt:7: error: live packet field tcp_ack_seq: expected: 2 (0x2) vs actual: 1 (0x1)"
    )
    assert lines[1].startswith("  script packet: 0.000000 S. 0:0(0) ack 2")
    assert lines[2].startswith("  actual packet: 0.000000 ") and "S. 0:0(0) ack 1 " in lines[2]
    (here,) = [line for line in lines if line.endswith("<-- here")]
    assert "<--    7" in here
    assert any("-->    6" in line for line in lines)


def test_a_packet_that_did_not_come_is_said() -> None:
    script = parse_script(SERVER + "+.5 > P. 1:11(10) ack 1\n", "a.pkt")
    lines = failure_lines(script, play(script))
    assert "  actual packet: none came" in lines


def test_a_script_that_agrees_shows_nothing_and_a_long_one_its_end() -> None:
    script = parse_script(SERVER, "a.pkt")
    judged = play(script)
    assert failure_lines(script, judged) == []
    more = parse_script(
        SERVER + "+.1 < . 1:1(0) ack 1 win 257\n" * 30 + "+.1 close(9) = 0\n", "a.pkt"
    )
    assert len(ladder_lines(play(more))) <= BEFORE + 1
