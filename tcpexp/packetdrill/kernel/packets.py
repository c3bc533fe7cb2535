"""A script's packets as octets, in the script's numbers, and what went out as a script's packet."""

from __future__ import annotations

import struct

from tcpexp.packetdrill.guest import wire
from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Icmp, Ip, Option, Packet, Tcp, Udp

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32, "E": 64, "C": 128, "W": 128}
AE = 0x100
ECN = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}
ECN_NAMES = {number: name for name, number in ECN.items()}
#: What packetdrill writes into the header of a packet whose script says nothing.
DEFAULT_TTL = 255
#: AccECN's options (RFC 9768, 3.2.3): by their order of the counters.
ACCECN = {172: ("e0b", "ceb", "e1b"), 174: ("e1b", "ceb", "e0b")}
FASTOPEN, EXPERIMENT, FASTOPEN_MAGIC = 34, 254, 0xF989
MD5 = 19
ICMP_TYPES = {
    "echo_reply": 0,
    "unreachable": 3,
    "source_quench": 4,
    "redirect": 5,
    "echo_request": 8,
    "time_exceeded": 11,
    "parameter_problem": 12,
    "timestamp_request": 13,
    "timestamp_reply": 14,
    "information_request": 15,
    "information_reply": 16,
    "address_mask_request": 17,
    "address_mask_reply": 18,
}
ICMP_CODES = {
    "unreachable": {
        name: number
        for number, name in enumerate(
            [
                "net_unreachable",
                "host_unreachable",
                "protocol_unreachable",
                "port_unreachable",
                "frag_needed",
                "source_route_failed",
                "net_unknown",
                "host_unknown",
                "source_host_isolated",
                "net_prohibited",
                "host_prohibited",
                "net_unreachable_for_tos",
                "host_unreachable_for_tos",
                "packet_filtered",
                "precedence_violation",
                "precedence_cutoff",
            ]
        )
    }
}
ICMPV6_TYPES = {
    "unreachable": 1,
    "packet_too_big": 2,
    "time_exceeded": 3,
    "parameter_problem": 4,
    "echo_request": 128,
    "echo_reply": 129,
}
ICMPV6_CODES = {
    "unreachable": {
        "net_unreachable": 0,
        "no_route": 0,
        "admin_prohibited": 1,
        "not_neighbour": 2,
        "address_unreachable": 3,
        "port_unreachable": 4,
    },
    "time_exceeded": {"exceeded_hop_limit": 0, "exceeded_frag_time": 1},
    "parameter_problem": {"header_field": 0, "unknown_next_header": 1, "unknown_option": 2},
}


def protocol_of(packet: Packet, family: int) -> int:
    """Return the number of a packet's protocol in the IP header of ``family`` (4 or 6)."""
    if isinstance(packet.content, Tcp):
        return wire.TCP
    if isinstance(packet.content, Udp):
        return wire.UDP
    return wire.ICMP if family == 4 else wire.ICMPV6


def flag_bits(tcp: Tcp) -> int:
    """Return the flags as they stand in the header, AE as bit 8."""
    bits = sum(FLAGS[letter] for letter in set(tcp.flags) & set(FLAGS))
    if "C" in tcp.flags and "W" in tcp.flags:
        bits -= FLAGS["C"]
    bits |= AE if "A" in tcp.flags else 0
    if tcp.ace is not None:
        bits |= (
            (AE if tcp.ace & 4 else 0) | (128 if tcp.ace & 2 else 0) | (64 if tcp.ace & 1 else 0)
        )
    return bits


def encode(packet: Packet, family: int) -> bytes:
    """Return a packet to inject; addresses and ports that the script leaves open are 0.

    Raises:
        Unplayable: it has headers around it, or no window.
    """
    if packet.outer or packet.udp_ports is not None:
        raise Unplayable("a packet in a tunnel")
    content = packet.content
    if isinstance(content, Tcp):
        body = _tcp(content, packet.ports or (0, 0))
    elif isinstance(content, Udp):
        head = struct.pack("!HHHH", *(packet.ports or (0, 0)), 8 + content.length, 0)
        body = head + bytes(content.length)
    else:
        body = _icmp(content, family)
    return ip_header(packet.ip, family, protocol_of(packet, family), len(body)) + body


