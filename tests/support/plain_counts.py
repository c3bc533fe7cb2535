"""Counts of a run made without tcpexp: plain tshark on the raw captures, the kernel's own counter
files, JSON. Standard library only.

As a program: ``python plain_counts.py RUN_DIRECTORY`` prints where ``metrics.json`` says something
else, and ends with status 1 if it does.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
import struct
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FIELDS = (
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "ip.id",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.flags",
    "tcp.options.timestamp.tsval",
    "tcp.options.sack_re",
    "tcp.checksum",
    "tcp.checksum.status",
    "tcp.analysis.duplicate_ack",
    "icmp.type",
    "icmpv6.type",
    "tcp.options.mptcp.subtype",
    "tcp.options.mptcp.rawdataseqno",
    "tcp.options.mptcp.subflowseqno",
)
#: The subtype MP_JOIN of MPTCP's options.
JOIN = "1"
SYN, FIN, RST, ACK = 0x02, 0x01, 0x04, 0x10
HALF, WHOLE = 1 << 31, 1 << 32


@dataclass(frozen=True)
class Packet:
    """One TCP packet of a capture."""

    capture: str
    t_ns: int
    src: tuple[str, int]
    dst: tuple[str, int]
    seq: int
    ack: int
    size: int
    flags: int
    sack_right: int | None
    same: tuple[Any, ...]  # what tells a packet from all others, at both ends
    bad: bool
    duplicate_ack: bool
    joins: bool  # a subflow of an MPTCP connection that is there already
    place: int | None  # of its payload in an MPTCP connection's data, lower 32 bits


@dataclass
class Run:
    """The JSON files of a run and what its captures hold."""

    path: Path
    plan: dict[str, Any]
    engine: dict[str, Any]
    metrics: dict[str, Any]
    frames: dict[str, int] = field(default_factory=dict)  # per capture, before the end
    tcp: dict[str, list[Packet]] = field(default_factory=dict)  # per capture, to its own end

    @property
    def end_ns(self) -> int:
        end = self.engine.get("end_ns")
        return int(self.plan["duration_ns"] if end is None else min(end, self.plan["duration_ns"]))

    def addresses(self, node: str) -> set[str]:
        faces = [
            face
            for planned in self.plan["network"]["nodes"]
            if planned["name"] == node
            for face in planned["interfaces"]
        ]
        return {(face["ipv4"] or face["ipv6"]).partition("/")[0] for face in faces}

    def captures_at(self, node: str) -> list[str]:
        names = {
            face["name"]
            for planned in self.plan["network"]["nodes"]
            if planned["name"] == node
            for face in planned["interfaces"]
        }
        return [capture for capture in self.tcp if capture in names]

    def packets_at(self, node: str) -> list[Packet]:
        return [packet for capture in self.captures_at(node) for packet in self.tcp[capture]]


def read_run(path: Path) -> Run:
    """Read a run directory; every capture is read by tshark."""
    plan, engine, metrics = (
        json.loads((path / name).read_text())
        for name in ("plan.json", "raw/engine.json", "metrics.json")
    )
    run = Run(path, plan, engine, metrics)
    for file in sorted((path / "raw").glob("*.pcap")):
        run.frames[file.stem], run.tcp[file.stem] = _read_capture(
            file, int(engine["t0_realtime_ns"]), run.end_ns
        )
    return run


def _read_capture(file: Path, t0_ns: int, end_ns: int) -> tuple[int, list[Packet]]:
    argv = ["tshark", "-n", "-r", str(file), "-T", "fields", "-E", "occurrence=f"]
    for name in (
        "tcp.check_checksum:TRUE",
        "ip.defragment:FALSE",
        "tcp.relative_sequence_numbers:FALSE",
    ):
        argv += ["-o", name]
    for name in ("tcp.port", "udp.port"):
        argv += ["-d", f"{name}==0-65535,data"]
    argv += [part for field_name in FIELDS for part in ("-e", field_name)]
    text = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"},
    ).stdout
    frames, packets = 0, []
    begun: dict[Any, int] = {}  # initial sequence numbers
    for line in text.splitlines():
        row = dict(zip(FIELDS, line.split("\t"), strict=True))
        seconds, _, fraction = row["frame.time_epoch"].partition(".")
        t_ns = int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9]) - t0_ns
        frames += t_ns < end_ns
        if row["tcp.seq_raw"] and not row["icmp.type"] and not row["icmpv6.type"]:
            packet = _packet(file.stem, t_ns, row)
            if packet.flags & SYN:
                begun[packet.src, packet.dst] = packet.seq
            packets.append(_placed(packet, row, begun.get((packet.src, packet.dst))))
    return frames, packets


def _placed(packet: Packet, row: dict[str, str], isn: int | None) -> Packet:
    """Return a packet with the place of its payload in an MPTCP connection's data."""
    number, at = row["tcp.options.mptcp.rawdataseqno"], row["tcp.options.mptcp.subflowseqno"]
    if not (number and at and packet.size) or isn is None:
        return packet
    return replace(packet, place=(int(number) + packet.seq - isn - int(at)) % WHOLE)


