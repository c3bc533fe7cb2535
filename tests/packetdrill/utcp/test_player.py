"""Scripts against ``tcpexp.tcp``: what agrees, what fails where, and what cannot be played."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.kernel.ways import ways_of
from tcpexp.packetdrill.outcome import Judged, Unplayable
from tcpexp.packetdrill.parser import parse_script
from tcpexp.packetdrill.utcp.player import play
from tcpexp.packetdrill.utcp.systems import system_for
from tcpexp.packetdrill.variants import system_of, versions_of
from tests.support.drills import SERVER

CLIENT = """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>
"""


def judge(text: str, system: str | None = None) -> Judged:
    return play(parse_script(text, "t.pkt"), "ipv4", system)


def agrees(text: str, system: str | None = None) -> None:
    judged = judge(text, system)
    assert judged.wrong is None
    assert judged.verdict == "agrees"


def fails(text: str, line: int, words: str) -> Judged:
    judged = judge(text)
    assert judged.verdict == "disagrees"
    assert words in str(judged.wrong)
    assert judged.line == line
    return judged


def test_a_server_that_answers() -> None:
    agrees(
        SERVER
        + """
+.1 < P. 1:101(100) ack 1 win 257
+0 read(4, ..., 1000) = 100
+0 write(4, ..., 2500) = 2500
+0 > P. 1:2501(2500) ack 101
+.1 < . 101:101(0) ack 2501 win 257
+0 close(4) = 0
+0 > F. 2501:2501(0) ack 101
+.1 < F. 101:101(0) ack 2502 win 257
+0 > . 2502:2502(0) ack 102
"""
    )


def test_a_client_whose_timestamps_are_the_scripts() -> None:
    agrees(
        CLIENT
        + """