def ip_header(ip: Ip, family: int, protocol: int, length: int) -> bytes:
    """Return an IP header without addresses and checksum."""
    tos = ip.tos if ip.tos is not None else ECN.get(ip.ecn or "noecn", 0)
    ttl = ip.ttl or DEFAULT_TTL
    if family == 4:
        return struct.pack("!BBHHHBBH8x", 0x45, tos, 20 + length, 0, 0, ttl, protocol, 0)
    first = 6 << 28 | tos << 20 | (ip.flow_label or 0)
    return struct.pack("!IHBB32x", first, length, protocol, ttl)


def _tcp(tcp: Tcp, ports: tuple[int, int]) -> bytes:
    if tcp.absolute or tcp.seq is None:
        raise Unplayable("a segment to inject with a sequence number of the wire's own")
    if tcp.window is None:
        raise Unplayable("a segment to inject without a window")
    if tcp.options is None:
        raise Unplayable("a segment to inject with <...>")
    options = b"".join(encode_option(option) for option in tcp.options)
    if len(options) % 4:
        raise Unplayable("TCP options that fill no whole words")
    offset = 5 + len(options) // 4
    if offset > 15:
        raise Unplayable("more TCP options than a header holds")
    head = struct.pack(
        "!HHIIHHHH",
        *ports,
        tcp.seq & 0xFFFFFFFF,
        (tcp.ack or 0) & 0xFFFFFFFF,
        offset << 12 | flag_bits(tcp),
        tcp.window & 0xFFFF,
        0,
        tcp.urgent or 0,
    )
    return head + options + bytes(tcp.length)


def encode_option(option: Option) -> bytes:
    """Return a TCP option's octets.

    Raises:
        Unplayable: its kind is not known.
    """
    kind, value = option.kind, option.value or 0
    simple = {
        "nop": b"\x01",
        "eol": b"\x00",
        "sackOK": b"\x04\x02",
        "mss": struct.pack("!BBH", 2, 4, value & 0xFFFF),
        "wscale": struct.pack("!BBB", 3, 3, value & 0xFF),
        "TS": struct.pack("!BBII", 8, 10, value & 0xFFFFFFFF, (option.echo or 0) & 0xFFFFFFFF),
    }
    if kind in simple:
        return simple[kind]
    if kind == "sack":
        edges = [edge & 0xFFFFFFFF for block in option.blocks for edge in block]
        return bytes((5, 2 + 4 * len(edges))) + struct.pack(f"!{len(edges)}I", *edges)
    if option.data == "valid":
        raise Unplayable(f"the TCP option {option.kind} with a digest")
    data = bytes.fromhex(option.data)
    if kind == "FO":
        return bytes((FASTOPEN, 2 + len(data))) + data
    if kind == "FOEXP":
        return struct.pack("!BBH", EXPERIMENT, 4 + len(data), FASTOPEN_MAGIC) + data
    if kind == "md5":
        return bytes((MD5, 2 + len(data))) + data
    if kind == "ECN":
        first = option.counts[0][0] if option.counts else "e0b"
        number = 172 if first == "e0b" else 174
        counts = b"".join(
            struct.pack("!I", count << 8 & 0xFFFFFFFF)[:3] for _, count in option.counts
        )
        return bytes((number, 2 + len(counts))) + counts
    raise Unplayable(f"the TCP option {kind}")


