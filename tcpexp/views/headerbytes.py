"""The IPv4 and TCP headers of one recorded packet, read from its bytes in tshark's words.

Only the ordinary is read here: Ethernet, IPv4 without options, TCP with the options that Linux
sends, both checksums right and the packet whole. Of any other packet nothing is said, and whoever
asks lets tshark dissect it, which takes as long as all else that follows a small run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tcpexp.ingest.dissect import Field, Header

#: The first word of a capture file by its byte order; of microseconds and of nanoseconds.
_ORDERS = {
    struct.pack(order + "I", magic): order for magic in (0xA1B2C3D4, 0xA1B23C4D) for order in "<>"
}
_FILE_HEADER, _PACKET_HEADER, _ETHERNET, _LINK_ETHERNET = 24, 16, 14, 1
_TCP = 6
#: RFC 3168 section 5, in tshark's words.
_ECN = {
    0: "Not ECN-Capable Transport",
    1: "ECN-Capable Transport codepoint '01'",
    2: "ECN-Capable Transport codepoint '10'",
    3: "Congestion Experienced",
}
_TCP_FLAGS = ("ae", "cwr", "ece", "urg", "ack", "push", "reset", "syn", "fin")


def plain_headers(capture: Path, row: Mapping[str, Any]) -> tuple[Header, Header] | None:
    """Return the IP and TCP headers of a row of ``packets``, None where they are not ordinary.

    The numbers relative to the initial ones and the scaled window are the row's.
    """
    frame = packet_bytes(capture, int(row["number"]))
    if frame is None or frame[12:14] != b"\x08\x00" or frame[14] != 0x45:
        return None
    packet = frame[_ETHERNET:]
    size = int.from_bytes(packet[2:4], "big")
    packet, whole = packet[:size], len(packet) >= size
    if (
        not whole
        or size < 40
        or packet[9] != _TCP
        or packet[1] >> 2
        or packet[6] & 0x3F
        or packet[7]
    ):
        return None
    segment = packet[20:]
    length = (segment[12] >> 4) * 4
    pseudo = packet[12:20] + bytes((0, _TCP)) + len(segment).to_bytes(2, "big")
    if not 20 <= length <= len(segment) or ones_sum(packet[:20]) or ones_sum(pseudo + segment):
        return None
    options = list(_options(segment[20:length]))
    if None in options:
        return None
    tcp = (*_tcp_fields(segment, row), *(option for option in options if option is not None))
    return Header("ip", 20, tuple(_ip_fields(packet))), Header("tcp", length, tcp)


def packet_bytes(capture: Path, number: int) -> bytes | None:
    """Return what was captured of packet ``number`` (from 1).

    None when there is no such Ethernet frame.
    """
    with capture.open("rb") as file:
        head = file.read(_FILE_HEADER)
        order = _ORDERS.get(head[:4])
        if len(head) < _FILE_HEADER or order is None:
            return None
        if struct.unpack(order + "I", head[20:24])[0] & 0xFFFF != _LINK_ETHERNET:
            return None
        for index in range(1, number + 1):
            record = file.read(_PACKET_HEADER)
            if len(record) < _PACKET_HEADER:
                return None
            kept, sent = struct.unpack(order + "II", record[8:])
            if index == number:
                frame = file.read(kept)
                return frame if len(frame) == kept == sent and kept > _ETHERNET + 20 else None
            file.seek(kept, 1)
    return None


def ones_sum(data: bytes) -> int:
    """Return RFC 1071's sum of 16 bit words, complemented: 0 where the checksum is right."""
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def bit_pattern(data: bytes, first: int, count: int) -> str:
    """Return ``count`` bits of ``data`` from ``first`` on, dots for the others, in fours."""
    digits = "".join(f"{byte:08b}" for byte in data)
    shown = "".join(
        digit if first <= at < first + count else "." for at, digit in enumerate(digits)
    )
    return " ".join(shown[at : at + 4] for at in range(0, len(shown), 4))


def _whole(name: str, data: bytes, first_byte: int, count: int, value: str = "") -> Field:
    """Return a field of whole bytes; its value is the number unless it is given."""
    own = data[first_byte : first_byte + count]
    number = str(int.from_bytes(own, "big"))
    return Field(name, "", value or number, number, own.hex(" "), 8 * first_byte, 8 * count)


