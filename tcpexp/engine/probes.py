"""What the certificate measures before t0: base RTT between hosts, and the rate of every shaped direction.

Both are sent and received by the engine itself through sockets opened in the hosts' namespaces, so no process is started;
arrivals carry the kernel's own time stamps.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import select
import socket
import statistics
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.engine import paths
from tcpexp.engine.qdiscs import dump_qdiscs
from tcpexp.errors import RunError
from tcpexp.plan.types import DirectionPlan, LinkPlan

if TYPE_CHECKING:
    from tcpexp.engine.assembly import Network
    from tcpexp.engine.waiting import Waiter

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
PINGS = 5
#: Beyond this many pairs of hosts only some are measured, with fewer pings each: hundreds would take minutes.
MOST_PAIRS = 15
FEW_PINGS = 2
#: Beyond this many directions with a rate, only one of each kind is measured.
MOST_RATES = 12
PING_BYTES = 56
PING_INTERVAL_NS = 10_000_000
REPLY_LIMIT_S = 2.0
UDP_PORT = 9  # discard
#: Headers before the payload, by version of IP.
UDP_AND_IP_BYTES = {4: 28, 6: 48}
ETHERNET_BYTES = 14
#: A burst has this many frames, fewer where they would take longer than the limit.
BURST_FRAMES = 60
LEAST_FRAMES = 8
BURST_LIMIT_S = 2.0
#: The first frames pass on the shaper's saved-up tokens and say nothing about its rate.
TOKEN_FRAMES = 3
OVERLOAD = 1.1
#: The largest share of a burst that may have overtaken others and be left out.
MOST_OVERTAKING = 0.2
#: This many frames wait in the queue from the start, or as many as leave within a few steps, so that it does not run dry when the sender is late.
HEAD_START_FRAMES = 24
#: The sender looks this often what is due, more often where the queue holds too little for that.
SEND_STEP_S = 0.002
STEPS_AHEAD = 3
#: What no queue shows: a packet on its way from one interface to the next.
SETTLE_S = 0.01
DRAIN_LIMIT_NS = 30_000_000_000
_TIMESPEC = struct.Struct("=qq")
#: What a frame of a burst begins with.
_NUMBER = struct.Struct("!I")


@dataclass(frozen=True)
class Echo:
    """How a version of IP pings: the raw socket, the message types, and whether what is received begins with the IP header."""

    family: socket.AddressFamily
    protocol: int
    request: int
    reply: int
    shows_header: bool


#: RFC 792 and RFC 4443 section 4.
ECHO = {4: Echo(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, True), 6: Echo(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, False)}


def measure_network(network: Network, waiter: Waiter, flows: list[tuple[str, str]] | None = None) -> dict[str, Any]:
    """Run all probes and wait until their packets are gone; return the content of ``raw/probes.json``.

    The base RTT is measured between all pairs of hosts where they are few, else between those of ``flows`` and such that cross the other links.
    """
    ways = paths.Paths(network.plan)
    found: dict[str, Any] = {"paths": [], "rates": []}
    pairs, pings = ways.host_pairs(), PINGS
    if len(pairs) > MOST_PAIRS:
        pairs, pings = ways.covering_pairs(flows or []), FEW_PINGS
    for one, other in pairs:
        asked = ways.asked_rtt_ns(one, other)
        if asked is not None:
            found["paths"].append({"from": one, "to": other, "asked_rtt_ns": asked, "rtt_ns": measure_rtt(network, waiter, one, other, asked, pings)})
    for link, towards, direction, pair in chosen_rates(ways):
        rate = direction.rate_bps or 0
        found["rates"].append({"link": link.name, "towards": towards, "asked_bps": rate, **measure_rate(network, waiter, pair, direction, rate)})
    wait_for_drain(network, waiter)
    return found


def chosen_rates(ways: paths.Paths) -> list[tuple[LinkPlan, str, DirectionPlan, tuple[str, str]]]:
    """Return (link, towards, direction, hosts between which it is the narrowest) of the directions whose rate is measured.

    All with a rate that can be; where they are many, one of each kind: equal settings are made by equal commands, and read back.
    """
    by_direction = ways.pairs_by_direction()
    ends = [(link, towards, link.forward if towards == link.b.node else link.backward) for link in ways.network.links for towards in (link.b.node, link.a.node)]
    found = [(*end, by_direction[end[0].name, end[1]]) for end in ends if end[2].rate_bps is not None and (end[0].name, end[1]) in by_direction]
    if len(found) <= MOST_RATES:
        return found
    chosen: list[tuple[LinkPlan, str, DirectionPlan, tuple[str, str]]] = []
    for each in found:
        if all(each[2] != other[2] for other in chosen):
            chosen.append(each)
    return chosen


def measure_rtt(network: Network, waiter: Waiter, source: str, target: str, asked_ns: int, pings: int = PINGS) -> list[int | None]:
    """Return the round-trip times of a few pings in nanoseconds, None for each that was not answered.

    One more goes first and is not counted: it warms caches (and ARP, where it is not static).
    """
    echo = ECHO[network.plan.ip]
    with network.inside(source):
        pinger = socket.socket(echo.family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, echo.protocol)
    with pinger:
        pinger.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        limit = REPLY_LIMIT_S + asked_ns / 1e9
        found: list[int | None] = []
        for sequence in range(pings + 1):
            waiter.check()
            found.append(_ping(pinger, echo, paths.address(network.plan, target), sequence, limit))
            time.sleep(PING_INTERVAL_NS / 1e9)
    return found[1:]


def _ping(pinger: socket.socket, echo: Echo, address: str, sequence: int, limit_s: float) -> int | None:
    head = struct.pack("!BBHHH", echo.request, 0, 0, 0x7C9, sequence)
    payload = bytes(range(PING_BYTES))
    # Over IPv6 the kernel overwrites the checksum: its pseudo-header holds the source (RFC 4443 section 2.3).
    request = head[:2] + struct.pack("!H", internet_checksum(head + payload)) + head[4:] + payload
    sent = time.clock_gettime_ns(time.CLOCK_REALTIME)
    try:
        pinger.sendto(request, (address, 0))
    except OSError:
        return None
    deadline = time.monotonic() + limit_s
    while (left := deadline - time.monotonic()) > 0 and select.select([pinger], [], [], left)[0]:
        data, ancillary, _flags, _address = pinger.recvmsg(2048, 128)
        answer = data[(data[0] & 15) * 4 :] if echo.shows_header else data
        if answer[0] == echo.reply and answer[4:8] == request[4:8]:
            return _arrival_ns(ancillary) - sent
    return None


def internet_checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def measure_rate(network: Network, waiter: Waiter, pair: tuple[str, str], direction: DirectionPlan, rate_bps: int) -> dict[str, Any]:
    """Send a short burst of datagrams as large as the path lets pass, a little faster than ``rate_bps``; return the spacing of their arrivals.

    ``measured_bps`` is None when fewer than two frames say anything.
    """
    source, target = pair
    mtu = paths.Paths(network.plan).mtu(source, target) or 0
    frame_bytes = mtu + ETHERNET_BYTES
    frame_s = frame_bytes * 8 / rate_bps
    frames = max(LEAST_FRAMES, min(BURST_FRAMES, int(BURST_LIMIT_S / frame_s)))
    family = ECHO[network.plan.ip].family
    with network.inside(target):
        receiver = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with network.inside(source):
        sender = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with receiver, sender:
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
        receiver.bind((paths.address(network.plan, target), UDP_PORT))
        sender.connect((paths.address(network.plan, target), UDP_PORT))
        head_start = head_start_frames(direction, frame_bytes, frame_s)
        _send_burst(sender, bytes(mtu - UDP_AND_IP_BYTES[network.plan.ip]), frames, frame_s, head_start)
        wait_for_drain(network, waiter)
        time.sleep(SETTLE_S)
        arrivals = _read_arrivals(receiver)
    return {"frame_bytes": frame_bytes, "sent": frames, **rate_of_arrivals(arrivals, frame_bytes)}


def head_start_frames(direction: DirectionPlan, frame_bytes: int, frame_s: float) -> int:
    """Return how many frames to send at once: half of what the queue holds, within bounds; ``frame_s`` is how long one takes, in seconds."""
    queue = direction.queue
    holds = 0
    if queue is not None:
        holds = queue.limit_packets or (queue.limit_bytes or 0) // frame_bytes
    wanted = max(HEAD_START_FRAMES, math.ceil(STEPS_AHEAD * SEND_STEP_S / frame_s))
    return min(wanted, max(TOKEN_FRAMES, holds // 2))


def _send_burst(sender: socket.socket, payload: bytes, frames: int, frame_s: float, head_start: int) -> None:
    began = time.monotonic()
    sent = 0
    while sent < frames:
        due = min(frames, head_start + int((time.monotonic() - began) * OVERLOAD / frame_s))
        while sent < due:
            with contextlib.suppress(OSError):
                sender.send(_NUMBER.pack(sent) + payload[_NUMBER.size :])
            sent += 1
        time.sleep(max(min(SEND_STEP_S, head_start * frame_s / STEPS_AHEAD), frame_s / OVERLOAD))


def rate_of_arrivals(arrivals: list[tuple[int, int]], frame_bytes: int) -> dict[str, Any]:
    """Return ``spacing_ns`` between arrivals and ``measured_bps`` from those behind the shaper's saved-up tokens.

    ``arrivals`` are times in ns and the frames' numbers. A frame that was lost behind the shaper has used the link: where numbers are missing, a gap of
    k usual ones stands for k frames. One that the shaper's own queue dropped leaves no gap. Second copies of a frame do not count. A few frames that
    overtook others say nothing about their own turn, which is counted like that of a lost one; where jitter mixes most of them, all count.
    """
    first: dict[int, int] = {}
    for t_ns, number in sorted(arrivals):
        first.setdefault(number, t_ns)
    kept = {number: first[number] for number in _not_overtaking(list(first))}
    if len(first) - len(kept) > MOST_OVERTAKING * len(first):
        kept = first
    times = list(kept.values())
    spacing = [later - earlier for earlier, later in itertools.pairwise(times)]
    missing = [sum(number not in kept for number in range(earlier + 1, later)) for earlier, later in itertools.pairwise(kept)]
    counted = spacing[TOKEN_FRAMES:]
    span = sum(counted)
    usual = statistics.median(counted) if counted else 0
    lost = sum(min(absent, max(0, round(gap / usual) - 1)) for gap, absent in zip(counted, missing[TOKEN_FRAMES:], strict=True)) if usual else 0
    rate = (len(counted) + lost) * frame_bytes * 8 * 1e9 / span if span > 0 else None
    return {"measured_bps": rate, "spacing_ns": spacing}


def _not_overtaking(numbers: list[int]) -> list[int]:
    """Return those of ``numbers``, in order of arrival, behind which no smaller one arrives."""
    found: list[int] = []
    for number in reversed(numbers):
        if not found or number < found[-1]:
            found.append(number)
    return found[::-1]


def _read_arrivals(receiver: socket.socket) -> list[tuple[int, int]]:
    """Return the time and the number of each frame that has come."""
    receiver.setblocking(False)
    arrivals = []
    with contextlib.suppress(BlockingIOError):
        while True:
            data, ancillary, _flags, _address = receiver.recvmsg(_NUMBER.size, 128)
            arrivals.append((_arrival_ns(ancillary), int(_NUMBER.unpack(data)[0])))
    return arrivals


def _arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    raise RunError("the kernel gave no time stamp for a probe's arrival")


def wait_for_drain(network: Network, waiter: Waiter) -> None:
    """Wait until no qdisc of any wire holds a packet; raises ``RunError`` when that takes too long."""

    def empty() -> bool:
        return all(sample.backlog_packets == 0 for source in network.qdisc_sources() for sample in dump_qdiscs(source.netlink))

    if not waiter.wait_for(empty, time.monotonic_ns() + DRAIN_LIMIT_NS, 100_000_000):
        raise RunError(f"the queues are not empty {DRAIN_LIMIT_NS // 10**9} s after the probes")