+.1 < S. 0:0(0) ack 1 win 5792 <mss 1460,sackOK,TS val 700 ecr 100,nop,wscale 7>
+0 > . 1:1(0) ack 1 <nop,nop,TS val 200 ecr 700>
+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
+0 %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state }%
"""
    )


def test_a_timer_expires_at_its_time() -> None:
    again = "+1 > S 0:0(0) <...>\n" * 4  # Linux does not double the first of a SYN's timeouts
    agrees(CLIENT + again + "+1 > S 0:0(0) <...>\n+2 > S 0:0(0) <...>")
    fails(CLIENT + again + "+2 > S 0:0(0) <...>", 11, "timing error: expected outbound")


def test_a_delayed_acknowledgment_may_come_in_a_range_of_times() -> None:
    agrees(SERVER + "+0 < . 1:101(100) ack 1 win 257\n+0~+0.05 > . 1:1(0) ack 101")


def test_strict_segments_are_not_joined() -> None:
    line = "+0 write(4, ..., 2000) = 2000\n+0 > P. 1:2001(2000) ack 1"
    agrees(SERVER + line)
    fails("--strict_segments" + SERVER + line, 11, "tcp_payload_len")


def test_the_first_field_that_is_wrong_is_named() -> None:
    judged = fails(SERVER + "+0 write(4, ..., 10) = 10\n+0 > P. 1:12(11) ack 1", 11, "payload_len")
    assert judged.happened[-1].wrong == judged.wrong
    assert judged.happened[-1].seen is not None


def test_no_packet_comes() -> None:
    fails(SERVER + "+0 > . 1:1(0) ack 1", 10, "Timed out waiting for packet")


def test_what_no_line_names_is_told_besides() -> None:
    judged = judge(SERVER + "+0 write(4, ..., 10) = 10")
    assert judged.verdict == "agrees"
    assert [packet.content.length for _, packet in judged.besides] == [10, 10, 10]  # type: ignore[union-attr]


def test_results_of_calls_are_compared() -> None:
    fails(SERVER + "+0 read(4, ..., 10) = 10", 10, "the call blocks")
    fails(SERVER + "+0 < . 1:6(5) ack 1 win 257\n+0 read(4, ..., 10) = 10", 11, "but got 5")
    fails(
        SERVER + "+0 < R. 1:1(0) ack 1 win 257\n+0 read(4, ..., 10) = -1 ECONNREFUSED (no)",
        11,
        "Expected errno ECONNREFUSED but got ECONNRESET",
    )
    fails(SERVER + "+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [5], [4]) = 0", 10, "actual value 1000")


def test_a_blocking_call_returns_when_it_can() -> None:
    agrees(SERVER + "+0...0.2 read(4, ..., 10) = 5\n+.2 < P. 1:6(5) ack 1 win 257")
    fails(
        SERVER + "+0...0.1 read(4, ..., 10) = 5\n+.2 < P. 1:6(5) ack 1 win 257",
        10,
        "expected system call return at 0.200000 sec but happened at 0.300000",
    )


def test_poll_and_epoll() -> None:
    agrees(
        SERVER
        + """
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1
+0 epoll_create(1) = 5
+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0
+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 0
+0 < P. 1:6(5) ack 1 win 257
+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1
"""
    )


def test_a_reset_and_an_icmp_error_reach_the_program() -> None:
    refused = "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0"
    agrees(CLIENT + "+0 < R. 0:0(0) ack 1 win 0\n" + refused)
    agrees(CLIENT + "+0 < icmp unreachable port_unreachable [0:0(0)]\n" + refused)
    agrees(CLIENT + "+0 < icmp unreachable port_unreachable [9:9(0)]\n+1 > S 0:0(0) <...>")


def test_which_error_ended_an_attempt_reaches_the_program() -> None:
    """On Linux and FreeBSD some soft errors end one as well."""
    asks = "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [{}], [4]) = 0"
    exceeded = "+0 < icmp time_exceeded ttl_exceeded_in_transit [0:0(0)]\n"
    unreachable = "+0 < icmp unreachable host_unreachable [0:0(0)]\n"
    agrees(CLIENT + exceeded + asks.format("EHOSTUNREACH"))
    agrees(CLIENT + unreachable + asks.format("EHOSTUNREACH"))
    client = CLIENT.replace("wscale 8", "wscale 6")
    agrees(client + exceeded + asks.format("EHOSTUNREACH"), "FreeBSD")
    agrees(client + unreachable + asks.format("0") + "\n+1~+4 > S 0:0(0) <...>", "FreeBSD")


def test_a_request_that_an_icmp_error_ends_is_forgotten() -> None:
    """Linux: tcp_req_err(). Without brackets the message is about the SYN,ACK."""
    agrees(
        SERVER.rsplit("\n", 3)[0]
        + """
+.1 < icmp unreachable host_unreachable
+0 < . 1:1(0) ack 1 win 257
+0 > R 1:1(0)
"""
    )


def test_how_many_octets_wait_does_not_count_the_fin() -> None:
    """Linux: tcp_inq()."""
    agrees(
        SERVER
        + """
+0 < FP. 1:101(100) ack 1 win 257
*  > . 1:1(0) ack 102
+0 ioctl(4, SIOCINQ, [100]) = 0
+0 read(4, ..., 100) = 100
+0 ioctl(4, SIOCINQ, [0]) = 0
"""
    )


def test_the_largest_segment_of_a_packet_that_a_card_joined() -> None:
    text = SERVER + "+0 < . 1:10001(10000) ack 1 win 257\n+0 > . 1:1(0) ack 10001\n"
    agrees("--mss=900\n" + text + "+0 %{ assert tcpi_rcv_mss == 900 }%")
    agrees(text + "+0 %{ assert tcpi_rcv_mss == 1460 }%")


def test_a_sysctl_takes_the_option_of_accurate_ecn_off_at_once() -> None:
    """Segments that begin later have its room."""
    agrees(
        """
