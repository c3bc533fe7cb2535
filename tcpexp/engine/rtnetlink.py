"""Read all qdiscs of a network namespace over rtnetlink: counters and backlog, without a process per sample."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NETLINK_ROUTE = 0
RTM_GETQDISC, RTM_NEWQDISC = 38, 36
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
TCA_KIND, TCA_STATS2 = 1, 7
TCA_STATS_BASIC, TCA_STATS_QUEUE, TCA_STATS_APP, TCA_STATS_BASIC_HW, TCA_STATS_PKT64 = 1, 3, 4, 7, 8
#: Where a discipline's own statistics hold its count of marks (struct tc_*_xstats in linux/pkt_sched.h).
ECN_MARK_OFFSETS = {"codel": 24, "fq_codel": 12, "red": 12}
_HEADER = struct.Struct("=IHHII")
_TCMSG = struct.Struct("=BxxxiIII")
_ATTRIBUTE = struct.Struct("=HH")


@dataclass(frozen=True)
class QdiscSample:
    """One qdisc's counters. ``ecn_mark`` is None for a discipline that does not count marks."""

    ifindex: int
    handle: int
    parent: int
    kind: str
    sent_bytes: int
    sent_packets: int
    backlog_packets: int
    backlog_bytes: int
    drops: int
    overlimits: int
    ecn_mark: int | None


def open_netlink() -> socket.socket:
    """Return an rtnetlink socket in the caller's present network namespace."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    netlink.bind((0, 0))
    return netlink


def dump_qdiscs(netlink: socket.socket) -> list[QdiscSample]:
    """Ask the kernel for all qdiscs; raises ``OSError`` when it refuses."""
    body = _TCMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    netlink.send(_HEADER.pack(_HEADER.size + len(body), RTM_GETQDISC, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + body)
    samples: list[QdiscSample] = []
    while True:
        found, done = parse_messages(netlink.recv(1 << 18))
        samples += found
        if done:
            return samples


def parse_messages(data: bytes) -> tuple[list[QdiscSample], bool]:
    """Return the qdiscs of one datagram, and whether it ends the dump; raises ``OSError`` for an error message."""
    samples: list[QdiscSample] = []
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, _sequence, _pid = _HEADER.unpack_from(data, at)
        if kind == NLMSG_DONE:
            return samples, True
        if kind == NLMSG_ERROR:
            number = -struct.unpack_from("=i", data, at + _HEADER.size)[0]
            raise OSError(number, "rtnetlink refused RTM_GETQDISC")
        if kind == RTM_NEWQDISC:
            samples.append(_parse_qdisc(data[at + _HEADER.size : at + length]))
        at += (length + 3) & ~3
    return samples, False


def _parse_qdisc(body: bytes) -> QdiscSample:
    _family, ifindex, handle, parent, _info = _TCMSG.unpack_from(body)
    attributes = dict(_attributes(body[_TCMSG.size :]))
    kind = attributes.get(TCA_KIND, b"").rstrip(b"\0").decode()
    statistics = dict(_attributes(attributes.get(TCA_STATS2, b"")))
    sent_bytes, sent_packets = struct.unpack_from("=QI", statistics.get(TCA_STATS_BASIC, bytes(12)))
    if TCA_STATS_PKT64 in statistics:
        sent_packets = struct.unpack_from("=Q", statistics[TCA_STATS_PKT64])[0]
    queued, backlog, drops, _requeues, overlimits = struct.unpack_from("=5I", statistics.get(TCA_STATS_QUEUE, bytes(20)))
    return QdiscSample(
        ifindex,
        handle,
        parent,
        kind,
        sent_bytes,
        sent_packets,
        queued,
        backlog,
        drops,
        overlimits,
        _ecn_mark(kind, statistics.get(TCA_STATS_APP, b"")),
    )


def _ecn_mark(kind: str, statistics: bytes) -> int | None:
    """Return the count of marks out of a discipline's own statistics, None when it has none."""
    offset = ECN_MARK_OFFSETS.get(kind)
    if offset is None or len(statistics) < offset + 4:
        return None
    if kind == "fq_codel" and struct.unpack_from("=I", statistics)[0] != 0:  # 0: of the qdisc, not of a class
        return None
    return int(struct.unpack_from("=I", statistics, offset)[0])


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4:
            return
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += (length + 3) & ~3