def _packet(capture: str, t_ns: int, row: dict[str, str]) -> Packet:
    src, dst = (
        (row["ip." + name] or row["ipv6." + name], int(row["tcp." + name + "port"]))
        for name in ("src", "dst")
    )
    number = {name: int(row[name]) for name in ("tcp.seq_raw", "tcp.ack_raw", "tcp.len")}
    same = (
        src,
        dst,
        row["ip.id"],
        row["tcp.options.timestamp.tsval"],
        row["tcp.seq_raw"],
        row["tcp.ack_raw"],
        row["tcp.len"],
        row["tcp.flags"],
    )
    return Packet(
        capture,
        t_ns,
        src,
        dst,
        number["tcp.seq_raw"],
        number["tcp.ack_raw"],
        number["tcp.len"],
        int(row["tcp.flags"], 16),
        int(row["tcp.options.sack_re"]) if row["tcp.options.sack_re"] else None,
        same,
        row["tcp.checksum.status"] in ("0", "Bad"),
        bool(row["tcp.analysis.duplicate_ack"]),
        row["tcp.options.mptcp.subtype"] == JOIN,
        None,
    )


# ----------------------------------------------------------------------------------------------
# flows

#: Flows that nothing on the wire tells apart: same ends, same port, same sender.
Group = tuple[str, str, int, str]


def groups_of(run: Run) -> dict[Group, list[dict[str, Any]]]:
    """Return the plan's flows by what a capture can tell: client, server, the server's port and who
    sends.
    """
    found: dict[Group, list[dict[str, Any]]] = defaultdict(list)
    for flow in run.plan["flows"]:
        found[flow["client"], flow["server"], flow["port"], flow["sender"]].append(flow)
    return found


def connections_of(run: Run, group: Group, flows: list[dict[str, Any]]) -> list[int]:
    """Return the clients' ports of a group's connections, in the order of their SYNs; one that is
    used again stands again.

    Iperf3's first one is no flow's, nor are subflows that joined it: those before the second one.
    """
    client, server, port, _ = group
    ends = run.addresses(client), run.addresses(server)
    syns: dict[tuple[int, int], bool] = {}
    for packet in sorted(
        (*run.packets_at(client), *run.packets_at(server)), key=lambda packet: packet.t_ns
    ):
        if (
            packet.src[0] in ends[0]
            and packet.dst[0] in ends[1]
            and packet.dst[1] == port
            and packet.t_ns < run.end_ns
            and packet.flags & SYN
        ):
            syns.setdefault((packet.src[1], packet.seq), packet.joins)
    order = list(syns)
    if flows[0]["data_connections"] == "not_first":
        opened = [number for number, key in enumerate(order) if not syns[key]]
        order = order[opened[1] :] if len(opened) > 1 else []
    return [own for own, _ in order]


def data_of(
    run: Run, group: Group, ports: set[int], node: str, *, bare: bool = False
) -> dict[tuple[str, int], list[Packet]]:
    """Return the data segments of a group's sender as a node's captures have them, per (capture,
    client's port), in order; if ``bare``, SYN and FIN too.
    """
    client, server, port, sender = group
    found: dict[tuple[str, int], list[Packet]] = defaultdict(list)
    for packet in run.packets_at(node):
        own, other = (packet.src, packet.dst) if sender == client else (packet.dst, packet.src)
        wanted = packet.size or (bare and packet.flags & (SYN | FIN))
        if (
            wanted
            and own[0] in run.addresses(client)
            and other[0] in run.addresses(server)
            and own[1] in ports
            and other[1] == port
        ):
            found[packet.capture, own[1]].append(packet)
    return found


