"""tshark's labels for the connections about which its rules are not known here.

What decides them is in the table, so tshark is given packets made from it: raw IPv4 with the
connection's numbers, flags, windows, options and times, whatever link, tunnel or fragments they
came in.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest.foreign.pieces import LARGEST_PACKET
from tcpexp.ingest.tshark import FLAG_LETTERS, read_capture

COLUMNS = ("labels", "in_flight_bytes", "rtt_ns")
#: tshark reads some 30,000 packets a second: with more than this nobody would wait.
MOST_PACKETS = 300_000
_NEEDED = (
    "t_ns",
    "src",
    "dst",
    "src_port",
    "dst_port",
    "seq",
    "ack",
    "ack_rel",
    "flags",
    "window",
    "wscale",
    "sack_blocks",
    "payload_bytes",
)
_BITS = dict(FLAG_LETTERS)
_RAW_IPV4, _IP_BYTES, _TCP_BYTES = 228, 20, 20
_MASK = 0xFFFFFFFF
#: The first packet's time: 2001. More than 60 years do not fit behind it.
_START_NS, _LONGEST_NS = 10**18, 60 * 365 * 86_400 * 10**9


def can_ask(packets: pl.DataFrame) -> bool:
    """Tell whether tshark is there, and the TCP packets can be made again for it: not too many, not
    longer than anything that is sent, not further apart than a capture's times can be, and without
    MPTCP, whose options decide labels too.
    """
    if not 0 < packets.height <= MOST_PACKETS or shutil.which("tshark") is None:
        return False
    times = packets["t_ns"].to_numpy()
    return (
        int(times.max()) - int(times.min()) < _LONGEST_NS
        and int(packets["payload_bytes"].to_numpy().max()) < LARGEST_PACKET
        and packets["mptcp"].null_count() == packets.height
    )


def ask_tshark(packets: pl.DataFrame) -> pl.DataFrame:
    """Return ``COLUMNS`` for TCP packets of one capture, in their order.

    They have to be all packets between some pairs of ends, and fit (:func:`can_ask`). Raises
    ``DataError`` when tshark does not read what was made for it.
    """
    ends = pl.concat([packets["src"], packets["dst"]]).unique(maintain_order=True).to_list()
    known = {address: bytes([10]) + at.to_bytes(3, "big") for at, address in enumerate(ends)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "asked.pcap"
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, _RAW_IPV4))
            shift = _START_NS - int(packets["t_ns"].to_numpy().min())
            for record in _records(packets, known, shift):
                file.write(record)
        found = read_capture(path, 0)
    if found.height != packets.height:
        raise DataError(f"tshark reads {found.height} of {packets.height} packets made for it")
    return found.select(COLUMNS)


def _records(packets: pl.DataFrame, known: dict[str, bytes], shift_ns: int) -> Iterator[bytes]:
    for row in packets.select(_NEEDED).iter_rows(named=True):
        header = _tcp_header(row)
        head, size = _IP_BYTES + len(header), int(row["payload_bytes"])
        # longer than 16 bits tell: 0, as in BIG TCP
        length = head + size if head + size <= 0xFFFF else 0
        ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 6, 0)
        seconds, fraction = divmod(int(row["t_ns"]) + shift_ns, 1_000_000_000)
        record = struct.pack("<IIII", seconds, fraction, head, head + size)
        yield record + ip + known[row["src"]] + known[row["dst"]] + header


def _tcp_header(row: dict[str, Any]) -> bytes:
    options = b""
    if row["wscale"] is not None:
        options += struct.pack(">BBBB", 1, 3, 3, row["wscale"] & 0xFF)
    if row["sack_blocks"]:
        # the table's edges are relative to the number that the ACK counts from
        base = row["ack"] - (row["ack_rel"] if "A" in row["flags"] else 0)
        edges = [(edge + base) & _MASK for edge in row["sack_blocks"]]
        options += struct.pack(f">BBBB{len(edges)}I", 1, 1, 5, 2 + 4 * len(edges), *edges)
    options = options[:40]
    flags = sum(_BITS[letter] for letter in row["flags"])
    words = (_TCP_BYTES + len(options)) // 4 << 12 | flags
    ends = row["src_port"], row["dst_port"], row["seq"], row["ack"]
    return struct.pack(">HHIIHHHH", *ends, words, row["window"], 0, 0) + options
