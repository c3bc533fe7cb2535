"""What rtnetlink says about qdiscs: the request, its answer's parser, and the form of
``raw/qdisc.nl``.

Nothing here touches the system, so that ingest reads with the same parser what the engine recorded
unparsed.

``raw/qdisc.nl`` begins with :data:`FILE_HEAD` (magic, version); then come records, each
:data:`RECORD_HEAD` (time, index of the link, length) and a datagram as the kernel sent it. All
numbers have the byte order of the machine that recorded.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

RTM_GETQDISC, RTM_NEWQDISC = 38, 36
RTM_NEWTCLASS, RTM_GETTCLASS = 40, 42
RTM_NEWTFILTER, RTM_GETTFILTER = 44, 46
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
TCA_KIND, TCA_OPTIONS, TCA_STATS2 = 1, 2, 7
TCA_STATS_BASIC, TCA_STATS_QUEUE, TCA_STATS_APP, TCA_STATS_BASIC_HW, TCA_STATS_PKT64 = 1, 3, 4, 7, 8
#: Where a discipline's own statistics hold its count of marks (struct tc_*_xstats in
#: linux/pkt_sched.h).
ECN_MARK_OFFSETS = {
    "codel": 24,
    "fq_codel": 12,
    "red": 12,
    "pie": 36,
    "fq_pie": 16,
    "choke": 12,
    "dualpi2": 24,
}
#: cake's statistics are attributes (linux/pkt_sched.h): a list of tins, each with its own counts;
#: of these the packets that it marked.
TCA_CAKE_STATS_TIN_STATS, TCA_CAKE_TIN_STATS_ECN_MARKED_PACKETS = 10, 8
WITHOUT_QUEUE = ("clsact", "noqueue")
#: The upper halves of the handles of the shaper and of the queue below it, and the first number of
#: a class of htb (tcpexp/engine/wire.py).
SHAPER_MAJOR, LEAF_MAJOR, FIRST_CLASS = 1, 0x10, 0x10
#: The parent of what clsact does with packets that come in (TC_H_CLSACT, TC_H_MIN_INGRESS).
CLSACT_INGRESS = 0xFFFFFFF2
#: The parent of a root qdisc (TC_H_ROOT).
ROOT = 0xFFFFFFFF
FILE_HEAD = struct.Struct("=8sI")
RECORD_HEAD = struct.Struct("=qII")
FILE_MAGIC = b"TCPEXPNL"
FILE_VERSION = 1
_HEADER = struct.Struct("=IHHII")
_TCMSG = struct.Struct("=BxxxiIII")
_ATTRIBUTE = struct.Struct("=HH")
#: Distinguishes our answer's end from whatever a counter may hold.
SEQUENCE = 0x7CE951A3
_SEQUENCE = struct.pack("=I", SEQUENCE)
_DONE = struct.pack("=IH", 20, NLMSG_DONE)
_ERROR = struct.pack("=H", NLMSG_ERROR)
DONE_BYTES = 20
#: A request for all qdiscs of a network namespace.
DUMP_REQUEST = _HEADER.pack(
    _HEADER.size + _TCMSG.size, RTM_GETQDISC, NLM_F_REQUEST | NLM_F_DUMP, SEQUENCE, 0
) + bytes(_TCMSG.size)


def class_request(ifindex: int) -> bytes:
    """Return a request for all classes of an interface's disciplines."""
    return _dump(RTM_GETTCLASS, ifindex, 0)


def filter_request(ifindex: int) -> bytes:
    """Return a request for the filters of what comes in at an interface."""
    return _dump(RTM_GETTFILTER, ifindex, CLSACT_INGRESS)


def _dump(kind: int, ifindex: int, parent: int) -> bytes:
    return _HEADER.pack(
        _HEADER.size + _TCMSG.size, kind, NLM_F_REQUEST | NLM_F_DUMP, SEQUENCE, 0
    ) + _TCMSG.pack(0, ifindex, 0, parent, 0)


@dataclass(frozen=True)
class QdiscSample:
    """One qdisc's counters, and its settings as the kernel sends them.

    ``ecn_mark`` is None for a discipline that does not count marks.
    """

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
    options: bytes = b""
    statistics: bytes = b""


@dataclass(frozen=True)
class QdiscRole:
    """What an interface of a wire is for: the direction it serves, and what a root qdisc there is
    (``shaper``, ``netem``; ``host`` in front of a host's interface).

    ``classes`` are the names of htb's classes there, in the order of their numbers. ``policed`` is
    the node at the end of the direction that comes in here and is policed, empty where none is.
    """

    towards: str
    role: str
    classes: tuple[str, ...] = ()
    policed: str = ""


