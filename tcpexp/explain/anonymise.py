"""A capture without what tells of people: other addresses, no payload, no names.

What is kept is what TCP does: times, ports, numbers, flags, windows, options, lengths, and whether
a checksum was right. Payload becomes zero bytes. Tags and tunnels are taken off, and what is
neither TCP, UDP nor ICMP keeps its length and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tcpexp.explain.prefixes import Prefixes
from tcpexp.ingest.foreign.frames import PARTIAL, RIGHT, WRONG, Context, Frames
from tcpexp.ingest.foreign.layers import frames_of
from tcpexp.ingest.foreign.opened import open_capture
from tcpexp.ingest.foreign.pieces import Piece
from tcpexp.ingest.foreign.quotes import error_of, read_quoted
from tcpexp.ingest.headers import ICMP, MLD, ND, TCP, UDP

_MAGIC, _SNAPLEN, _ETHERNET = 0xA1B23C4D, 1 << 20, 1
_MACS = bytes.fromhex("020000000002020000000001")
_IP, _IP6 = b"\x08\x00", b"\x86\xdd"
#: An EtherType for local experiments (IEEE 802): of what is not told.
_UNTOLD = b"\x88\xb5"
#: Options whose bytes tell of TCP only: end, no-operation, MSS, window scale, SACK, time stamps,
#: user timeout, MPTCP, Fast Open, accurate ECN. Others become no-operations.
_KEPT = frozenset((0, 1, 2, 3, 4, 5, 8, 28, 30, 34, 172, 174))
_MPTCP, _ADD_ADDR = 30, 3
_IPV4_BYTES = 20
_NUMBERS = {TCP: 6, UDP: 17}
#: Columns that are read for each packet.
_COLUMNS = (
    "protocol", "src", "dst", "src_port", "dst_port", "ip_id", "checksum", "ttl", "ecn", "flags",
    "seq", "ack", "payload_bytes", "window", "urgent", "header_bytes", "sum",
)  # fmt: skip


def anonymise(paths: Iterable[Path], folder: Path, key: bytes) -> list[Path]:
    """Write ``capture-1.pcap`` and so on into ``folder`` and return them: one key for all of them,
    so that an address is the same in each.

    Raises ``DataError`` for what is no capture.
    """
    prefixes = Prefixes(key)
    written = []
    for number, path in enumerate(paths, start=1):
        target = folder / f"capture-{number}.pcap"
        with open_capture(path) as reader, target.open("wb") as file:
            file.write(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAPLEN, _ETHERNET))
            context = Context()
            for piece in reader.pieces():
                _write(file, piece, frames_of(piece, context), prefixes)
        written.append(target)
    return written


def _write(file: BinaryIO, piece: Piece, frames: Frames, prefixes: Prefixes) -> None:
    parts = []
    rows = _rows(piece, frames)
    addresses = [prefixes.replace(one) for one in frames.context.addresses.known]
    for epoch_ns, row in zip(piece.epoch_ns.tolist(), rows, strict=True):
        data, length = _packet(frames, row, addresses, prefixes)
        seconds, fraction = divmod(max(epoch_ns, 0), 1_000_000_000)
        parts.append(struct.pack("<IIII", seconds & 0xFFFFFFFF, fraction, len(data), length) + data)
    file.write(b"".join(parts))


Row = dict[str, int]


def _rows(piece: Piece, frames: Frames) -> Iterator[Row]:
    """Yield what is known of each packet, as plain numbers."""
    columns = {name: frames[name].tolist() for name in _COLUMNS}
    columns |= {"at": frames.at.tolist(), "end": frames.end.tolist()}
    columns |= {"wire_end": frames.wire_end.tolist(), "frame": piece.frame_bytes.tolist()}
    names = list(columns)
    for at, values in enumerate(zip(*columns.values(), strict=True)):
        yield {**dict(zip(names, values, strict=True)), "row": at}


def _packet(
    frames: Frames, row: Row, addresses: list[bytes], prefixes: Prefixes
) -> tuple[bytes, int]:
    """Return a frame's bytes as far as they are captured, and its whole length."""
    known = row["src"] >= 0 and row["dst"] >= 0
    if not known or row["protocol"] not in (TCP, UDP, ICMP, ND, MLD):
        return _MACS + _UNTOLD, max(row["frame"], 14)
    ends = addresses[row["src"]], addresses[row["dst"]]
    if row["protocol"] == TCP:
        head, size = _tcp_head(frames, row), row["payload_bytes"]
    elif row["protocol"] == UDP:
        size = row["payload_bytes"]
        length = 8 + size if size <= 0xFFFF - 8 else 0
        head = struct.pack(">HHHH", row["src_port"], row["dst_port"], length, 0)
    else:
        message = frames.data[row["at"] : row["end"]].tobytes()
        head, size = _icmp_head(message[:8]), max(row["wire_end"] - row["at"] - 8, 0)
        number = 1 if len(ends[0]) == 4 else 58
        ip = _ip_head(row, ends, number, len(head) + size)
        quoted = _quoted(message, six=number == 58, prefixes=prefixes)
        return _MACS + ip + head + quoted, 12 + len(ip) + len(head) + size
    kept = min(max(row["end"] - row["at"] - len(head), 0), size)
    ip = _ip_head(row, ends, _NUMBERS[row["protocol"]], len(head) + size)
    body = _with_checksum(row, ends, (head, size), kept, prefixes)
    return _MACS + ip + body, 12 + len(ip) + len(head) + size


def _icmp_head(first: bytes) -> bytes:
    """Return type, code and the second word, which is an MTU or a number; no checksum."""
    whole = first.ljust(8, b"\0")
    is_redirect = whole[0] in (5, 137)
    return whole[:2] + b"\0\0" + (b"\0" * 4 if is_redirect else whole[4:8])