def unwrapped(values: Iterable[int]) -> list[int]:
    """Return sequence numbers without their wrap at 2^32: each less than 2^31 from the
    one before.
    """
    found: list[int] = []
    for value in values:
        found.append(value if not found else found[-1] + (value - found[-1] + HALF) % WHOLE - HALF)
    return found


class Covered:
    """A set of numbers, kept as disjoint ranges."""

    def __init__(self) -> None:
        self.left: list[int] = []
        self.right: list[int] = []

    def add(self, low: int, high: int) -> int:
        """Add a range; return how many of its numbers are new."""
        first = bisect.bisect_left(self.right, low)
        last = bisect.bisect_right(self.left, high)
        held = sum(
            min(high, self.right[number]) - max(low, self.left[number])
            for number in range(first, last)
            if self.right[number] > low and self.left[number] < high
        )
        if first < last:
            low_all, high_all = min(low, self.left[first]), max(high, self.right[last - 1])
        else:
            low_all, high_all = low, high
        self.left[first:last], self.right[first:last] = [low_all], [high_all]
        return high - low - held


def flow_counts(run: Run, group: Group, flows: list[dict[str, Any]]) -> dict[str, Any]:
    """Count what a group's flows delivered, sent again and lost, and take their
    round-trip times.
    """
    client, server, _, sender = group
    receiver = server if sender == client else client
    every = connections_of(run, group, flows)
    ports = set(every)
    sent, arrived = data_of(run, group, ports, sender), data_of(run, group, ports, receiver)
    goodput, left_as = (
        0,
        {(packet.seq, packet.size) for packets in sent.values() for packet in packets},
    )
    for packets in arrived.values():
        covered = Covered()
        good = [packet for packet in packets if packet.t_ns < run.end_ns and not packet.bad]
        # what nobody sent was damaged, also where a capture holds too little to verify the checksum
        if not _joined(run) and left_as:
            good = [segment for segment in good if (segment.seq, segment.size) in left_as]
        for packet, left in zip(good, unwrapped(segment.seq for segment in good), strict=True):
            goodput += covered.add(left, left + packet.size)
    goodput -= twice(run, arrived)
    number, payload, distinct = 0, 0, 0
    again = sum(
        sent_again(packets, run.end_ns)
        for packets in data_of(run, group, ports, sender, bare=True).values()
    )
    for packets in sent.values():
        own, covered = [packet for packet in packets if packet.t_ns < run.end_ns], Covered()
        for packet, left in zip(own, unwrapped(segment.seq for segment in own), strict=True):
            number, payload = number + 1, payload + packet.size
            distinct += covered.add(left, left + packet.size)
    return {
        "goodput_bytes": goodput,
        "packets_sent": number,
        "retransmissions": again,
        "retransmitted_bytes": payload - distinct,
        "lost": lost_packets(run, sent, arrived),
        "rtt_ns": round_trips(run, group, ports, sent),
        "connections": len(every),
    }


def twice(run: Run, arrived: dict[tuple[str, int], list[Packet]]) -> int:
    """Return how many bytes of MPTCP's data came more than once, each time with a number of its own
    in a subflow.

    Counted from the mappings; what no mapping tells the place of came once.
    """
    mapped = sorted(
        (
            packet
            for packets in arrived.values()
            for packet in packets
            if packet.place is not None and packet.t_ns < run.end_ns and not packet.bad
        ),
        key=lambda packet: packet.t_ns,
    )
    covered, new, alone = Covered(), 0, 0
    for packet, left in zip(mapped, unwrapped(each.place or 0 for each in mapped), strict=True):
        new += covered.add(left, left + packet.size)
    subflows: dict[Any, list[Packet]] = defaultdict(list)
    for packet in mapped:
        subflows[packet.capture, packet.src, packet.dst].append(packet)
    for own in subflows.values():
        covered = Covered()
        for packet, left in zip(own, unwrapped(each.seq for each in own), strict=True):
            alone += covered.add(left, left + packet.size)
    return alone - new


