"""Packets and capture files made by hand: headers with right checksums, unless a test asks for
wrong ones.
"""

import itertools
import struct
from socket import AF_INET6, inet_aton, inet_pton

MAC = bytes.fromhex("020000000002020000000001")
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}
PORT = 5201


def internet_checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def options(*, mss=None, wscale=None, sack_ok=False, ts=None, sacks=(), raw=b""):
    """The bytes of a TCP header's options, padded to whole words.

    ``sacks`` are (left, right) pairs.
    """
    found = b""
    if mss is not None:
        found += struct.pack(">BBH", 2, 4, mss)
    if sack_ok:
        found += b"\x04\x02"
    if ts is not None:
        found += (b"\x01\x01" if not found else b"") + struct.pack(">BBII", 8, 10, *ts)
    if wscale is not None:
        found += b"\x01" + struct.pack(">BBB", 3, 3, wscale)
    if sacks:
        found += (
            b"\x01\x01"
            + struct.pack(">BB", 5, 2 + 8 * len(sacks))
            + b"".join(struct.pack(">II", *(edge % 2**32 for edge in pair)) for pair in sacks)
        )
    found += raw
    return found + b"\x01" * (-len(found) % 4)


def tcp_header(ports, seq, ack, flags, window, tail, checksum=0):
    words = (
        *ports,
        seq % 2**32,
        ack % 2**32,
        (20 + len(tail)) // 4 << 4,
        sum(FLAGS[flag] for flag in flags),
        window,
        checksum,
        0,
    )
    return struct.pack(">HHIIBBHHH", *words) + tail


def tcp(source, target, ports, seq, ack, flags, size=0, window=1000, tail=b"", wrong=0, **ip):
    """An Ethernet frame with a TCP segment of ``size`` bytes.

    ``wrong`` is added to its checksum.
    """
    payload = bytes(size)
    segment = tcp_header(ports, seq, ack, flags, window, tail) + payload
    checksum = (
        internet_checksum(pseudo(source, target, 6, len(segment)) + segment) + wrong
    ) % 2**16
    return frame(
        source,
        target,
        6,
        tcp_header(ports, seq, ack, flags, window, tail, checksum) + payload,
        **ip,
    )


def udp(source, target, ports, size, wrong=0, none=False, **ip):
    """An Ethernet frame with a UDP datagram; ``none`` leaves its checksum out."""
    head = struct.pack(">HHHH", *ports, 8 + size, 0)
    checksum = (
        internet_checksum(pseudo(source, target, 17, 8 + size) + head + bytes(size)) + wrong
    ) % 2**16 or 0xFFFF
    return frame(
        source,
        target,
        17,
        struct.pack(">HHHH", *ports, 8 + size, 0 if none else checksum) + bytes(size),
        **ip,
    )


def icmp(source, target, kind, code, quoted, **ip):
    """An Ethernet frame with an ICMP message about the IP packet ``quoted``, or ICMPv6 between IPv6
    addresses.
    """
    body = struct.pack(">BBHI", kind, code, 0, 0) + quoted
    six = ":" in source
    checksum = internet_checksum((pseudo(source, target, 58, len(body)) if six else b"") + body)
    return frame(
        source, target, 58 if six else 1, body[:2] + struct.pack(">H", checksum) + body[4:], **ip
    )


def arp(source, target, operation=1):
    body = (
        struct.pack(">HHBBH", 1, 0x800, 6, 4, operation)
        + MAC[6:]
        + inet_aton(source)
        + bytes(6)
        + inet_aton(target)
    )
    return (MAC + struct.pack(">H", 0x806) + body).ljust(60, b"\0")


def pseudo(source, target, protocol, size):
    if ":" in source:
        return (
            inet_pton(AF_INET6, source)
            + inet_pton(AF_INET6, target)
            + struct.pack(">II", size, protocol)
        )
    return inet_aton(source) + inet_aton(target) + struct.pack(">HH", protocol, size)


def frame(source, target, protocol, body, *, ip_id=1, ttl=64, ecn=0, fragment=0x4000, ip_wrong=0):
    if ":" in source:
        head = (
            struct.pack(">IHBB", 6 << 28 | ecn << 20, len(body), protocol, ttl)
            + inet_pton(AF_INET6, source)
            + inet_pton(AF_INET6, target)
        )
        return MAC + b"\x86\xdd" + head + body
    words = (0x45, ecn, 20 + len(body), ip_id % 2**16, fragment, ttl, protocol)
    ends = inet_aton(source) + inet_aton(target)
    checksum = (internet_checksum(struct.pack(">BBHHHBBH", *words, 0) + ends) + ip_wrong) % 2**16
    return MAC + b"\x08\x00" + struct.pack(">BBHHHBBH", *words, checksum) + ends + body


def write_pcap(path, packets, *, snaplen=262144, order="<", nanoseconds=True, link=1):
    """Write (time in ns, frame) pairs as a capture file."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for t_ns, data in packets:
        fraction = t_ns % 10**9 if nanoseconds else t_ns % 10**9 // 1000
        parts += [
            struct.pack(
                order + "IIII", t_ns // 10**9, fraction, min(snaplen, len(data)), len(data)
            ),
            data[:snaplen],
        ]
    path.write_bytes(b"".join(parts))
    return path


#: Each conversation has a port of its own unless it asks for one.
NEXT_PORT = itertools.count(40_000)


class Talk:
    """A conversation between two ends that is written down packet by packet.

    Sequence numbers given are relative to each end's first.
    """

    def __init__(
        self,
        *,
        client="10.0.0.1",
        server="10.0.0.2",
        port=None,
        isn=(1000, 5000),
        at_ns=10**18,
        step_ns=10_000_000,
    ):
        self.port = next(NEXT_PORT) if port is None else port
        self.ends, self.ports, self.isn = (client, server), (self.port, PORT), isn
        self.now, self.step_ns = at_ns, step_ns
        self.packets = []

    def send(self, side, flags="A", seq=0, ack=0, size=0, after_ns=None, sacks=(), **more):
        """Add a segment of the client (0) or the server (1)."""
        self.now += self.step_ns if after_ns is None else after_ns
        source, target = self.ends[side], self.ends[1 - side]
        if sacks:
            more["tail"] = options(
                sacks=[
                    (one + self.isn[1 - side], other + self.isn[1 - side]) for one, other in sacks
                ]
            )
        number = ack + self.isn[1 - side] if "A" in flags else ack
        ports = (self.ports[side], self.ports[1 - side])
        self.packets.append(
            (
                self.now,
                tcp(source, target, ports, seq + self.isn[side], number, flags, size, **more),
            )
        )
        return self

    def open(self, wscale=(7, 7), **more):
        """Add a three-way handshake."""
        tails = [options(mss=1460, sack_ok=True, wscale=shift) for shift in wscale]
        self.send(0, "S", tail=tails[0], **more)
        self.send(1, "SA", 0, 1, tail=tails[1], **more)
        return self.send(0, "A", 1, 1, **more)
