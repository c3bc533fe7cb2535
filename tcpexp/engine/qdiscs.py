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
    PolicerSample,
    QdiscRole,
    QdiscSample,
    class_request,
    ends_dump,
    filter_request,
    parse_classes,
    parse_messages,
    parse_policers,
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

    def requests(self) -> list[bytes]:
        """Return the requests for all that is sampled: qdiscs, and classes and policers where there
        are any.
        """
        return [
            DUMP_REQUEST,
            *(class_request(index) for index, role in self.roles.items() if role.classes),
            *(filter_request(index) for index, role in self.roles.items() if role.policed),
        ]


def open_netlink() -> socket.socket:
    """Return an rtnetlink socket in the caller's present network namespace."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    netlink.bind((0, 0))
    return netlink


def dump_datagrams(netlink: socket.socket, request: bytes = DUMP_REQUEST) -> list[bytes]:
    """Ask the kernel for all qdiscs, or for what ``request`` asks; return its datagrams unparsed.

    Raises ``OSError`` when it refuses.
    """
    netlink.send(request)
    found = []
    while not ends_dump(data := netlink.recv(DATAGRAM_BYTES)):
        found.append(data)
    if len(data) > DONE_BYTES:
        found.append(data)
    return found


def dump_qdiscs(netlink: socket.socket) -> list[QdiscSample]:
    """Ask the kernel for all qdiscs; raises ``OSError`` when it refuses."""
    return [sample for data in dump_datagrams(netlink) for sample in parse_messages(data)]


def dump_classes(netlink: socket.socket, ifindex: int) -> list[QdiscSample]:
    """Ask the kernel for all classes of an interface; raises ``OSError`` when it refuses."""
    datagrams = dump_datagrams(netlink, class_request(ifindex))
    return [sample for data in datagrams for sample in parse_classes(data)]


def dump_policers(netlink: socket.socket, ifindex: int) -> list[PolicerSample]:
    """Ask the kernel for the policers of what comes in at an interface; raises ``OSError``."""
    datagrams = dump_datagrams(netlink, filter_request(ifindex))
    return [sample for data in datagrams for sample in parse_policers(data)]


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
    asked = [
        (index, source.netlink, request)
        for index, source in enumerate(sources)
        for request in source.requests()
    ]

    def take(t_ns: int) -> None:
        parts = []
        for index, netlink, request in asked:
            for data in dump_datagrams(netlink, request):
                parts.append(RECORD_HEAD.pack(t_ns, index, len(data)))
                parts.append(data)
        os.write(file, b"".join(parts))

    return Sample("qdisc", interval_ns, take)