def sent_again(packets: list[Packet], end_ns: int) -> int:
    """Return how many packets of one sender and connection repeat what it had sent: data, a SYN, a
    SYN-ACK or a FIN, as Tcp.RetransSegs counts them.
    """
    own = [packet for packet in packets if packet.t_ns < end_ns and not packet.flags & RST]
    again, highest, syns = 0, -math.inf, Counter[tuple[int, int]]()
    for packet, left in zip(own, unwrapped(segment.seq for segment in own), strict=True):
        end = left + packet.size + bool(packet.flags & SYN) + bool(packet.flags & FIN)
        if packet.flags & SYN:
            # with another initial sequence number it is a new connection's first
            kind = packet.flags & ACK, packet.seq
            syns[kind] += 1
            again += syns[kind] > 1
        else:
            again += end <= highest
        highest = max(highest, end)
    return again


def lost_packets(run: Run, sent: dict[Any, list[Packet]], arrived: dict[Any, list[Packet]]) -> int:
    """Return how many data segments that left before the end never came to the other side's
    capture, damaged or not, to the capture's own end.
    """
    here = Counter(
        packet.same for packets in sent.values() for packet in packets if packet.t_ns < run.end_ns
    )
    there = Counter(packet.same for packets in arrived.values() for packet in packets)
    left_as = {(packet.seq, packet.size) for packets in sent.values() for packet in packets}
    damaged = sum(
        (packet.seq, packet.size) not in left_as
        for packets in arrived.values()
        for packet in packets
        if not packet.bad
    )
    return max(sum(max(count - there[same], 0) for same, count in here.items()) - damaged, 0)


def round_trips(
    run: Run, group: Group, ports: set[int], sent: dict[tuple[str, int], list[Packet]]
) -> list[int]:
    """Return the round-trip times of all data: per ACK that covers new data, of the newest segment
    of it that was sent once.

    A segment is covered by the ACK number, or by a first SACK block that ends where it does. What
    waited behind a byte sent twice for a cumulative ACK gives none.
    """
    found: list[int] = []
    for (capture, port), packets in sent.items():
        own = [packet for packet in packets if packet.t_ns < run.end_ns]
        if own:
            found += _connection_trips(own, _acks_of(run, group, capture, port))
    return sorted(found)


def _acks_of(run: Run, group: Group, capture: str, port: int) -> list[Packet]:
    client, _, server_port, sender = group
    acks = []
    for packet in run.tcp[capture]:
        own, other = (packet.dst, packet.src) if sender == client else (packet.src, packet.dst)
        from_receiver = (
            (packet.src[0] not in run.addresses(sender)) and packet.flags & ACK and not packet.bad
        )
        if (
            own[1] == port
            and other[1] == server_port
            and from_receiver
            and packet.t_ns < run.end_ns
        ):
            acks.append(packet)
    return acks


def _connection_trips(sent: list[Packet], acks: list[Packet]) -> list[int]:
    lefts = unwrapped(segment.seq for segment in sent)
    twice = _sent_twice(lefts, [row.size for row in sent])
    waiting = sorted(
        (left + packet.size, left, packet.t_ns)
        for left, packet in zip(lefts, sent, strict=True)
        if not _meets(twice, left, left + packet.size)
    )
    ends = [segment[0] for segment in waiting]
    trips: list[int] = []
    position, highest = 0, lefts[0]
    taken: set[int] = set()
    numbers = unwrapped([lefts[0] % WHOLE, *(ack.ack for ack in acks)])[1:]
    for packet, number in zip(acks, numbers, strict=True):
        ack = number + lefts[0] - lefts[0] % WHOLE
        samples: list[int] = []
        if packet.sack_right is not None:
            right = ack + (packet.sack_right - ack + HALF) % WHOLE - HALF
            index = bisect.bisect_left(ends, right)
            if (
                right > ack
                and index < len(ends)
                and ends[index] == right
                and index not in taken
                and right > highest
            ):
                taken.add(index)
                samples.append(packet.t_ns - waiting[index][2])
        if ack > highest:
            last = bisect.bisect_right(ends, ack)
            fresh = [index for index in range(position, last) if index not in taken]
            if fresh and not _meets(twice, highest, ack):
                samples += [
                    packet.t_ns - waiting[index][2]
                    for index in fresh
                    if waiting[index][2] <= packet.t_ns
                ]
            taken.update(fresh)
            position, highest = last, ack
        samples = [sample for sample in samples if sample >= 0]
        if samples:
            trips.append(min(samples))
    return trips