def _bits(name: str, word: bytes, at_byte: int, first: int, count: int, value: str = "") -> Field:
    """Return a field of ``count`` bits from bit ``first`` of a word at a byte of the header."""
    width = 8 * len(word)
    number = int.from_bytes(word, "big") >> (width - first - count) & ((1 << count) - 1)
    words = value or (("Set" if number else "Not set") if ".flags." in name else str(number))
    return Field(
        name, "", words, str(number), bit_pattern(word, first, count), 8 * at_byte + first, count
    )


def _ip_fields(data: bytes) -> Iterator[Field]:
    """Yield the fields of an IPv4 header without options (RFC 791 section 3.1)."""
    yield _bits("ip.version", data[:1], 0, 0, 4)
    yield _bits("ip.hdr_len", data[:1], 0, 4, 4)
    yield _bits("ip.dsfield.dscp", data[1:2], 1, 0, 6, "Default (0)")
    yield _bits("ip.dsfield.ecn", data[1:2], 1, 6, 2, f"{_ECN[data[1] & 3]} ({data[1] & 3})")
    yield _whole("ip.len", data, 2, 2)
    identification = int.from_bytes(data[4:6], "big")
    yield _whole("ip.id", data, 4, 2, f"0x{identification:04x} ({identification})")
    for first, name in enumerate(("rb", "df", "mf")):
        yield _bits(f"ip.flags.{name}", data[6:7], 6, first, 1)
    yield _bits("ip.frag_offset", data[6:8], 6, 3, 13)
    yield _whole("ip.ttl", data, 8, 1)
    yield _whole("ip.proto", data, 9, 1, "TCP (6)")
    yield _whole("ip.checksum", data, 10, 2, f"0x{data[10:12].hex()} [correct]")
    yield _whole("ip.src", data, 12, 4, ".".join(map(str, data[12:16])))
    yield _whole("ip.dst", data, 16, 4, ".".join(map(str, data[16:20])))


def _tcp_fields(data: bytes, row: Mapping[str, Any]) -> Iterator[Field]:
    """Yield the fields of a TCP header (RFC 9293 section 3.1) but for its options."""
    yield _whole("tcp.srcport", data, 0, 2)
    yield _whole("tcp.dstport", data, 2, 2)
    yield _whole("tcp.seq_raw", data, 4, 4)
    yield _whole("tcp.ack_raw", data, 8, 4)
    for name, column in (("seq", "seq_rel"), ("ack", "ack_rel"), ("window_size", "window_bytes")):
        if row[column] is not None:
            yield Field(f"tcp.{name}", "", "", str(row[column]), "", 0, 32)
    yield _bits("tcp.hdr_len", data[12:13], 12, 0, 4)
    for name, first, count in (
        ("res", 4, 3),
        *((name, 7 + at, 1) for at, name in enumerate(_TCP_FLAGS)),
    ):
        own = _bits(f"tcp.flags.{name}", data[12:14], 12, first, count)
        yield Field(own.name, own.label, own.value, own.show, own.wire[5:], own.first_bit, count)
    yield _whole("tcp.window_size_value", data, 14, 2)
    yield _whole("tcp.checksum", data, 16, 2, f"0x{data[16:18].hex()} [correct]")
    yield _whole("tcp.urgent_pointer", data, 18, 2)


def _options(data: bytes) -> Iterator[Field | None]:
    """Yield the options, from byte 20 on; None for one that is damaged or not known here."""
    at = 0
    while at < len(data):
        kind = data[at]
        size = 1 if kind in (0, 1) else data[at + 1] if at + 1 < len(data) else 0
        body = data[at + 2 : at + size]
        found = _option(kind, body) if 0 < size <= len(data) - at else None
        if found is None:
            yield None
            return
        name, value = found
        yield Field(
            f"tcp.options.{name}",
            "",
            value,
            "",
            data[at : at + size].hex(" "),
            8 * (20 + at),
            8 * size,
        )
        at += size


def _option(kind: int, body: bytes) -> tuple[str, str] | None:
    """Return tshark's name and words for one option: RFC 9293 section 3.2, RFC 7323, RFC 2018."""
    match kind, len(body):
        case 1, 0:
            return "nop", ""
        case 2, 2:
            return "mss", f"{int.from_bytes(body, 'big')} bytes"
        case 3, 1 if body[0] <= 14:
            return "wscale", f"{body[0]} (multiply by {1 << body[0]})"
        case 4, 0:
            return "sack_perm", ""
        case 8, 8:
            sent, echoed = struct.unpack(">II", body)
            return "timestamp", f"TSval {sent}, TSecr {echoed}"
    return None
