"""The interfaces of nodes as the kernel tells of them over rtnetlink: MTU, state, root qdisc.

And what anybody changes about them while the run lasts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from dataclasses import dataclass

from tcpexp.record.rtnetlink import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    RTM_NEWQDISC,
    TCA_KIND,
    attributes,
)

RTM_NEWLINK, RTM_GETLINK, RTM_DELQDISC = 16, 18, 37
RTM_NEWTFILTER, RTM_DELTFILTER = 44, 45
IFLA_IFNAME, IFLA_MTU, IFLA_QDISC = 3, 4, 6
IFF_UP = 1
#: Multicast groups of rtnetlink(7): changes of interfaces, and of qdiscs, classes and filters.
RTMGRP_LINK, RTMGRP_TC = 0x1, 0x8
DATAGRAM_BYTES = 1 << 16
BUFFER_BYTES = 1 << 20
_HEADER = struct.Struct("=IHHII")
_IFINFOMSG = struct.Struct("=BxHiII")
_TCMSG = struct.Struct("=BxxxiIII")
_TC_WORDS = {
    RTM_NEWQDISC: "set",
    RTM_DELQDISC: "removed",
    RTM_NEWTFILTER: "filter set",
    RTM_DELTFILTER: "filter removed",
}


@dataclass(frozen=True)
class Interface:
    """An interface as it is: ``qdisc`` is the kind at its root."""

    index: int
    name: str
    mtu: int
    up: bool
    qdisc: str


@dataclass(frozen=True)
class Notice:
    """A change that the kernel told of: of which interface, by its index, and what."""

    index: int
    words: str
    mtu: int | None = None


def list_interfaces(netlink: socket.socket) -> list[Interface]:
    """Return the interfaces of the socket's namespace.

    Raises ``OSError`` when the kernel refuses.
    """
    netlink.send(
        _HEADER.pack(_HEADER.size + _IFINFOMSG.size, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
        + bytes(_IFINFOMSG.size)
    )
    found: list[Interface] = []
    while True:
        for kind, body in messages(netlink.recv(DATAGRAM_BYTES)):
            if kind == NLMSG_ERROR:
                number = -struct.unpack_from("=i", body)[0]
                raise OSError(number, os.strerror(number))
            if kind == NLMSG_DONE:
                return found
            if kind == RTM_NEWLINK:
                found.append(parse_link(body))


def messages(data: bytes) -> list[tuple[int, bytes]]:
    """Return (kind, body) of each message of a datagram."""
    found, at = [], 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, _sequence, _pid = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            break
        found.append((kind, data[at + _HEADER.size : at + length]))
        at += (length + 3) & ~3
    return found


def parse_link(body: bytes) -> Interface:
    """Return the interface that an RTM_NEWLINK message tells of."""
    _family, _type, index, flags, _change = _IFINFOMSG.unpack_from(body)
    told = attributes(body, _IFINFOMSG.size)
    (mtu,) = struct.unpack_from("=I", told.get(IFLA_MTU, bytes(4)))
    return Interface(
        index, _text(told, IFLA_IFNAME), mtu, bool(flags & IFF_UP), _text(told, IFLA_QDISC)
    )


def parse_notices(data: bytes) -> list[Notice]:
    """Return what a datagram of the groups tells of."""
    found = []
    for kind, body in messages(data):
        if kind == RTM_NEWLINK:
            link = parse_link(body)
            found.append(Notice(link.index, "", link.mtu))
        elif kind in _TC_WORDS:
            _family, index, _handle, _parent, _info = _TCMSG.unpack_from(body)
            found.append(
                Notice(index, f"{_text(attributes(body, _TCMSG.size), TCA_KIND)} {_TC_WORDS[kind]}")
            )
    return found


def _text(told: dict[int, bytes], kind: int) -> str:
    return told.get(kind, b"").rstrip(b"\0").decode(errors="replace")


def open_watch() -> socket.socket:
    """Return a socket that keeps what changes in the caller's present network namespace."""
    watch = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
    )
    watch.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    watch.bind((0, RTMGRP_LINK | RTMGRP_TC))
    watch.setblocking(False)
    return watch


def read_watch(watch: socket.socket) -> tuple[list[Notice], bool]:
    """Return what has changed since the watch was opened or read, and whether that is all: the
    kernel drops what finds no room.
    """
    found: list[Notice] = []
    whole = True
    with contextlib.suppress(BlockingIOError):
        while True:
            try:
                found += parse_notices(watch.recv(DATAGRAM_BYTES))
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                whole = False
    return found, whole
