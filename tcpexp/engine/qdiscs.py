"""Read the qdiscs of wires over rtnetlink: counters and backlog, without a process per sample."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from tcpexp.engine.sampler import Sample, open_to_append
from tcpexp.record.files import QDISC_DUMPS, QDISC_SOURCES
from tcpexp.record.rtnetlink import (
    DONE_BYTES,
    DUMP_REQUEST,
    FILE_HEAD,
    FILE_MAGIC,
    FILE_VERSION,
    RECORD_HEAD,
    QdiscRole,
    QdiscSample,
    ends_dump,
    parse_messages,
    queue_row,
)

NETLINK_ROUTE = 0
#: The kernel fills at most this much of a dump into one datagram.
DATAGRAM_BYTES = 1 << 15


@dataclass(frozen=True)
class QdiscSource:
    """A wire whose qdiscs are read: an rtnetlink socket in its namespace, and what its interfaces
    mean, by their index.
    """

    link: str
    netlink: socket.socket
    roles: dict[int, QdiscRole]


def open_netlink() -> socket.socket:
    """Return an rtnetlink socket in the caller's present network namespace."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    netlink.bind((0, 0))
    return netlink


def dump_datagrams(netlink: socket.socket) -> list[bytes]:
    """Ask the kernel for all qdiscs; return its datagrams unparsed.

    Raises ``OSError`` when it refuses.
    """
    netlink.send(DUMP_REQUEST)
    found = []
    while not ends_dump(data := netlink.recv(DATAGRAM_BYTES)):
        found.append(data)
    if len(data) > DONE_BYTES:
        found.append(data)
    return found


def dump_qdiscs(netlink: socket.socket) -> list[QdiscSample]:
    """Ask the kernel for all qdiscs; raises ``OSError`` when it refuses."""
    return [sample for data in dump_datagrams(netlink) for sample in parse_messages(data)]


def qdisc_rows(source: QdiscSource) -> list[dict[str, object]]:
    """Return one row per qdisc of a wire, by direction.

    They are the shaper, its leaf (the queue) and netem.
    """
    rows = (queue_row(qdisc, source.link, source.roles) for qdisc in dump_qdiscs(source.netlink))
    return [row for row in rows if row is not None]


def qdisc_sample(interval_ns: int, sources: list[QdiscSource], raw_dir: Path) -> Sample:
    """Return a sample of the backlog and counters of every wire's qdiscs, kept unparsed in
    ``raw_dir``.
    """
    links = [
        {
            "link": source.link,
            "roles": {str(index): asdict(role) for index, role in source.roles.items()},
        }
        for source in sources
    ]
    (raw_dir / QDISC_SOURCES).write_text(json.dumps({"links": links}, indent=1) + "\n")
    file = open_to_append(raw_dir / QDISC_DUMPS)
    os.write(file, FILE_HEAD.pack(FILE_MAGIC, FILE_VERSION))
    numbered = [(index, source.netlink) for index, source in enumerate(sources)]

    def take(t_ns: int) -> None:
        parts = []
        for index, netlink in numbered:
            for data in dump_datagrams(netlink):
                parts.append(RECORD_HEAD.pack(t_ns, index, len(data)))
                parts.append(data)
        os.write(file, b"".join(parts))

    return Sample("qdisc", interval_ns, take)