def ends_dump(data: bytes) -> bool:
    """Return whether a datagram ends the dump, by its last bytes alone.

    Raises ``OSError`` for an error message.
    """
    if (
        data[-DONE_BYTES : 6 - DONE_BYTES] == _DONE
        and data[8 - DONE_BYTES : 12 - DONE_BYTES] == _SEQUENCE
    ):
        return True
    if data[4:6] == _ERROR:
        raise _refusal(data, 0)
    return False


def _refusal(data: bytes, at: int) -> OSError:
    return OSError(
        -struct.unpack_from("=i", data, at + _HEADER.size)[0], "rtnetlink refused RTM_GETQDISC"
    )


def queue_row(
    found: QdiscSample, link: str, roles: Mapping[int, QdiscRole]
) -> dict[str, object] | None:
    """Return a qdisc of ``link``'s wire as a row of the ``queues`` table without its time, None for
    one that holds no packets.

    ``roles`` is by interface index. The leaf below a shaper is the direction's queue.
    """
    place = place_of(found, roles)
    if place is None:
        return None
    towards, qdisc = place
    return {
        "link": link,
        "towards": towards,
        "qdisc": qdisc,
        "backlog_bytes": found.backlog_bytes,
        "backlog_packets": found.backlog_packets,
        "drops": found.drops,
        "sent_bytes": found.sent_bytes,
        "sent_packets": found.sent_packets,
        "overlimits": found.overlimits,
        "ecn_mark": found.ecn_mark,
    }


def place_of(found: QdiscSample, roles: Mapping[int, QdiscRole]) -> tuple[str, str] | None:
    """Return the direction (``towards``) that a qdisc serves and as what: ``shaper``, ``queue`` or
    ``netem``; None for one that holds no packets.
    """
    interface = roles.get(found.ifindex)
    if interface is None or found.kind in WITHOUT_QUEUE:
        return None
    if interface.role == "shaper" and found.parent != ROOT:
        # what has another parent is the queue of a class (:func:`class_row` tells of that)
        return (interface.towards, "queue") if found.parent >> 16 == SHAPER_MAJOR else None
    return (interface.towards, interface.role) if interface.role else None


def class_queue_place(found: QdiscSample, roles: Mapping[int, QdiscRole]) -> tuple[str, str] | None:
    """Return the direction and, in words, which class of htb a qdisc is the queue of, None for any
    other.
    """
    interface = roles.get(found.ifindex)
    number = (found.parent & 0xFFFF) - FIRST_CLASS
    if (
        interface is None
        or found.parent >> 16 != LEAF_MAJOR
        or not 0 <= number < len(interface.classes)
    ):
        return None
    return interface.towards, f"queue of class {interface.classes[number]}"


def class_row(
    found: QdiscSample, link: str, roles: Mapping[int, QdiscRole]
) -> dict[str, object] | None:
    """Return a class of htb as a row of the ``classes`` table without its time, None for another.

    Its own counts: htb's ``lends`` (packets sent by its own rate) and ``borrows`` (by another's).
    """
    interface = roles.get(found.ifindex)
    number = (found.handle & 0xFFFF) - FIRST_CLASS
    if interface is None or found.kind != "htb" or not 0 <= number < len(interface.classes):
        return None
    lends, borrows = struct.unpack_from("=II", found.statistics.ljust(8, b"\0"))
    return {
        "link": link,
        "towards": interface.towards,
        "class": interface.classes[number],
        "backlog_bytes": found.backlog_bytes,
        "backlog_packets": found.backlog_packets,
        "drops": found.drops,
        "sent_bytes": found.sent_bytes,
        "sent_packets": found.sent_packets,
        "overlimits": found.overlimits,
        "lends": lends,
        "borrows": borrows,
    }


@dataclass(frozen=True)
class PolicerSample:
    """A policer as the kernel tells of it: rate (bit/s), burst (bytes), and what it has seen."""

    ifindex: int
    rate_bps: int
    burst_bytes: int
    overhead: int
    seen_bytes: int
    seen_packets: int
    drops: int


def policer_row(
    found: PolicerSample, link: str, roles: Mapping[int, QdiscRole]
) -> dict[str, object] | None:
    """Return a policer as a row of the ``queues`` table without its time, None for another
    interface's.

    The kernel counts what came in, without Ethernet headers; what was sent is the rest.
    """
    interface = roles.get(found.ifindex)
    if interface is None or not interface.policed:
        return None
    return {
        "link": link,
        "towards": interface.policed,
        "qdisc": "policer",
        "backlog_bytes": 0,
        "backlog_packets": 0,
        "drops": found.drops,
        "sent_bytes": None,
        "sent_packets": found.seen_packets - found.drops,
        "overlimits": found.drops,
        "ecn_mark": None,
    }