def _icmp(icmp: Icmp, family: int) -> bytes:
    types, codes = (ICMP_TYPES, ICMP_CODES) if family == 4 else (ICMPV6_TYPES, ICMPV6_CODES)
    kind = _named(icmp.type, types, "type_")
    code = _named(icmp.code, codes.get(icmp.type, {}), "code_") if icmp.code else 0
    rest = bytes(4)
    if icmp.mtu is not None:
        rest = struct.pack("!HH", 0, icmp.mtu) if family == 4 else struct.pack("!I", icmp.mtu)
    elif icmp.id is not None:
        rest = struct.pack("!HH", icmp.id, 0)
    head = struct.pack("!BBH", kind, code, 0) + rest
    if icmp.about == "raw":
        return head.ljust(icmp.length, b"\0")
    # without brackets it is about a segment of TCP: packetdrill's parser.y, opt_icmp_echoed
    protocol = wire.UDP if icmp.about == "udp" else wire.TCP
    length = (8 if icmp.about == "udp" else 20) + icmp.length
    offender = ip_header(Ip(), family, protocol, length)
    return head + offender + struct.pack("!HHI", 0, 0, icmp.seq & 0xFFFFFFFF)


def _named(word: str | None, table: dict[str, int], prefix: str) -> int:
    if word is not None and word in table:
        return table[word]
    if word is not None and word.startswith(prefix) and word[len(prefix) :].isdigit():
        return int(word[len(prefix) :])
    raise Unplayable(f"the ICMP word {word}")


def joined(parts: list[bytes]) -> tuple[bytes, str | None]:
    """Return several packets as the one that a script has, and what does not fit, if anything.

    The header is the last one's, with the sequence number and CWR of the first. All but the last
    are as long as each other.
    """
    if len(parts) == 1:
        return parts[0], None
    first, last = wire.read_headers(parts[0]), wire.read_headers(parts[-1])
    if first is None or last is None:
        return parts[0], "no IP packet"
    head = bytearray(parts[-1][: len(parts[-1]) - wire.payload_length(parts[-1], last)])
    place = last.start
    head[place + 4 : place + 8] = parts[0][first.start + 4 : first.start + 8]
    head[place + 13] = head[place + 13] & ~0x80 | parts[0][first.start + 13] & 0x80
    lengths, bodies, problem = [], b"", None
    following = int.from_bytes(parts[0][first.start + 4 : first.start + 8], "big")
    for part in parts:
        headers = wire.read_headers(part)
        if headers is None:
            return parts[0], "no IP packet"
        start, length = headers.start, wire.payload_length(part, headers)
        if int.from_bytes(part[start + 4 : start + 8], "big") != following:
            problem = problem or "the pieces do not follow each other"
        for offset in (8, 9, 10, 11, 14, 15):
            if part[start + offset] != head[place + offset]:
                problem = problem or "the pieces' acknowledgements or windows differ"
        following = following + length & 0xFFFFFFFF
        lengths.append(length)
        bodies += part[len(part) - length :]
    if len(set(lengths[:-1])) > 1:
        problem = problem or f"fragment payload: lengths {lengths}"
    return bytes(head) + bodies, problem


def decode(data: bytes, local_offset: int, remote_offset: int, syn_offset: int) -> Packet | None:
    """Return what went out as a script's packet: sequence numbers in the script's space.

    Args:
        data: The IP packet.
        local_offset: The kernel's initial sequence number: what a script's numbers count from.
        remote_offset: The same of the other end.
        syn_offset: The kernel's initial sequence number less what the script wrote for it.
    """
    headers = wire.read_headers(data)
    if headers is None:
        return None
    family, start = headers.version, headers.start
    if family == 4:
        tos, ttl, label = data[1], data[8], None
    else:
        first = int.from_bytes(data[:4], "big")
        tos, ttl, label = first >> 20 & 0xFF, data[7], first & 0xFFFFF
    ip = Ip(ECN_NAMES[tos & 3], tos, label, ttl)
    ports = (headers.source[1], headers.target[1])
    if headers.protocol == wire.TCP:
        tcp = decode_tcp(data, start, local_offset, remote_offset, syn_offset)
        return Packet("out", tcp, ip, ports)
    if headers.protocol == wire.UDP:
        return Packet("out", Udp(len(data) - start - 8), ip, ports)
    if headers.protocol in (wire.ICMP, wire.ICMPV6):
        types = ICMP_TYPES if family == 4 else ICMPV6_TYPES
        codes = ICMP_CODES if family == 4 else ICMPV6_CODES
        kind = next((name for name, number in types.items() if number == data[start]), None)
        names = codes.get(kind or "", {})
        code = next((name for name, number in names.items() if number == data[start + 1]), None)
        word = code or (f"code_{data[start + 1]}" if data[start + 1] else None)
        return Packet("out", Icmp(kind or f"type_{data[start]}", word), ip)
    return None


