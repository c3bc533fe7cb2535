"""dualpi2 by netlink: tc 6.1, which Debian 12 has, does not know this discipline.

The request is what a newer ``tc qdisc add ... dualpi2`` sends. Layouts and numbers are those of
``enum TCA_DUALPI2_*`` in linux/pkt_sched.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from tcpexp.engine.qdiscs import DATAGRAM_BYTES
from tcpexp.errors import RunError
from tcpexp.plan.types import QueuePlan
from tcpexp.record.rtnetlink import (
    NLM_F_REQUEST,
    NLMSG_ERROR,
    RTM_NEWQDISC,
    TCA_KIND,
    TCA_OPTIONS,
)

NLM_F_ACK, NLM_F_REPLACE, NLM_F_CREATE = 0x4, 0x100, 0x400
#: (setting, attribute, how its value is packed, units of the plan per unit of the kernel)
_ATTRIBUTES: tuple[tuple[str, int, str, float], ...] = (
    ("target", 3, "=I", 1000),
    ("tupdate", 4, "=I", 1000),
    ("alpha", 5, "=I", 1 / 256),
    ("beta", 6, "=I", 1 / 256),
    ("step", 8, "=I", 1000),
    ("min_qlen_step", 9, "=I", 1),
    ("coupling", 10, "=B", 1),
    ("overload", 11, "=B", 1),
    ("drop_at", 12, "=B", 1),
    ("classic_protection", 13, "=B", 0.01),
    ("l4s", 14, "=B", 1),
    ("split_gso", 15, "=B", 1),
)
#: dualpi2_change parses strictly: without this flag it refuses.
NLA_F_NESTED = 0x8000
TCA_DUALPI2_LIMIT = 1
_HEADER = struct.Struct("=IHHII")
_TCMSG = struct.Struct("=BxxxiIII")


def options_of(queue: QueuePlan) -> bytes:
    """Return the attributes that set a dualpi2."""
    parts = [attribute(TCA_DUALPI2_LIMIT, struct.pack("=I", queue.limit_packets or 0))]
    for name, kind, form, unit in _ATTRIBUTES:
        value = queue.setting(name)
        if value is not None:
            parts.append(attribute(kind, struct.pack(form, round(value / unit))))
    return b"".join(parts)


def attribute(kind: int, data: bytes) -> bytes:
    """Return a netlink attribute, padded to four bytes."""
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def set_request(
    ifindex: int, parent: int, handle: int, queue: QueuePlan, *, new: bool, sequence: int = 1
) -> bytes:
    """Return the request that makes a dualpi2, or (``new`` False) changes it in place."""
    body = (
        _TCMSG.pack(0, ifindex, handle, parent, 0)
        + attribute(TCA_KIND, b"dualpi2\0")
        + attribute(TCA_OPTIONS | NLA_F_NESTED, options_of(queue))
    )
    flags = NLM_F_REQUEST | NLM_F_ACK | (NLM_F_CREATE | NLM_F_REPLACE if new else 0)
    return _HEADER.pack(_HEADER.size + len(body), RTM_NEWQDISC, flags, sequence, 0) + body


def apply(netlink: socket.socket, request: bytes, where: str) -> None:
    """Send a request and wait for the kernel's answer; raises ``RunError`` when it refuses."""
    netlink.send(request)
    data = netlink.recv(DATAGRAM_BYTES)
    (kind,) = struct.unpack_from("=H", data, 4)
    status = -struct.unpack_from("=i", data, _HEADER.size)[0] if kind == NLMSG_ERROR else 0
    if status == errno.ENOENT:
        raise RunError(f"{where}: this kernel has no dualpi2; Linux 6.17 was the first to have it")
    if status:
        raise RunError(f"{where}: the kernel refuses dualpi2: {os.strerror(status)}")
