"""What the kernel did, held against a script: made logs, one thing wrong in each."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.guest import wire
from tcpexp.packetdrill.guest.mapping import Peer
from tcpexp.packetdrill.kernel.judge import judge
from tcpexp.packetdrill.kernel.lower import lower_script
from tcpexp.packetdrill.kernel.packets import encode
from tcpexp.packetdrill.kernel.ways import WAYS, ways_of
from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.parser import parse_script
from tcpexp.packetdrill.script import Option, Packet, Tcp

SCRIPT = """
 0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0    getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
+.1   < S 0:0(0) win 1000 <mss 1460>
+.05  > S. 0:0(0) ack 1 <mss 1460,nop,wscale 7>
+0    read(3, ..., 10) = -1 EAGAIN (Try again)
+0    %{ assert tcpi_state == TCP_ESTABLISHED }%
"""
MS = 1_000_000
SYN_ACK = Tcp(
    "S.", 0, 0, 1, 65535, options=(Option("mss", 1460), Option("nop"), Option("wscale", 7))
)
KERNEL = Peer(
    wire.TCP,
    local=(bytes([192, 0, 2, 1]), 40000),
    remote=(bytes([192, 168, 0, 1]), 8080),
    isn=0,
    remote_isn=900,
)


def sent(segment: Tcp) -> list[str]:
    """Return the octets that a kernel sends whose initial sequence number is 900."""
    data = bytearray(encode(Packet("in", segment), 4))
    data[12:20] = KERNEL.remote[0] + KERNEL.local[0]
    data[20:24] = (8080).to_bytes(2, "big") + (40000).to_bytes(2, "big")
    wire.add(data, 24, 900)
    wire.fill_checksums(data)
    return [bytes(data).hex()]


def log() -> dict:
    done = {"errno": 0, "outputs": {}}
    numbers = {"isn": 900, "script_isn": 0, "remote_isn": 0, "first_ts": None}
    events = [
        {"base": 0, "t": 1, "end": 2, "result": 9, **done},
        {
            "base": 3,
            "t": 3,
            "end": 4,
            "result": 0,
            "errno": 0,
            "outputs": {"3": "00000000", "4": "04000000"},
        },
        {"base": 5, "t": 100 * MS + 5, "bytes": "", **numbers},
        {"base": 100 * MS + 6, "t": 152 * MS, "parts": sent(SYN_ACK), **numbers},
        {
            "base": 152 * MS,
            "t": 152 * MS,
            "end": 152 * MS,
            "result": -1,
            "errno": 11,
            "outputs": {},
        },
        {"base": 152 * MS, "t": 152 * MS, "tcp_info": "01" + "00" * 231},
    ]
    whole = {
        "begin_ns": 0,
        "events": events,
        "left": [],
        "ended": None,
        "initial": None,
        "final": None,
    }
    return whole


def judged(log: dict):
    return judge(parse_script(SCRIPT, "script.pkt"), WAYS["ipv4"], log)


def test_a_log_as_the_script_says():
    found = judged(log())
    assert (found.verdict, found.wrong, len(found.happened)) == ("agrees", None, 6)
    assert found.latest_ns == 152 * MS - (150 * MS + 6)
    seen = found.happened[3].seen
    assert seen is not None
    assert seen.content == SYN_ACK


@pytest.mark.parametrize(
    ("number", "change", "line", "words"),
    [
        (0, {"result": -1, "errno": 24}, 2, "Expected non-negative result but got -1"),
        (1, {"outputs": {"3": "6f000000", "4": "04000000"}}, 3, "expected: 0 actual: 111"),
        (2, {"t": 120 * MS}, 4, "timing error: expected inbound packet at 0.100000"),
        (3, {"t": 140 * MS}, 5, "timing error: expected outbound packet at 0.150000"),
        (3, {"t": 157 * MS}, 5, "tolerance 0.006250"),
        (3, {"parts": sent(Tcp("S.", 0, 0, 1, 5))}, 5, "bad outbound TCP options"),
        (3, {"parts": sent(Tcp("S.", 0, 0, 2, 5, options=SYN_ACK.options))}, 5, "tcp_ack_seq"),
        (3, {"parts": sent(Tcp("S.E", 0, 0, 1, 5, options=SYN_ACK.options))}, 5, "tcp_ece"),
        (3, {"parts": sent(Tcp("S.", 0, 1, 1, 5, options=SYN_ACK.options))}, 5, "payload_len"),
        (3, {"error": "no packet"}, 5, "Timed out waiting for packet"),
        (4, {"errno": 9}, 6, "Expected errno 11 (Resource temporarily unavailable) but got 9 (Bad"),
        (4, {"blocked": True}, 6, "the call blocks"),
        (5, {"tcp_info": "02" + "00" * 231}, 7, "assert tcpi_state"),
        (5, {"tcp_info": None}, 7, "no TCP_INFO"),
    ],
)
def test_one_thing_wrong(number, change, line, words):
    made = log()
    made["events"][number] |= change
    found = judged(made)
    assert found.verdict == "disagrees"
    assert found.line == line
    assert words in str(found.wrong)


def test_payload_that_is_not_zeros():
    made = log()
    script = SCRIPT.replace("0:0(0) ack 1 <mss", "0:5(5) ack 1 <mss")
    (data,) = sent(Tcp("S.", 0, 5, 1, 5, options=SYN_ACK.options))
    made["events"][3]["parts"] = [data[:-2] + "61"]
    found = judge(parse_script(script, "script.pkt"), WAYS["ipv4"], made)
    assert "payload" in str(found.wrong)


def test_a_call_that_blocks_is_not_what_a_missing_packet_makes_wrong():
    made = log()
    made["events"][4].pop("result")
    made["events"][5] = {"base": 152 * MS, "error": "no packet"}
    assert judged(made).line == 7
    made = log()
    made["events"][4].pop("result")
    assert (judged(made).line, judged(made).wrong) == (6, "the call has not returned")


def test_a_guest_that_fails_is_not_the_kernel_s_disagreement():
    assert judged({"broken": "no tun"}).verdict == "broken"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("+0 mmap(3, ..., 10) = 0", "line 2: the system call mmap()"),
        ("+0 setsockopt(3, SOL_SOCKET, SO_SPLICE, [1], 4) = 0", "SO_SPLICE"),
        ('+0 open("/etc/passwd", O_RDONLY) = 4', "opening /etc/passwd"),
        ("+0 < S 0:0(0) win 1000 <nop>", "whole words"),
        ("+0 `reboot`", "the command reboot"),
    ],
)
def test_what_is_not_played_says_why(line, words):
    script = parse_script(f"0 socket(..., SOCK_STREAM, 0) = 3\n{line}\n", "script.pkt")
    with pytest.raises(Unplayable, match=words.replace("(", r"\(").replace(")", r"\)")):
        lower_script(script, WAYS["ipv4"], lambda path: None)


def test_ways_that_a_script_names():
    def ways(text: str, name: str) -> list[str]:
        return [way.name for way in ways_of(parse_script(text + SCRIPT, name))]

    assert ways("", "a.pkt") == ["ipv4", "ipv6", "ipv4-mapped-ipv6"]
    assert ways("--ip_version=ipv6\n", "a.pkt") == ["ipv6"]
    assert ways("", "a-v6.pkt") == ["ipv6"]
    assert ways("", "a-v4.pkt") == ["ipv4", "ipv4-mapped-ipv6"]
