"""Snapshots of a node's TCP sockets: dumped unparsed while the run lasts, written out by ``ss``
itself when it is over.

Starting ``ss`` costs 5 to 10 ms of processor time (fork, dynamic linking, exit), a dump over its
own netlink interface 0.2 ms. So a sample asks the kernel what ``ss -tinmoea`` asks (sock_diag,
linux/inet_diag.h) and keeps the answer as it came, in ``raw/ss/<node>.nl``; at the end one ``ss``
per node reads all of them (its ``TCPDIAG_FILE``) and writes the blocks of ``raw/ss/<node>.txt``.
Between two snapshots stands a made-up socket, :func:`marker`.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from tcpexp.engine.sampler import Sample, open_to_append
from tcpexp.errors import DataError

SS_ARGV = ("ss", "-tinmoeaH")
#: Names the file that ``ss`` shall read instead of asking the kernel (iproute2, misc/ss.c:
#: tcp_show_netlink_file).
SS_FILE_VARIABLE = "TCPDIAG_FILE"

NETLINK_SOCK_DIAG = 4
#: The older of two requests: it walks the kernel's table of connections once, not once for each of
#: IPv4 and IPv6.
TCPDIAG_GETSOCK = 18
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
#: INET_DIAG_MEMINFO, INFO, VEGASINFO, CONG, SKMEMINFO, each as bit (number - 1).
EXTENSIONS = sum(1 << (number - 1) for number in (1, 2, 3, 4, 7))
ALL_STATES = 0xFFF
TCP_CLOSE = 7
#: The send queue that no socket has, which tells a marker.
MARKER_QUEUE = 0x7FFFFFFF
#: The kernel fills at most this much of a dump into one datagram.
DATAGRAM_BYTES = 1 << 16
#: Before each snapshot: time in ns, length of what follows.
RECORD_HEAD = struct.Struct("=qI")
_HEADER = struct.Struct("=IHHII")
#: struct inet_diag_req: family (any), lengths, extensions, id (any), states, no mask of its own.
_REQUEST = struct.Struct("=xxxB48xII")
#: struct inet_diag_msg: family, state, timer, retransmissions, id, expires, receive queue, send
#: queue, uid, inode.
_MESSAGE = struct.Struct("=BBBB48xIIIII")
_MARKER_LINE = re.compile(rf"^\S+\s+(\d+)\s+{MARKER_QUEUE}\s")


REQUEST = _HEADER.pack(
    _HEADER.size + _REQUEST.size, TCPDIAG_GETSOCK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0
) + _REQUEST.pack(EXTENSIONS, ALL_STATES, 0)
DONE = _HEADER.pack(_HEADER.size, NLMSG_DONE, 0, 0, 0)


def marker(number: int) -> bytes:
    """Return the message of a socket that does not exist: closed, ``number`` as its receive queue,
    an impossible send queue.
    """
    body = _MESSAGE.pack(socket.AF_INET, TCP_CLOSE, 0, 0, 0, number, MARKER_QUEUE, 0, 0)
    return _HEADER.pack(_HEADER.size + len(body), TCPDIAG_GETSOCK, 0, 0, 0) + body


def open_diag() -> socket.socket:
    """Return a sock_diag socket in the caller's present network namespace.

    Raises ``OSError`` where the kernel has none for TCP.
    """
    netlink = socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG
    )
    try:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        netlink.bind((0, 0))
        dump_sockets(netlink)
    except OSError:
        netlink.close()
        raise
    return netlink


def dump_sockets(netlink: socket.socket) -> bytes:
    """Return the kernel's messages about every TCP socket, IPv4 and IPv6, without the end of the
    dump. Raises ``OSError``.
    """
    netlink.send(REQUEST)
    parts: list[bytes] = []
    end = None
    while end is None:
        data = netlink.recv(DATAGRAM_BYTES)
        end = _end_of_sockets(data)
        parts.append(data[:end])
    return b"".join(parts)


def _end_of_sockets(data: bytes) -> int | None:
    """Return where a datagram's last message begins if that one ends the dump, else None.

    Raises ``OSError`` for a refusal.
    """
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind == NLMSG_ERROR:
            raise OSError(
                -struct.unpack_from("=i", data, at + _HEADER.size)[0],
                "sock_diag refused to list TCP sockets",
            )
        if kind == NLMSG_DONE:
            return at
        at += (length + 3) & ~3
    return None


def sockets_sample(interval_ns: int, netlink: socket.socket, path: Path) -> Sample:
    """Return a sample of all TCP sockets that ``netlink`` (:func:`open_diag`) sees, appended to
    ``path``.
    """
    file = open_to_append(path)

    def take(t_ns: int) -> None:
        found = dump_sockets(netlink)
        os.writev(file, (RECORD_HEAD.pack(t_ns, len(found)), found))

    return Sample("ss", interval_ns, take)


def read_snapshots(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (time in ns, messages) of a recorded file.

    One that was cut off ends at the last whole snapshot.
    """
    with path.open("rb") as file:
        while len(head := file.read(RECORD_HEAD.size)) == RECORD_HEAD.size:
            t_ns, length = RECORD_HEAD.unpack(head)
            messages = file.read(length)
            if len(messages) < length:
                return
            yield t_ns, messages


def write_for_ss(snapshots: Path, target: Path) -> list[int]:
    """Write a file that ``ss`` can read, a marker before each snapshot.

    Return the snapshots' times in ns.
    """
    times: list[int] = []
    with target.open("wb") as file:
        for number, (t_ns, messages) in enumerate(read_snapshots(snapshots)):
            file.write(marker(number))
            file.write(messages)
            times.append(t_ns)
        file.write(DONE)
    return times


def split_snapshots(text: str, times: list[int]) -> str:
    """Return what ``ss`` wrote with each marker replaced by ``# t_ns=<n>``.

    Raises ``DataError`` when a marker is missing.
    """
    lines: list[str] = []
    found = 0
    skip = False
    for line in text.splitlines():
        match = _MARKER_LINE.match(line)
        if match is not None:
            if int(match[1]) != found:
                break
            lines.append(f"# t_ns={times[found]}")
            found += 1
            skip = True
        elif not (skip and line[:1].isspace()):
            # the columns are as wide as the widest line of all snapshots
            lines.append(line.rstrip())
            skip = False
    if found != len(times):
        raise DataError(f"ss wrote {found} of {len(times)} snapshots")
    return "".join(f"{line}\n" for line in lines)
