"""Which scripts are plain, and what the others ask for."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill import plain
from tcpexp.packetdrill.parser import parse_script
from tcpexp.packetdrill.plain import why_not_plain
from tests.support.drills import SERVER


def why(text: str) -> str | None:
    return why_not_plain(parse_script(text, "t.pkt"))


def test_sockets_and_segments_are_plain() -> None:
    assert why(SERVER + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 <nop>") is None
    assert why(SERVER + "+0 %{ assert tcpi_state == TCP_ESTABLISHED }%") is None
    assert why("0 `sysctl -q net.ipv4.tcp_sack=0`") is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("+0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0", plain.ZERO_COPY),
        ("+0 send(4, ..., 9, MSG_DONTWAIT|MSG_MORE) = 9", plain.HELD_BACK),
        ("+0 pipe([5, 6]) = 0", plain.FILES),
        ("+0 write(4, NULL, 9) = -1 EFAULT (Bad address)", plain.POINTERS),
        ("+0 < . 1:1(0) ack 1 win 9 <md5 valid>", plain.SIGNATURES),
        ("+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]", plain.PATH_MTU),
        ("+0 `tc qdisc add dev tun0 root fq`", plain.ROUTES),
        ("+0 `tc qdisc replace dev tun0 root fq`", plain.ROUTES),
        ("+0 `nstat | grep TcpExtBeyondWindow | grep -q ' 3 '`", plain.COUNTERS),
        ("+0 %{ assert SK_MEMINFO_RCVBUF == 131072 }%", plain.BUFFERS),
        ("+0 %{ assert tcpi_rwnd_limited > 0 }%", plain.CLOCKS),
    ],
)
def test_what_is_not_plain_says_what_it_is(line: str, reason: str) -> None:
    assert why(SERVER + line) == reason


def test_options_and_the_first_command_count_too() -> None:
    assert why("--udp_encapsulation=9899\n" + SERVER) == plain.OUTER
    assert why("`sysctl -q net.ipv4.tcp_notsent_lowat=4000`\n" + SERVER) == plain.LOW_WATER


SMALL = "+0 setsockopt(4, SOL_SOCKET, SO_RCVBUF, [10000], 4) = 0\n"
ROOM = "+0 setsockopt(4, SOL_SOCKET, SO_SNDBUF, [10000], 4) = 0\n"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (SMALL + "+0 < P. 1:101(100) ack 1 win 257\n+0 > . 1:1(0) ack 101 win 9900", plain.BUFFERS),
        (SMALL + "+0 < P. 1:101(100) ack 1 win 257\n+0 > . 1:1(0) ack 101", None),
        (ROOM + "+0...0.3 write(4, ..., 61000) = 61000", plain.BUFFERS),
        (ROOM + "+0 write(4, ..., 1000) = 1000", None),
    ],
)
def test_what_follows_from_a_buffers_size_is_linuxs_own(lines: str, reason: str | None) -> None:
    assert why(SERVER + lines) == reason
    assert why("`sysctl -w net.inet.tcp.sack.enable=1`\n" + SERVER + lines) is None  # BSD: octets