--strict_segments
0 `sysctl -q net.ipv4.tcp_ecn=3`
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < SEWA 0:0(0) win 32792 <mss 1460,nop,nop,sackOK,nop,wscale 8>
+0 > SW. 0:0(0) ack 1 <...>
+.05 < [ect0] W. 1:1(0) ack 1 win 264 <ECN e0b 1 ceb 0 e1b 1,nop>
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 1448) = 1448
+0 > [ect0] P.5 1:1449(1448) ack 1 <...>
+.05 < [ect0] .5 1:1(0) ack 1449 win 264 <ECN e0b 1449 ceb 0 e1b 1,nop>
+0 `sysctl -q net.ipv4.tcp_ecn_option=0`
+0 write(4, ..., 1460) = 1460
+0 > [ect0] P.5 1449:2909(1460) ack 1
"""
    )


def test_data_of_a_syn_that_are_taken_in_part_are_not_said_to_be_taken() -> None:
    """TCPI_OPT_SYN_DATA of Linux: tcp_rcv_fastopen_synack()."""
    asks = """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 sendto(3, ..., 0, MSG_FASTOPEN, ..., ...) = 0
+0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8,FO,nop,nop>
+.01 < S. 123:123(0) ack 1 win 5840 <mss 1460,nop,nop,sackOK,nop,wscale 6,FO abcd1234,nop,nop>
+0 > . 1:1(0) ack 1
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4
+0 sendto(4, ..., 20, MSG_FASTOPEN, ..., ...) = 20
+0 > S 0:20(20) <...>
"""
    asks = asks.replace(
        "\n+0 sendto(3", "\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 sendto(3"
    )
    asks = asks.replace("..., ...) = 0\n", "..., ...) = -1 EINPROGRESS (in progress)\n")
    asks = asks.replace(
        "\n+0 sendto(4", "\n+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 sendto(4"
    )
    answer = "+.01 < S. 500:500(0) ack {} win 5840 <mss 1460,nop,nop,sackOK>\n"
    said = "+0 %{{ assert (tcpi_options & TCPI_OPT_SYN_DATA) {} 0 }}%"
    rest = "+0 > P. 11:21(10) ack 1\n"
    agrees(asks + answer.format(11) + rest + said.format("=="))
    agrees(asks + answer.format(21) + "+0 > . 21:21(0) ack 1\n" + said.format("!="))


def test_freebsds_sysctls_and_its_view_of_connections() -> None:
    agrees(
        """
0 `sysctl -w net.inet.tcp.rfc1323=0`
+0 `sysctl -w net.inet.tcp.sack.enable=0`
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1460,sackOK,eol,eol>
+0 > S. 0:0(0) ack 1 win 65535 <mss 1460>
+0 `sockstat -4 -P tcp -p 8080 -s | grep -c SYN_RCVD | grep 1`
+0 < R 1:1(0) win 0
+0 `sockstat -4 -P tcp -p 8080 -s | grep -c SYN_RCVD | grep 0`
"""
    )
    fails("0 `sockstat -4 -P tcp -s | grep -c TIME_WAIT | grep 1`", 1, "0 sockets in TIME_WAIT")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("+0 splice(4, NULL, 5, NULL, 10, 0) = 10", "the system call splice()"),
        ("+0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0", "the socket option SO_ZEROCOPY"),
        ("+0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 5", "a socket of the kind SOCK_DGRAM"),
        ("+0 `rm -rf /`", "the command rm"),
        ("+0 `sysctl -w kernel.panic=1`", "the sysctl kernel.panic"),
        ("+0 `sysctl -w net.inet.tcp.blackhole=2`", "net.inet.tcp.blackhole with the value 2"),
        ("+0 %{ import os }%", "Import in Python"),
        ("+0 > udp (10)", "UDP datagrams"),
        ("+0 > gre: . 1:1(0) ack 1", "packets in gre"),
        ("+0 < . 1:1(0) ack 1 win 5 <nop,nop,md5 00>", "the TCP option md5"),
        ("+0 recv(4, ..., 5, MSG_OOB) = 5", "recv() with MSG_OOB"),
    ],
)
def test_what_cannot_be_played_says_why(line: str, reason: str) -> None:
    with pytest.raises(Unplayable) as raised:
        judge(SERVER + line)
    assert reason in str(raised.value)


def test_whose_constants_a_script_supposes() -> None:
    assert system_of(SERVER) == "Linux"
    assert system_of("0 `sysctl -w net.inet.tcp.sack.enable=1`") == "FreeBSD"
    assert system_for("FreeBSD", 1500, 40).config.mss == 1440
    assert system_for("Linux", 1500, 20, frozenset({"rack"})).config.tail_loss_probe is False
    system = system_for("Linux", 1500, 20)
    assert versions_of("0 `sysctl -w net.inet.tcp.sack.enable=1`") == ("ipv4",)
    assert len(versions_of(SERVER)) == 3
    system.sysctl("net.ipv4.tcp_rmem", '"4096 131072 $((32*1024*1024))"')
    assert (system.config.receive_buffer, system.config.window_shift) == (65536, 10)
    with pytest.raises(Unplayable):
        system.sysctl("net.ipv4.tcp_rmem", "lots")


def test_what_tcp_info_counts_of_deliveries_and_reordering() -> None:
    agrees(
        SERVER
        + """
