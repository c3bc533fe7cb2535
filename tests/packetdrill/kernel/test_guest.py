"""Scripts in the guest: our own, small, against the kernel's TCP on the clock that jumps."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.kernel.guest import Guest, program_files
from tcpexp.packetdrill.kernel.player import play_scripts
from tcpexp.packetdrill.kernel.ways import WAYS
from tcpexp.packetdrill.parser import parse_script

LISTEN = """
`sysctl -q net.ipv4.tcp_sack=1
echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect
tc qdisc add dev tun0 root pfifo`
 0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0    setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0    bind(3, ..., ...) = 0
+0    listen(3, 1) = 0
+.1   < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0    > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>
+.1   < . 1:1(0) ack 1 win 257
+0    accept(3, ..., ...) = 4
"""
#: A call that blocks, a timer, a selective acknowledgement, options of the socket.
DATA = """
+0...0.1 read(4, ..., 2000) = 1000
+.1   < P. 1:1001(1000) ack 1 win 257
*     > . 1:1(0) ack 1001
+.1   write(4, ..., 1000) = 1000
+0    > P. 1:1001(1000) ack 1001
+.2~+.5 > P. 1:1001(1000) ack 1001
+.1   < . 1001:1001(0) ack 1001 win 257
+0    < P. 2001:3001(1000) ack 1001 win 257
+0    > . 1001:1001(0) ack 1001 <nop,nop,sack 2001:3001>
+0    getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
+0    fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0    read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)
+0    %{ assert tcpi_state == TCP_ESTABLISHED }%
"""
CONNECT = """
 0    socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+0    connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0    > S 0:0(0) <...>
+1    > S 0:0(0) <...>
+.1   < S. 0:0(0) ack 1 win 5792 <mss 1000>
+0    > . 1:1(0) ack 1
+0    write(3, ..., 100) = 100
+0    > P. 1:101(100) ack 1
"""
WRONG = LISTEN + "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 2\n"
SILENT = LISTEN + "+1 > . 1:1(0) ack 7\n"


@pytest.fixture(scope="module")
def played():
    """Return what became of each script, by name and way; all in one boot, two of them twice."""
    rows = [
        (name, way, text)
        for name, text in {
            "data": LISTEN + DATA,
            "connect": CONNECT,
            "wrong": WRONG,
            "silent": SILENT,
        }.items()
        for way in (WAYS if name in ("data", "connect") else ("ipv4",))
    ]
    rows.append(("again", "ipv4", LISTEN + DATA))
    tasks = [(parse_script(text, f"{name}.pkt"), way) for name, way, text in rows]
    found = play_scripts(tasks, Guest.prepare())
    return {(name, way): judged for (name, way, _), judged in zip(rows, found, strict=True)}


@pytest.mark.guest
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["data", "connect"])
def test_the_kernel_agrees(played, name, way):
    found = played[name, way]
    assert (found.verdict, found.line, found.wrong) == ("agrees", None, None)


@pytest.mark.guest
def test_times_are_those_of_the_virtual_clock(played):
    """What no timer of the kernel delays is microseconds late: the calls' own cost."""
    found = played["data", "ipv4"]
    late = [each.at_ns - each.expected_ns for each in found.happened[:10] if each.at_ns]
    assert max(late) < 20_000
    assert abs((found.happened[8].end_ns or 0) - 300_000_000) < 100_000


@pytest.mark.guest
def test_a_script_is_the_same_again(played):
    """To the octet; the kernel's clock itself is a nanosecond off now and then."""
    first, again = played["data", "ipv4"], played["again", "ipv4"]
    assert [each.seen for each in first.happened] == [each.seen for each in again.happened]
    assert [each.result for each in first.happened] == [each.result for each in again.happened]
    for one, other in zip(first.happened, again.happened, strict=True):
        assert abs((one.at_ns or 0) - (other.at_ns or 0)) <= 5


@pytest.mark.guest
def test_a_wrong_line_is_named(played):
    found = played["wrong", "ipv4"]
    assert found.verdict == "disagrees"
    assert found.line == len(LISTEN.splitlines()) + 2
    assert found.wrong == ("live packet field tcp_ack_seq: expected: 2 (0x2) vs actual: 1 (0x1)")


@pytest.mark.guest
def test_a_packet_that_does_not_come_is_waited_for_and_named(played):
    found = played["silent", "ipv4"]
    assert (found.verdict, found.wrong) == ("disagrees", "Timed out waiting for packet")


def test_the_program_brings_the_standard_library_s_and_its_own_modules_only():
    names = set(program_files())
    assert {"packetdrill/guest/play.py", "packetdrill/guest/wire.py"} <= names
    assert all(name.startswith("packetdrill/") or name == "__init__.py" for name in names)
    assert not [name for name in names if "/kernel/" in name]
