"""tbf over rtnetlink: the request that changes it and the message that says what it is.

Pure functions on bytes, as in :mod:`tcpexp.record.rtnetlink`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tcpexp.record.rtnetlink import (
    NLM_F_REQUEST,
    NLMSG_ERROR,
    RTM_GETQDISC,
    RTM_NEWQDISC,
    TCA_KIND,
    TCA_OPTIONS,
    QdiscSample,
    attributes,
    parse_messages,
)

NLM_F_ACK, NLM_F_ECHO = 0x4, 0x8
TCA_TBF_PARMS, TCA_TBF_BURST = 1, 6
LINKLAYER_ETHERNET = 1
ROOT = 0xFFFFFFFF
SECOND_NS = 1_000_000_000
_HEADER = struct.Struct("=IHHII")
_TCMSG = struct.Struct("=BxxxiIII")
#: struct tc_ratespec (linux/pkt_sched.h): cell_log, linklayer, overhead, cell_align, mpu, rate in
#: byte/s.
_RATESPEC = struct.Struct("=BBHhHI")
#: The end of struct tc_tbf_qopt: limit, buffer and mtu in ticks of 64 ns.
_QOPT_TAIL = struct.Struct("=III")
TICK_SHIFT = 6


@dataclass(frozen=True)
class Tbf:
    """A token bucket as the kernel says it is."""

    rate_byte_s: int
    sample: QdiscSample


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def change_request(
    ifindex: int, handle: int, rate_byte_s: int, burst_bytes: int, limit: int, sequence: int
) -> bytes:
    """Return the request that gives the tbf at an interface's root a rate (byte/s) and burst.

    ``limit`` is that of its fifo leaf, in the leaf's unit.

    The kernel answers with the qdisc as it then is (NLM_F_ECHO), and with an acknowledgement.
    """
    ticks = min((burst_bytes * SECOND_NS // rate_byte_s) >> TICK_SHIFT, 0xFFFFFFFF)
    rate = _RATESPEC.pack(0, LINKLAYER_ETHERNET, 0, -1, 0, rate_byte_s)
    parameters = rate + bytes(_RATESPEC.size) + _QOPT_TAIL.pack(limit, ticks, 0)
    options = _attribute(TCA_TBF_PARMS, parameters) + _attribute(
        TCA_TBF_BURST, struct.pack("=I", burst_bytes)
    )
    body = (
        _TCMSG.pack(0, ifindex, handle, ROOT, 0)
        + _attribute(TCA_KIND, b"tbf\0")
        + _attribute(TCA_OPTIONS, options)
    )
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO
    return _HEADER.pack(_HEADER.size + len(body), RTM_NEWQDISC, flags, sequence, 0) + body


def get_request(ifindex: int, handle: int, sequence: int) -> bytes:
    """Return the request for one qdisc at an interface's root; it is answered like a change."""
    body = _TCMSG.pack(0, ifindex, handle, ROOT, 0)
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO
    return _HEADER.pack(_HEADER.size + len(body), RTM_GETQDISC, flags, sequence, 0) + body


def parse_answer(data: bytes) -> tuple[Tbf | None, int | None]:
    """Return (the tbf that a datagram tells of, the error number of its acknowledgement).

    None for what it does not hold.
    """
    found: Tbf | None = None
    status: int | None = None
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, _sequence, _pid = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            break
        message = data[at : at + length]
        if kind == NLMSG_ERROR:
            status = -struct.unpack_from("=i", message, _HEADER.size)[0]
        elif kind == RTM_NEWQDISC:
            found = _tbf(message)
        at += (length + 3) & ~3
    return found, status


def _tbf(message: bytes) -> Tbf | None:
    """Return the tbf of an RTM_NEWQDISC message.

    A change is echoed with the old qdisc deleted and the new one, or with the new one alone.
    """
    options = attributes(attributes(message, _HEADER.size + _TCMSG.size).get(TCA_OPTIONS, b""), 0)
    parameters = options.get(TCA_TBF_PARMS)
    if parameters is None:
        return None
    rate: int = _RATESPEC.unpack_from(parameters)[5]
    return Tbf(rate, parse_messages(message)[0])