def decode_tcp(
    data: bytes, start: int, local_offset: int, remote_offset: int, syn_offset: int
) -> Tcp:
    """Return the segment at ``start`` as a script writes it."""
    seq, ack = struct.unpack_from("!II", data, start + 4)
    word, window, _, urgent = struct.unpack_from("!HHHH", data, start + 12)
    bits = word & 0x1FF
    syn = bool(bits & 2)
    letters = "".join(
        letter
        for letter, mask in zip("FSRPUEWA.", (1, 2, 4, 8, 32, 64, 128, AE, 16), strict=True)
        if bits & mask
    )
    options = tuple(
        _decode_option(kind, data[place : place + length], remote_offset if not syn else 0)
        for kind, place, length in _all_options(data, start)
    )
    length = len(data) - start - (word >> 12) * 4
    return Tcp(
        flags=letters,
        seq=(seq - (syn_offset if syn else local_offset)) & 0xFFFFFFFF,
        length=length,
        ack=(ack - (0 if syn else remote_offset)) & 0xFFFFFFFF if bits & 16 else None,
        window=window,
        urgent=urgent if bits & 32 else None,
        options=options,
    )


def _all_options(data: bytes, start: int) -> list[tuple[int, int, int]]:
    """Return the options of a header, padding among them: kind, place of the value, its length."""
    found, place, end = [], start + 20, start + (data[start + 12] >> 4) * 4
    while place < end:
        kind = data[place]
        if kind in (wire.OPTION_END, wire.OPTION_NOP):
            found.append((kind, place + 1, 0))
            place += 1
            continue
        length = data[place + 1] if place + 1 < end else 0
        if length < 2:
            break
        found.append((kind, place + 2, length - 2))
        place += length
    return found


def _decode_option(kind: int, value: bytes, sack_offset: int) -> Option:
    names = {0: "eol", 1: "nop", 4: "sackOK"}
    if kind in names:
        return Option(names[kind])
    if kind == 2 and len(value) == 2:
        return Option("mss", int.from_bytes(value, "big"))
    if kind == 3 and len(value) == 1:
        return Option("wscale", value[0])
    if kind == 8 and len(value) == 8:
        mine, echo = struct.unpack("!II", value)
        return Option("TS", mine, echo)
    if kind == 5 and len(value) % 8 == 0:
        edges = struct.unpack(f"!{len(value) // 4}I", value)
        moved = [(edge - sack_offset) & 0xFFFFFFFF for edge in edges]
        return Option("sack", blocks=tuple(zip(moved[::2], moved[1::2], strict=True)))
    if kind in ACCECN and len(value) % 3 == 0:
        counts = [
            int.from_bytes(value[place : place + 3], "big") for place in range(0, len(value), 3)
        ]
        return Option("ECN", counts=tuple(zip(ACCECN[kind], counts, strict=False)))
    if kind == FASTOPEN:
        return Option("FO", data=value.hex())
    if kind == EXPERIMENT and value[:2] == FASTOPEN_MAGIC.to_bytes(2, "big"):
        return Option("FOEXP", data=value[2:].hex())
    return Option({MD5: "md5"}.get(kind, f"option_{kind}"), data=value.hex())
