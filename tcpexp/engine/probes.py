"""What the certificate measures before t0: base RTT between hosts, and the rate and queue of every
shaped direction.

Both are sent and received by the engine itself through sockets opened in the nodes' namespaces, so
no process is started; arrivals carry the kernel's own time stamps.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.engine import paths
from tcpexp.engine.bursts import measure_burst
from tcpexp.engine.qdiscs import dump_qdiscs
from tcpexp.engine.stamps import SO_TIMESTAMPNS, arrival_ns
from tcpexp.errors import RunError
from tcpexp.plan.types import DirectionPlan, LinkPlan, NetworkPlan
from tcpexp.record.measured import PathProbe, Probes, RateProbe

if TYPE_CHECKING:
    from tcpexp.engine.assembly import Network
    from tcpexp.engine.waiting import Waiter

PINGS = 5
#: Beyond this many pairs of hosts only some are measured, with fewer pings each: hundreds would
#: take minutes.
MOST_PAIRS = 15
FEW_PINGS = 2
#: Beyond this many directions with a rate, only one of each kind is measured.
MOST_RATES = 12
PING_BYTES = 56
PING_INTERVAL_NS = 10_000_000
REPLY_LIMIT_S = 2.0
DRAIN_LIMIT_NS = 30_000_000_000


@dataclass(frozen=True)
class Echo:
    """How a version of IP pings: the raw socket, the message types, and whether what is received
    begins with the IP header.
    """

    family: socket.AddressFamily
    protocol: int
    request: int
    reply: int
    shows_header: bool


#: RFC 792 and RFC 4443 section 4.
ECHO = {
    4: Echo(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, True),
    6: Echo(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, False),
}


def measure_network(
    network: Network, waiter: Waiter, flows: list[tuple[str, str]] | None = None
) -> Probes:
    """Run all probes and wait until their packets are gone.

    Return the content of ``raw/probes.json``.

    The base RTT is measured between all pairs of hosts where they are few, else between those of
    ``flows`` and such that cross the other links.
    """
    ways = paths.Paths(network.plan)
    path_probes: list[PathProbe] = []
    rate_probes: list[RateProbe] = []
    pairs, pings = ways.host_pairs(), PINGS
    if len(pairs) > MOST_PAIRS:
        pairs, pings = ways.covering_pairs(flows or []), FEW_PINGS
    for one, other in pairs:
        asked = ways.asked_rtt_ns(one, other)
        if asked is not None:
            path_probes.append(
                {
                    "from": one,
                    "to": other,
                    "asked_rtt_ns": asked,
                    "rtt_ns": measure_rtt(network, waiter, one, other, asked, pings),
                }
            )
    for link, towards, direction in chosen_rates(network.plan):
        asked_bps = direction.rate_bps
        rate_probes.append(
            {
                "link": link.name,
                "towards": towards,
                "asked_bps": asked_bps,
                **measure_burst(network, waiter, link, towards, direction),
            }
        )
    wait_for_drain(network, waiter)
    return {"paths": path_probes, "rates": rate_probes}


def chosen_rates(network: NetworkPlan) -> list[tuple[LinkPlan, str, DirectionPlan]]:
    """Return (link, towards, direction) of the directions whose rate is measured.

    All with a rate; where they are many, one of each kind: equal settings are made by equal
    commands, and read back.
    """
    ends = [
        (link, *side)
        for link in network.links
        for side in ((link.b.node, link.forward), (link.a.node, link.backward))
    ]
    found = [end for end in ends if end[2].rate_bps is not None]
    if len(found) <= MOST_RATES:
        return found
    chosen: list[tuple[LinkPlan, str, DirectionPlan]] = []
    for end in found:
        if all(end[2] != other[2] for other in chosen):
            chosen.append(end)
    return chosen


def measure_rtt(
    network: Network, waiter: Waiter, source: str, target: str, asked_ns: int, pings: int = PINGS
) -> list[int | None]:
    """Return the round-trip times of a few pings in nanoseconds, None for each that was not
    answered.

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


def _ping(
    pinger: socket.socket, echo: Echo, address: str, sequence: int, limit_s: float
) -> int | None:
    head = struct.pack("!BBHHH", echo.request, 0, 0, 0x7C9, sequence)
    payload = bytes(range(PING_BYTES))
    # Over IPv6 the kernel overwrites the checksum: its pseudo-header holds the source (RFC 4443
    # section 2.3).
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
            return arrival_ns(ancillary) - sent
    return None


def internet_checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def wait_for_drain(network: Network, waiter: Waiter) -> None:
    """Wait until no qdisc of any wire holds a packet.

    Raises ``RunError`` when that takes too long.
    """

    def empty() -> bool:
        return all(
            sample.backlog_packets == 0
            for source in network.qdisc_sources()
            for sample in dump_qdiscs(source.netlink)
        )

    if not waiter.wait_for(empty, time.monotonic_ns() + DRAIN_LIMIT_NS, 100_000_000):
        raise RunError(f"the queues are not empty {DRAIN_LIMIT_NS // 10**9} s after the probes")