def _sent_twice(lefts: list[int], sizes: list[int]) -> Covered:
    """Return the bytes that were sent more than once."""
    edges: Counter[int] = Counter()
    for left, size in zip(lefts, sizes, strict=True):
        edges[left] += 1
        edges[left + size] -= 1
    twice, depth, before = Covered(), 0, 0
    for at in sorted(edges):
        if depth > 1:
            twice.add(before, at)
        depth, before = depth + edges[at], at
    return twice


def _meets(ranges: Covered, low: int, high: int) -> bool:
    """Return whether any of ``ranges`` has a number of [low, high)."""
    index = bisect.bisect_right(ranges.right, low)
    return index < len(ranges.left) and ranges.left[index] < high


# ---------------------------------------------------------------------------------------------- the
# kernel's files

_ROOT, _NEWQDISC = 0xFFFFFFFF, 36


def queue_counts(run: Run) -> dict[tuple[str, str], dict[str, int]]:
    """Return per direction the largest number of packets in the queue and the growth of its drops,
    from the dumps as the kernel wrote them.

    Of each qdisc the older statistics (TCA_STATS, struct tc_stats in linux/gen_stats.h's
    forerunner) are read: bytes, packets, drops, ..., qlen, backlog. htb counts what its classes'
    own queues hold and drop, so those below it are left out.
    """
    sources = (
        json.loads((run.path / "raw" / "qdisc_sources.json").read_text())["links"]
        if (run.path / "raw" / "qdisc_sources.json").is_file()
        else []
    )
    seen: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    above: set[tuple[int, int]] = set()
    for number, datagram in _records(run.path / "raw" / "qdisc.nl"):
        found = list(_qdiscs(datagram))
        above |= {(each[0], each[1] >> 16) for each in found if each[3] == "htb"}
        for ifindex, _, parent, kind, qlen, drops in found:
            role = sources[number]["roles"].get(str(ifindex))
            if (
                role
                and role["role"] == "shaper"
                and parent != _ROOT
                and (ifindex, parent >> 16) not in above
                and kind not in ("clsact", "noqueue")
            ):
                seen[sources[number]["link"], role["towards"]].append((qlen, drops))
    return {
        where: {"max_packets": max(row[0] for row in rows), "drops": rows[-1][1] - rows[0][1]}
        for where, rows in seen.items()
    }


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    data = path.read_bytes() if path.is_file() else b""
    at = 12
    while at + 16 <= len(data):
        _, number, length = struct.unpack_from("=qII", data, at)
        yield number, data[at + 16 : at + 16 + length]
        at += 16 + length