def _quoted(message: bytes, *, six: bool, prefixes: Prefixes) -> bytes:
    """Return of the TCP packet that an ICMP error quotes its addresses, replaced, and its ports and
    number; nothing of other messages.
    """
    kind, _, _ = error_of(message, six=six)
    quoted = read_quoted(message) if kind else None
    if quoted is None:
        return b""
    ip = bytearray(message[quoted.ip_at : quoted.tcp_at])
    first, size = (12, 4) if ip[0] >> 4 == 4 else (8, 16)
    for at in (first, first + size):
        ip[at : at + size] = prefixes.replace(bytes(ip[at : at + size]))
    if size == 4:
        ip[_IPV4_BYTES:] = bytes(len(ip) - _IPV4_BYTES)  # options may hold addresses
        ip[10:12] = b"\0\0"
        ip[10:12] = struct.pack(">H", 0xFFFF - _sum(bytes(ip)))
    return bytes(ip) + message[quoted.tcp_at : quoted.tcp_at + 8]


def _tcp_head(frames: Frames, row: Row) -> bytes:
    size = row["header_bytes"]
    raw = frames.data[row["at"] : min(row["at"] + size, row["end"])].tobytes()
    words = (row["src_port"], row["dst_port"], row["seq"])
    if len(raw) >= 20 and struct.unpack(">HHI", raw[:8]) == words:
        options = plain_options(raw[20:].ljust(size - 20, b"\1"))
    else:  # it lies in a tunnel
        options = _known_options(frames, row["row"])
    offset = (20 + len(options)) // 4 << 12
    return (
        struct.pack(
            ">HHIIHHHH",
            *words,
            row["ack"],
            offset | (row["flags"] & 0x1FF),
            row["window"],
            0,
            max(row["urgent"], 0),
        )
        + options
    )


def plain_options(options: bytes) -> bytes:
    """Return a header's options without what could name a host: those that are not known become
    no-operations, and so do announced addresses of MPTCP.
    """
    found = bytearray(options)
    at = 0
    while at < len(found):
        kind = found[at]
        if kind == 0:
            found[at:] = bytes(len(found) - at)
            break
        if kind == 1:
            at += 1
            continue
        length = found[at + 1] if at + 1 < len(found) else 0
        if length < 2 or at + length > len(found):
            found[at:] = b"\1" * (len(found) - at)
            break
        announces = kind == _MPTCP and length > 2 and found[at + 2] >> 4 == _ADD_ADDR
        if kind not in _KEPT or announces:
            found[at : at + length] = b"\1" * length
        at += length
    return bytes(found)


def _known_options(frames: Frames, row: int) -> bytes:
    """Return the options that columns hold."""
    mss, wscale, allowed, value, echo = (
        int(frames[name][row]) for name in ("mss", "wscale", "sack_permitted", "ts_val", "ts_ecr")
    )
    options = b""
    options += struct.pack(">BBH", 2, 4, mss) if mss >= 0 else b""
    options += struct.pack(">BBBB", 1, 3, 3, wscale) if wscale >= 0 else b""
    options += b"\4\2" if allowed > 0 else b""
    options += struct.pack(">BBII", 8, 10, value, max(echo, 0)) if value >= 0 else b""
    edges = frames.edges[row]
    edges = edges[edges >= 0][:6]
    if edges.size and len(options) + 2 + 4 * edges.size <= 40:
        options += struct.pack(f">BB{edges.size}I", 5, 2 + 4 * edges.size, *edges.tolist())
    return options + b"\1" * (-len(options) % 4)


def _ip_head(row: Row, ends: tuple[bytes, bytes], number: int, size: int) -> bytes:
    """Return EtherType and IP header of a packet with ``size`` bytes behind it."""
    ecn, ttl = max(row["ecn"], 0), max(row["ttl"], 0) & 255
    if len(ends[0]) == 16:
        length = size if size <= 0xFFFF else 0
        return (
            _IP6 + struct.pack(">IHBB", 6 << 28 | ecn << 20, length, number, ttl) + b"".join(ends)
        )
    length = 20 + size if 20 + size <= 0xFFFF else 0
    words = (0x45, ecn, length, max(row["ip_id"], 0) & 0xFFFF, 0x4000, ttl, number)
    head = struct.pack(">BBHHHBBH", *words, 0) + b"".join(ends)
    return _IP + head[:10] + struct.pack(">H", 0xFFFF - _sum(head)) + head[12:]


def _with_checksum(
    row: Row,
    ends: tuple[bytes, bytes],
    segment: tuple[bytes, int],
    kept: int,
    prefixes: Prefixes,
) -> bytes:
    """Return header and zeros for the payload, with a checksum that is right where it was, wrong
    where it was wrong, and a number without meaning where nobody could tell.
    """
    head, size = segment
    at = 16 if row["protocol"] == TCP else 6
    pseudo = _sum(b"".join(ends) + struct.pack(">II", len(head) + size, _NUMBERS[row["protocol"]]))
    right = 0xFFFF - _folded(pseudo + _sum(head))
    right = right or 0xFFFF
    state = row["sum"]
    if state == RIGHT:
        value = right
    elif state == PARTIAL:
        value = pseudo
    elif state == WRONG:
        value = right ^ 0x5A5A or 1
    elif row["checksum"] == 0 and row["protocol"] == UDP:
        value = 0
    else:
        value = prefixes.hashed(struct.pack(">i", row["checksum"])) or 1
    return head[:at] + struct.pack(">H", value) + head[at + 2 :] + bytes(kept)


def _sum(data: bytes) -> int:
    words = np.frombuffer(data + bytes(len(data) % 2), dtype=">u2")
    return _folded(int(words.sum(dtype=np.int64)))


def _folded(total: int) -> int:
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