+0 %{ assert tcpi_delivered == 1 and tcpi_reord_seen == 0 and tcpi_reordering == 3 }%
+0 write(4, ..., 5000) = 5000
+0 > P. 1:5001(5000) ack 1
+.1 < . 1:1(0) ack 1 win 257 <sack 4001:5001,nop,nop>
+0 < . 1:1(0) ack 5001 win 257
+0 %{ assert tcpi_delivered == 6 and tcpi_reord_seen == 1 and tcpi_reordering == 5 }%
+.5 < P. 1:101(100) ack 5001 win 257
+.2 %{ assert 190 <= tcpi_last_data_recv <= 210 }%
"""
    )


def test_a_call_that_opens_with_data_is_made_once() -> None:
    """Also by write() after connect() that waited for them; what has no cookie yet has to wait."""
    agrees(
        """
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 sendto(3, ..., 0, MSG_FASTOPEN, ..., ...) = -1 EINPROGRESS (Operation is now in progress)
+0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8,FO,nop,nop>
+0 sendto(3, ..., 10, 0x20000000, ..., ...) = -1 EALREADY (Operation already in progress)
+0 read(3, ..., 10) = -1 EAGAIN (Resource temporarily unavailable)
+.01 < S. 123:123(0) ack 1 win 5840 <mss 1460,nop,nop,sackOK,nop,wscale 6,FO abcd1234,nop,nop>
+0 > . 1:1(0) ack 1
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4
+0 setsockopt(4, SOL_TCP, TCP_FASTOPEN_CONNECT, [1], 4) = 0
+0 connect(4, ..., ...) = 0
+0 connect(4, ..., ...) = -1 EISCONN (Transport endpoint is already connected)
+0...0.01 write(4, ..., 100) = 100
+0 > S 0:100(100) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8,FO abcd1234,nop,nop>
+.01 < S. 5678:5678(0) ack 101 win 5840 <mss 1460,nop,nop,sackOK,nop,wscale 6>
+0 > . 101:101(0) ack 1
"""
    )


def test_an_address_of_ipv4_is_for_no_other_version() -> None:
    script = parse_script("--local_ip=192.168.0.3\n" + SERVER, "t.pkt")
    assert [way.name for way in ways_of(script)] == ["ipv4", "ipv4-mapped-ipv6"]
    assert len(ways_of(parse_script("--local_ip=fd3d::1\n" + SERVER, "t.pkt"))) == 3


@pytest.mark.parametrize(
    ("data", "wait"), [("+0 < P. 1:11(10) ack 1 win 257\n*  > . 1:1(0) ack 11", ".04"), ("", "0")]
)
def test_linux_delays_the_answer_to_a_fin_after_data(data: str, wait: str) -> None:
    end = 11 if data else 1
    agrees(
        SERVER
        + f"""
{data}
+.1 < F. {end}:{end}(0) ack 1 win 257
+{wait} > . 1:1(0) ack {end + 1}
"""
    )