def _qdiscs(data: bytes) -> Iterator[tuple[int, int, int, str, int, int]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind == _NEWQDISC:
            ifindex, handle, parent, _ = struct.unpack_from("=iIII", data, at + 20)
            told = dict(_attributes(data[at + 36 : at + length]))
            if 3 in told:
                _, _, drops, _, _, _, qlen, _ = struct.unpack_from("=QIIIIIII", told[3])
                yield ifindex, handle, parent, told[1].rstrip(b"\0").decode(), qlen, drops
        at += max((length + 3) & ~3, 16)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += (length + 3) & ~3


def counter_growth(run: Run, node: str) -> dict[str, int]:
    """Return by how much each counter of /proc/net/snmp and netstat grew from a node's first sample
    to its last, without those that stood still.
    """
    path = run.path / "raw" / "counters" / f"{node}.txt"
    blocks = path.read_text().split("# t_ns=")[1:] if path.is_file() else []
    values = [dict(_counters(block)) for block in (blocks[0], blocks[-1])] if blocks else []
    return (
        {
            name: values[1][name] - value
            for name, value in values[0].items()
            if name in values[1] and values[1][name] != value
        }
        if values
        else {}
    )


def _counters(block: str) -> Iterator[tuple[str, int]]:
    lines = block.splitlines()[1:]
    for head, row in itertools.pairwise(lines):
        if (
            head.partition(":")[0] == row.partition(":")[0]
            and head.split()[1:2]
            and not head.split()[1].lstrip("-").isdigit()
        ):
            group = head.partition(":")[0]
            yield from (
                (f"{group}.{name}", int(value))
                for name, value in zip(head.split()[1:], row.split()[1:], strict=False)
            )


# ----------------------------------------------------------------------------------------------
# comparison


def differences(run: Run) -> list[str]:
    """Return a sentence for each number of metrics.json that is not what was counted here."""
    told = run.metrics["packets"]
    found = [
        f"packets.{name}: {told.get(name, 0)}, counted {count}"
        for name, count in run.frames.items()
        if told.get(name, 0) != count
    ]
    found += list(_labels(run)) + list(_queues(run)) + list(_kernel(run))
    for group, flows in groups_of(run).items():
        found += _flows(run, group, flows)
    return found


def _labels(run: Run) -> Iterator[str]:
    told = run.metrics["labels"]["duplicate_ack"]["captures"]
    for capture, packets in run.tcp.items():
        counted = sum(packet.duplicate_ack and packet.t_ns < run.end_ns for packet in packets)
        if told.get(capture, 0) != counted:
            yield (
                f"labels.duplicate_ack.captures.{capture}: {told.get(capture, 0)}, counted"
                f" {counted}"
            )


def _queues(run: Run) -> Iterator[str]:
    told = {(queue["link"], queue["towards"]): queue for queue in run.metrics["queues"]}
    for where, counted in queue_counts(run).items():
        for name, value in counted.items():
            if told[where][name] != value:
                yield f"queues.{where[0]}>{where[1]}.{name}: {told[where][name]}, counted {value}"


def _kernel(run: Run) -> Iterator[str]:
    for node in (node["name"] for node in run.plan["network"]["nodes"]):
        told, counted = run.metrics["counters"].get(node, {}), counter_growth(run, node)
        for name in sorted(told.keys() | counted.keys()):
            if (
                told.get(name, 0) != counted.get(name, 0)
                and not name.endswith("6")
                and "6." not in name
            ):
                yield f"counters.{node}.{name}: {told.get(name, 0)}, counted {counted.get(name, 0)}"


def _flows(run: Run, group: Group, flows: list[dict[str, Any]]) -> Iterator[str]:
    own = [run.metrics["flows"][flow["name"]] for flow in flows]
    names = " + ".join(flow["name"] for flow in flows)
    counted = flow_counts(run, group, flows)
    cut = _joined(run)
    for name in (
        "connections",
        "goodput_bytes",
        "packets_sent",
        "retransmissions",
        "retransmitted_bytes",
        "lost",
    ):
        values = [flow["lost_packets"] if name == "lost" else flow[name] for flow in own]
        if all(value is None for value in values) or (name in ("lost", "retransmissions") and cut):
            continue
        if sum(value or 0 for value in values) != counted[name]:
            yield (
                f"flows.{names}.{name}: {sum(value or 0 for value in values)}, counted"
                f" {counted[name]}"
            )
    if len(own) == 1:
        yield from _percentiles(names, own[0]["rtt"], counted["rtt_ns"])


def _joined(run: Run) -> bool:
    """Whether a host joins or cuts segments, so that packets at both ends are not the same."""
    return any(
        face.get("offloads") for node in run.plan["network"]["nodes"] for face in node["interfaces"]
    )


def _percentiles(flow: str, told: dict[str, Any] | None, rtt_ns: list[int]) -> Iterator[str]:
    if told is None or not rtt_ns:
        if bool(told) != bool(rtt_ns):
            yield f"flows.{flow}.rtt: {told}, counted {len(rtt_ns)} samples"
        return
    if told["samples"] != len(rtt_ns):
        yield f"flows.{flow}.rtt.samples: {told['samples']}, counted {len(rtt_ns)}"
    for name, point in (
        ("min_ms", 0.0),
        ("p50_ms", 0.5),
        ("p95_ms", 0.95),
        ("p99_ms", 0.99),
        ("max_ms", 1.0),
    ):
        rank = point * (len(rtt_ns) - 1)
        low, high = (
            rtt_ns[max(math.floor(rank) - 1, 0)],
            rtt_ns[min(math.ceil(rank) + 1, len(rtt_ns) - 1)],
        )
        if not low - 1 <= told[name] * 1e6 <= high + 1:
            yield (
                f"flows.{flow}.rtt.{name}: {told[name]}, counted between {low / 1e6} and"
                f" {high / 1e6}"
            )


if __name__ == "__main__":
    wrong = differences(read_run(Path(sys.argv[1])))
    print("\n".join(wrong) or "no difference")
    sys.exit(bool(wrong))
