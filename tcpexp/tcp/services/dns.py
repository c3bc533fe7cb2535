"""DNS over TCP for the names of a zone file, and nothing else: each message stands behind its
length (RFC 1035 section 4.2.2). No query leaves the machine.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

HEADER = struct.Struct("!HHHHHH")
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}
IN = 1
#: RCODE of RFC 1035 section 4.1.1, by number.
RCODES = {
    0: "no error",
    1: "format error",
    2: "server failure",
    3: "no such name",
    4: "not implemented",
    5: "refused",
}
QR, AA, RD = 0x8000, 0x0400, 0x0100


class DnsError(Exception):
    """A message or a zone file that cannot be read."""


class Record(NamedTuple):
    """A resource record: ``value`` as a zone file writes it."""

    name: str
    type: str
    ttl: int
    value: str


class Answer(NamedTuple):
    """What a server said: RCODE and the records of the answer section."""

    rcode: int
    records: tuple[Record, ...]


def load_zone(text: str) -> list[Record]:
    """Return the records of a zone file: ``name [ttl] [IN] type value``, with ``$ORIGIN``,
    ``$TTL``, ``@`` and comments (``;``).

    Raises: DnsError with the line.
    """
    origin, ttl, records = "", 3600, []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split(";", 1)[0].split()
        if not words:
            continue
        if words[0] == "$ORIGIN" and len(words) == 2:
            origin = words[1].rstrip(".")
        elif words[0] == "$TTL" and len(words) == 2 and words[1].isdigit():
            ttl = int(words[1])
        else:
            records.append(_zone_record(words, origin, ttl, number))
    return records


def _zone_record(words: list[str], origin: str, ttl: int, number: int) -> Record:
    name, rest = words[0], words[1:]
    if rest and rest[0].isdigit():
        ttl, rest = int(rest[0]), rest[1:]
    if rest and rest[0] == "IN":
        rest = rest[1:]
    if len(rest) < 2 or rest[0] not in TYPES:
        raise DnsError(
            f"line {number}: not 'name [ttl] [IN] type value' with a type of {', '.join(TYPES)}"
        )
    value = " ".join(rest[1:]) if rest[0] in ("TXT", "MX") else rest[1]
    if rest[0] in ("NS", "CNAME", "MX"):
        value = _absolute(value, origin)
    record = Record(_absolute(name, origin).lower(), rest[0], ttl, value)
    try:
        _encode_value(record)
        _encode_name(record.name)
    except (ValueError, DnsError) as error:
        raise DnsError(f"line {number}: {error}") from None
    return record


def _absolute(name: str, origin: str) -> str:
    if name == "@":
        return origin
    return name.rstrip(".") if name.endswith(".") or not origin else f"{name}.{origin}"


def make_query(name: str, kind: str, number: int) -> bytes:
    """Return a query for one name. Raises: DnsError for a name or a type that cannot be asked."""
    if kind not in TYPES:
        raise DnsError(f"no type {kind}; known are {', '.join(TYPES)}")
    return (
        HEADER.pack(number & 0xFFFF, RD, 1, 0, 0, 0)
        + _encode_name(name)
        + struct.pack("!HH", TYPES[kind], IN)
    )


def answer_query(message: bytes, zone: list[Record]) -> bytes:
    """Return the answer to a query; a CNAME is followed inside the zone.

    What cannot be read gets the RCODE "format error".
    """
    if len(message) < HEADER.size:
        return HEADER.pack(0, QR | 1, 0, 0, 0, 0)
    number, flags, questions = HEADER.unpack_from(message)[:3]
    if flags & QR or flags >> 11 & 15:
        return HEADER.pack(number, QR | (flags & RD) | 4, 0, 0, 0, 0)
    try:
        if questions != 1:
            raise DnsError("not one question")
        name, end = _decode_name(message, HEADER.size)
        kind, family = struct.unpack_from("!HH", message, end)
    except (DnsError, struct.error):
        return HEADER.pack(number, QR | (flags & RD) | 1, 0, 0, 0, 0)
    question = message[HEADER.size : end + 4]
    known = any(record.name == name.lower() for record in zone)
    found = find_records(zone, name.lower(), NAMES.get(kind, "")) if family == IN else []
    body = b"".join(_encode_record(record) for record in found)
    rcode = 0 if known else 3
    return (
        HEADER.pack(number, QR | AA | (flags & RD) | rcode, 1, len(found), 0, 0) + question + body
    )


def find_records(zone: list[Record], name: str, kind: str) -> list[Record]:
    """Return the records of a name and type, behind the CNAMEs that lead to them.

    A loop of CNAMEs ends where it began.
    """
    found: list[Record] = []
    while True:
        own = [record for record in zone if record.name == name]
        wanted = [record for record in own if record.type == kind]
        alias = next((record for record in own if record.type == "CNAME"), None)
        if wanted or alias is None or alias in found:
            return found + wanted
        found.append(alias)
        name = alias.value.lower()


def read_answer(message: bytes) -> Answer:
    """Return what an answer says. Raises: DnsError when it cannot be read."""
    try:
        _, flags, questions, answers, _, _ = HEADER.unpack_from(message)
        at = HEADER.size
        for _ in range(questions):
            at = _decode_name(message, at)[1] + 4
        records = []
        for _ in range(answers):
            name, at = _decode_name(message, at)
            kind, _, ttl, length = struct.unpack_from("!HHIH", message, at)
            at += 10
            records.append(
                Record(
                    name,
                    NAMES.get(kind, f"TYPE{kind}"),
                    ttl,
                    _decode_value(message, at, length, kind),
                )
            )
            at += length
    except (struct.error, IndexError, ValueError):
        raise DnsError("the answer is cut short") from None
    return Answer(flags & 15, tuple(records))


def _encode_name(name: str) -> bytes:
    parts = []
    for label in name.rstrip(".").split(".") if name.rstrip(".") else []:
        data = label.encode("ascii", "strict") if label.isascii() else b""
        if not 1 <= len(data) <= 63:
            raise DnsError(f"'{name[:80]}' is not a domain name")
        parts.append(bytes([len(data)]) + data)
    whole = b"".join(parts) + b"\0"
    if len(whole) > 255:
        raise DnsError("a domain name has at most 255 octets")
    return whole


def _decode_name(message: bytes, at: int) -> tuple[str, int]:
    """Return a name and where what follows it begins.

    Compressed names are followed backwards only (RFC 1035 section 4.1.4).
    """
    labels: list[str] = []
    end: int | None = None
    limit = at
    while True:
        if at >= len(message):
            raise DnsError("a name is cut short")
        length = message[at]
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | (message[at + 1] if at + 1 < len(message) else 0)
            end = at + 2 if end is None else end
            if target >= limit:
                raise DnsError("a name leads forward")
            at = limit = target
        elif length > 63:
            raise DnsError("a label is too long")
        elif length == 0:
            return ".".join(labels), at + 1 if end is None else end
        else:
            labels.append(message[at + 1 : at + 1 + length].decode("latin-1"))
            at += 1 + length
            if sum(map(len, labels)) > 255:
                raise DnsError("a name is too long")


def _encode_record(record: Record) -> bytes:
    value = _encode_value(record)
    return (
        _encode_name(record.name)
        + struct.pack("!HHIH", TYPES[record.type], IN, record.ttl, len(value))
        + value
    )


def _encode_value(record: Record) -> bytes:
    if record.type in ("A", "AAAA"):
        address = ipaddress.ip_address(record.value)
        if address.version != (4 if record.type == "A" else 6):
            raise DnsError(f"'{record.value}' is not a value of type {record.type}")
        return address.packed
    if record.type == "TXT":
        text = record.value.strip('"').encode()[:255]
        return bytes([len(text)]) + text
    if record.type == "MX":
        preference, _, host = record.value.partition(" ")
        if not preference.isdigit() or not host:
            raise DnsError(f"'{record.value}' is not a value of type MX")
        return struct.pack("!H", int(preference)) + _encode_name(host)
    return _encode_name(record.value)


def _decode_value(message: bytes, at: int, length: int, kind: int) -> str:
    data = message[at : at + length]
    if len(data) < length:
        raise DnsError("a record is cut short")
    if kind in (1, 28):
        return str(ipaddress.ip_address(data))
    if kind == 16:
        return data[1 : 1 + data[0]].decode("utf-8", "replace")
    if kind == 15:
        return f"{struct.unpack_from('!H', data)[0]} {_decode_name(message, at + 2)[0]}"
    if kind in (2, 5):
        return _decode_name(message, at)[0]
    return data.hex()
