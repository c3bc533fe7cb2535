"""One packet of a capture, field by field, as tshark dissects it: name, place, bytes and value."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tcpexp.errors import DataError

#: tshark's names of the headers that are looked into.
HEADERS = ("ip", "ipv6", "tcp")
_PREFERENCES = (
    "tcp.relative_sequence_numbers:TRUE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.check_checksum:TRUE",
    "ip.check_checksum:TRUE",
)
_MASK = re.compile(r"^([01. ]+) = ")


@dataclass(frozen=True)
class Field:
    """One field of a header. Bits count from the header's first one, as in the figures of the RFCs:
    RFC 9293 section 3.1.

    ``name`` is tshark's (``tcp.window_size_value``), ``label`` and ``value`` its words, ``show``
    the bare value, ``wire`` the bytes in hexadecimal; of a field that is not whole bytes the
    pattern of its bits, such as ``1010 ....``.
    """

    name: str
    label: str
    value: str
    show: str
    wire: str
    first_bit: int
    bits: int

    @property
    def first_byte(self) -> int:
        """The byte in which it begins."""
        return self.first_bit // 8

    @property
    def last_bit(self) -> int:
        """The last bit that belongs to it."""
        return self.first_bit + self.bits - 1


@dataclass(frozen=True)
class Header:
    """One header of the packet: tshark's name for the protocol, its length in bytes, and its fields
    as they are nested: parents before children.
    """

    protocol: str
    size_bytes: int
    fields: tuple[Field, ...]

    def show(self, name: str) -> str | None:
        """Return the bare value of a field, None when it is absent."""
        return next((field.show for field in self.fields if field.name == name), None)


def dissect_packet(capture: Path, number: int) -> tuple[Header, ...]:
    """Return the IP and TCP headers of packet ``number`` (from 1) of a capture file.

    tshark reads the packets before it as well, because relative numbers and the scale of the window
    come from them. Raises ``DataError`` when there is no such packet or tshark cannot read the
    file, ``FileNotFoundError`` without tshark.
    """
    argv = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-c",
        str(number),
        "-Y",
        f"frame.number == {number}",
        "-T",
        "pdml",
    ]
    for preference in _PREFERENCES:
        argv += ["-o", preference]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise DataError(
            f"{capture}: tshark ended with status {done.returncode}:"
            f" {done.stderr.strip().splitlines()[-1:]}"
        )
    headers = parse_pdml(done.stdout)
    if not headers:
        raise DataError(f"{capture}: packet {number} has no IP header, or there is no such packet")
    return headers


def parse_pdml(text: str) -> tuple[Header, ...]:
    """Return the headers in tshark's PDML of one packet; none when it holds no packet.

    Raises ``DataError`` when it is no XML.
    """
    try:
        packet = ElementTree.fromstring(text).find("packet")
    except ElementTree.ParseError as error:
        raise DataError(f"not PDML: {error}") from None
    if packet is None:
        return ()
    found = [proto for proto in packet.findall("proto") if proto.get("name") in HEADERS]
    return tuple(
        Header(proto.get("name", ""), _number(proto, "size"), tuple(_fields(proto, proto)))
        for proto in found
    )


def _fields(parent: ElementTree.Element, proto: ElementTree.Element) -> Iterator[Field]:
    """Yield what stands in the header's bytes.

    What tshark made up (hidden, or of no size) is left out.
    """
    for element in parent.findall("field"):
        if element.get("hide") == "yes" or not _number(element, "size"):
            continue
        yield _field(element, parent, proto)
        yield from _fields(element, proto)


def _field(
    element: ElementTree.Element, parent: ElementTree.Element, proto: ElementTree.Element
) -> Field:
    words = element.get("showname", "")
    mask = _MASK.match(words)
    label, _, value = (words[mask.end() :] if mask else words).partition(": ")
    begin = _number(proto, "pos")
    if mask is None:
        first, bits = 8 * (_number(element, "pos") - begin), 8 * _number(element, "size")
        digits = element.get("unmaskedvalue") or element.get("value") or ""
        wire = " ".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    else:
        wire = mask.group(1)
        pattern = wire.replace(" ", "")
        held = next(
            holder
            for holder in (parent, element)
            if 8 * _number(holder, "size") >= len(pattern)
            and (holder is element or parent is not proto)
        )
        used = [at for at, bit in enumerate(pattern) if bit != "."]
        first = 8 * (_number(held, "pos") - begin + _number(held, "size")) - len(pattern) + used[0]
        bits = used[-1] - used[0] + 1
    return Field(
        element.get("name", ""),
        label.strip(),
        value.strip(),
        element.get("show", ""),
        wire,
        first,
        bits,
    )


def _number(element: ElementTree.Element, key: str) -> int:
    return int(element.get(key) or 0)