def parse_policers(data: bytes) -> list[PolicerSample]:
    """Return the policers of one datagram of filters."""
    found = []
    for kind, body in _messages(data):
        if kind != RTM_NEWTFILTER:
            continue
        _family, ifindex, _handle, _parent, _info = _TCMSG.unpack_from(body)
        told = attributes(attributes(body, _TCMSG.size).get(TCA_OPTIONS, b""), 0)
        # the list of actions is attribute 2 of matchall, 7 of u32: (1 kind, 2 options, 4 counts)
        for actions in (told.get(2, b""), told.get(7, b"")):
            for action in attributes(actions, 0).values():
                own = attributes(action, 0)
                if own.get(1, b"").rstrip(b"\0") == b"police":
                    found.append(_policer(ifindex, own))
    return found


def _policer(ifindex: int, action: dict[int, bytes]) -> PolicerSample:
    options = attributes(action.get(2, b""), 0)
    # struct tc_police: index, action, limit, burst (ticks of 64 ns), mtu, then the rate's
    # struct tc_ratespec: cell_log, linklayer, overhead, cell_align, mpu, rate (byte/s)
    burst, overhead, rate = struct.unpack_from("=12xI4x2xH4xI", options.get(1, bytes(32)))
    if 8 in options:  # TCA_POLICE_RATE64
        rate = struct.unpack("=Q", options[8])[0]
    counts = attributes(action.get(4, b""), 0)
    seen_bytes, seen_packets = struct.unpack_from("=QI", counts.get(TCA_STATS_BASIC, bytes(12)))
    drops = struct.unpack_from("=5I", counts.get(TCA_STATS_QUEUE, bytes(20)))[2]
    return PolicerSample(
        ifindex, rate * 8, rate * burst * 64 // 10**9, overhead, seen_bytes, seen_packets, drops
    )


def _messages(data: bytes) -> list[tuple[int, bytes]]:
    """Return (kind, body) of each message of a datagram; raises ``OSError`` for an error."""
    found, at = [], 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, _sequence, _pid = _HEADER.unpack_from(data, at)
        if kind == NLMSG_DONE or length < _HEADER.size:
            break
        if kind == NLMSG_ERROR:
            raise _refusal(data, at)
        found.append((kind, data[at + _HEADER.size : at + length]))
        at += (length + 3) & ~3
    return found


def parse_classes(data: bytes) -> list[QdiscSample]:
    """Return the classes of one datagram; ``handle`` is a class's number."""
    return [_parse_qdisc(body) for kind, body in _messages(data) if kind == RTM_NEWTCLASS]


def parse_messages(data: bytes) -> list[QdiscSample]:
    """Return the qdiscs of one datagram; raises ``OSError`` for an error message."""
    return [_parse_qdisc(body) for kind, body in _messages(data) if kind == RTM_NEWQDISC]


def _parse_qdisc(body: bytes) -> QdiscSample:
    _family, ifindex, handle, parent, _info = _TCMSG.unpack_from(body)
    told = attributes(body, _TCMSG.size)
    kind = told.get(TCA_KIND, b"").rstrip(b"\0").decode()
    statistics = attributes(told.get(TCA_STATS2, b""), 0)
    sent_bytes, sent_packets = struct.unpack_from("=QI", statistics.get(TCA_STATS_BASIC, bytes(12)))
    if TCA_STATS_PKT64 in statistics:
        sent_packets = struct.unpack_from("=Q", statistics[TCA_STATS_PKT64])[0]
    queued, backlog, drops, _requeues, overlimits = struct.unpack_from(
        "=5I", statistics.get(TCA_STATS_QUEUE, bytes(20))
    )
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
        told.get(TCA_OPTIONS, b""),
        statistics.get(TCA_STATS_APP, b""),
    )


def _ecn_mark(kind: str, statistics: bytes) -> int | None:
    """Return the count of marks out of a discipline's own statistics, None when it has none."""
    if kind == "cake":
        return _cake_marks(statistics)
    offset = ECN_MARK_OFFSETS.get(kind)
    if offset is None or len(statistics) < offset + 4:
        return None
    # 0: of the qdisc, not of a class
    if kind == "fq_codel" and struct.unpack_from("=I", statistics)[0] != 0:
        return None
    return int(struct.unpack_from("=I", statistics, offset)[0])


def _cake_marks(statistics: bytes) -> int | None:
    """Return the sum of all tins' marks."""
    tins = attributes(statistics, 0).get(TCA_CAKE_STATS_TIN_STATS)
    if tins is None:
        return None
    counts = [
        attributes(tin, 0).get(TCA_CAKE_TIN_STATS_ECN_MARKED_PACKETS)
        for tin in attributes(tins, 0).values()
    ]
    known = [
        int(struct.unpack("=I", count)[0])
        for count in counts
        if count is not None and len(count) == 4
    ]
    return sum(known) if known else None


def attributes(data: bytes, at: int) -> dict[int, bytes]:
    """Return the attributes of a message, from offset ``at``, by their kind."""
    found = {}
    while at + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found
