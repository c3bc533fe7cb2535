"""Where PSH stands when a system hands down large packets."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.parser import parse_script
from tcpexp.packetdrill.utcp.player import play
from tests.support.drills import SERVER

#: 100 ms of round trip: a packet holds two segments.
FAR = SERVER + "+0 write(4, ..., 9500) = 9500\n"


def wrong(text: str, system: str = "Linux") -> str | None:
    return play(parse_script(text, "t.pkt"), "ipv4", system).wrong


def test_a_packet_of_several_segments_ends_with_push() -> None:
    assert wrong(FAR + "+0 > P. 1:2001(2000) ack 1\n+0 > P. 2001:8001(6000) ack 1") is None
    assert wrong(FAR + "+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:2001(1000) ack 1") is None


@pytest.mark.parametrize("line", [". 1:2001(2000)", "P. 1:1001(1000)", "P. 1:3001(3000)"])
def test_a_push_elsewhere_is_wrong(line: str) -> None:
    assert "tcp_psh" in str(wrong(FAR + f"+0 > {line} ack 1"))


def test_what_is_left_over_is_a_packet_of_its_own() -> None:
    odd = SERVER + "+0 write(4, ..., 20000) = 20000\n+0 > P. 1:10001(10000) ack 1\n"
    odd += "+.1 < . 1:1(0) ack 3001 win 257\n"
    assert wrong(odd + "+0 > P. 10001:16001(6000) ack 1") is None
    small = odd.replace("ack 3001", "ack 2001").replace("20000", "13000")
    assert wrong(small + "+0 > P. 10001:13001(3000) ack 1") is None  # the write's own end


def test_a_retransmission_of_half_a_packet_has_none() -> None:
    lost = """+0 > P. 1:9501(9500) ack 1
+.1 < . 1:1(0) ack 1 win 257 <sack 4001:5001,nop,nop>
+0 < . 1:1(0) ack 1 win 257 <sack 4001:6001,nop,nop>
+0 < . 1:1(0) ack 1 win 257 <sack 4001:7001,nop,nop>
+0 > . 1:1001(1000) ack 1
+0 < . 1:1(0) ack 1 win 257 <sack 4001:8001,nop,nop>
"""
    assert wrong(FAR + lost + "+0 > . 1001:2001(1000) ack 1") is None
    assert "tcp_psh" in str(wrong(FAR + lost + "+0 > P. 1001:2001(1000) ack 1"))


def test_the_sysctl_decides_how_many_segments_a_packet_has_at_least() -> None:
    more = "0 `./set_sysctls.py /proc/sys/net/ipv4/tcp_min_tso_segs=5`\n" + FAR
    assert wrong(more + "+0 > P. 1:5001(5000) ack 1") is None
    assert "tcp_psh" in str(wrong(more + "+0 > P. 1:2001(2000) ack 1"))


def test_freebsd_pushes_the_end_of_what_is_queued_only() -> None:
    assert wrong(FAR + "+0 > . 1:2001(2000) ack 1", "FreeBSD") is None
