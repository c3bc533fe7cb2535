"""What a capture file holds of each packet beyond the table ``packets``, for a display of its
headers byte by byte: addresses of the link, the fields that tables leave out, and the layout of TCP
options.

The values that tables have (sequence numbers, time stamps, edges of SACK blocks...) are cut out of
a layout, so that a few layouts serve a whole capture. A packet that is neither TCP nor UDP in a
plain IP header is kept as its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcpexp.late import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tcpexp.ingest.foreign.pieces import Piece
    from tcpexp.ingest.pcap import Records

    Int64 = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

ETHERNET, IPV4, IPV6, TCP, UDP = 14, 0x0800, 0x86DD, 6, 17
#: Of a VLAN's tag (IEEE 802.1Q, 802.1ad and what came before it).
_TAGS = (0x8100, 0x88A8, 0x9100)
#: pcap's number of Ethernet.
_LINK_ETHERNET = 1
#: Where the values begin and end in an option that has values of its own in the tables: kind to
#: first byte after the two of kind and length.
_STAMPS, _SACK = 8, 5
#: Bytes kept of a packet that is shown as it is, and how many such packets of a capture.
RAW_BYTES, MOST_RAW = 128, 400
_HEADER_BYTES, _OPTION_BYTES = 60, 40
#: The columns, one value per packet; 0 where the packet does not have the field.
COLUMNS = (
    "link",  # which of ``Recorded.links``
    "layout",  # which of ``Recorded.layouts``
    "captured",  # bytes of the frame in the file
    "dscp",
    "flow_label",  # IPv6
    "fragment",  # IPv4: flags and fragment offset, 16 bits
    "ip_sum",  # IPv4: by how much the header's checksum differs from the right one
    "reserved",  # TCP: the four bits behind the data offset
    "urgent",
)


@dataclass
class Recorded:
    """What one capture's file holds. Columns have a value per packet, in the order of the numbers
    that were asked for.

    ``links``: destination, source (hexadecimal) and EtherType. ``layouts``: a TCP header's options
    in hexadecimal, ``..`` for bytes that tables hold. ``raw``: frame number to bytes of a packet
    that is kept as it is. ``payloads``: what was captured of the payload of packets that were asked
    for.
    """

    columns: dict[str, Int64]
    snap: int
    links: list[tuple[str, str, int]] = field(default_factory=list)
    layouts: list[str] = field(default_factory=list)
    raw: dict[int, bytes] = field(default_factory=dict)
    payloads: dict[int, bytes] = field(default_factory=dict)


def read_recorded(
    capture: Path, numbers: Int64, frame_bytes: Int64, wanted: Mapping[int, int]
) -> Recorded | None:
    """Return what ``capture`` holds of the packets ``numbers`` (ascending), and the first bytes of
    the payloads of ``wanted`` (number to how many).

    None when there is no such file, when it is no capture of Ethernet frames, or when its frames
    have other lengths than the table says: then it is not what the tables were made from.
    """
    from tcpexp.ingest.pcap import UnusualCaptureError, read_records

    try:
        return _read(read_records(capture), numbers, frame_bytes, wanted)
    except UnusualCaptureError:
        return _read_foreign(capture, numbers, frame_bytes, wanted)
    except OSError:
        return None


def _read_foreign(
    capture: Path, numbers: Int64, frame_bytes: Int64, wanted: Mapping[int, int]
) -> Recorded | None:
    """Read a file of another format than ours."""
    from tcpexp.errors import DataError
    from tcpexp.ingest.foreign.opened import open_capture

    try:
        with open_capture(capture) as reader:
            return _read(reader.pieces(), numbers, frame_bytes, wanted)
    except (OSError, DataError):
        return None


def _read(
    pieces: Iterable[Records | Piece],
    numbers: Int64,
    frame_bytes: Int64,
    wanted: Mapping[int, int],
) -> Recorded | None:
    columns = {name: np.zeros(numbers.size, dtype=np.int64) for name in COLUMNS}
    recorded = Recorded(columns, 0)
    coder = _Coder(recorded)
    done = before = 0
    for records in pieces:
        end = int(np.searchsorted(numbers, before + records.count, side="right"))
        rows = numbers[done:end] - before - 1
        if (records.frame_bytes[rows] != frame_bytes[done:end]).any():
            return None
        link = getattr(records, "link", None)
        if link is not None and (link != _LINK_ETHERNET).any():
            return None
        coder.take(records, rows, slice(done, end), before)
        _take_payloads(recorded, records, before, wanted)
        done, before = end, before + records.count
    if done < numbers.size:
        return None
    recorded.snap = int(columns["captured"].max(initial=0))
    return recorded


class _Coder:
    """Numbers links and layouts as they appear, from one piece of a capture to the next."""

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.known: dict[bytes, int] = {}
        self.links: dict[bytes, int] = {}
        recorded.layouts.append("")

    def take(self, records: Records | Piece, rows: Int64, place: slice, before: int) -> None:
        """Fill the columns of ``rows`` (of this piece) at ``place``."""
        from numpy.lib.stride_tricks import sliding_window_view

        columns = {name: values[place] for name, values in self.recorded.columns.items()}
        captured = records.captured[rows]
        columns["captured"][:] = captured
        at = records.at[rows]
        head: Bytes = sliding_window_view(records.data, ETHERNET + _HEADER_BYTES)[at]
        kind = _word(head, 12)
        self._link(head, columns["link"])
        plain = np.zeros(rows.size, dtype=bool)
        for number, size, protocol in ((IPV4, 20, 23), (IPV6, 40, 20)):
            few = np.flatnonzero((kind == number) & (captured >= ETHERNET + size))
            if number == IPV4:
                few = few[(head[few, ETHERNET] == 0x45) & (_word(head, 20)[few] & 0x3FFF == 0)]
            if not few.size:
                continue
            (_ipv4 if number == IPV4 else _ipv6)(head, few, columns)
            udp = few[(head[few, protocol] == UDP) & (captured[few] >= ETHERNET + size + 8)]
            tcp = few[(head[few, protocol] == TCP) & (captured[few] >= ETHERNET + size + 20)]
            plain[udp] = True
            begin, end = at[tcp] + ETHERNET + size, at[tcp] + captured[tcp]
            plain[self._tcp(records, begin, end, tcp, columns)] = True
        for row in np.flatnonzero(~plain)[: MOST_RAW - len(self.recorded.raw)]:
            begin, size = int(at[row]), min(int(captured[row]), RAW_BYTES)
            self.recorded.raw[before + int(rows[row]) + 1] = records.data[
                begin : begin + size
            ].tobytes()

    def _link(self, head: Bytes, column: Int64) -> None:
        values, first, which = _different(head[:, :ETHERNET])
        codes = []
        for row in values[first]:
            text = row.tobytes()
            if text not in self.links:
                self.links[text] = len(self.links)
                self.recorded.links.append(
                    (text[:6].hex(), text[6:12].hex(), int.from_bytes(text[12:], "big"))
                )
            codes.append(self.links[text])
        column[:] = np.array(codes, dtype=np.int64)[which]

    def _tcp(
        self, records: Records | Piece, at: Int64, end: Int64, few: Int64, columns: dict[str, Int64]
    ) -> Int64:
        """Fill the columns of the TCP headers between ``at`` and ``end``; return those that are
        whole.
        """
        from numpy.lib.stride_tricks import sliding_window_view

        head: Bytes = sliding_window_view(records.data, 20 + _OPTION_BYTES)[at]
        size = (head[:, 12].astype(np.int64) >> 4) * 4
        whole = np.flatnonzero((size >= 20) & (at + size <= end))
        if not whole.size:
            return whole
        few, head, size = few[whole], head[whole], size[whole]
        columns["reserved"][few] = head[:, 12] & 15
        columns["urgent"][few] = _word(head, 18)
        options = head[:, 20:].copy()
        values = _cut_values(options, size - 20)
        marked = np.concatenate([(size - 20).astype(np.uint8)[:, None], options], axis=1)
        rows, first, which = _different(marked)
        codes = []
        for row, cut in zip(rows[first], values[first], strict=True):
            key = row.tobytes() + np.packbits(cut).tobytes()
            if key not in self.known:
                self.known[key] = len(self.recorded.layouts)
                bytes_of = zip(row[1 : 1 + row[0]], cut, strict=False)
                self.recorded.layouts.append(
                    "".join(".." if is_value else f"{byte:02x}" for byte, is_value in bytes_of)
                )
            codes.append(self.known[key])
        columns["layout"][few] = np.array(codes, dtype=np.int64)[which]
        return few


def _cut_values(options: Bytes, size: Int64) -> NDArray[np.bool_]:
    """Set what tables hold of options to 0, and all behind the header's end; return which bytes of
    the header these are.
    """
    width = options.shape[1]
    behind = np.arange(width)
    options[behind >= size[:, None]] = 0
    cut = np.zeros(options.shape, dtype=bool)
    at = np.zeros(size.size, dtype=np.int64)
    rows = np.flatnonzero(size > 0)
    while rows.size:
        kind = options[rows, at[rows]]
        follows = options[rows, np.minimum(at[rows] + 1, width - 1)].astype(np.int64)
        length = np.where(kind == 1, 1, np.where(kind == 0, width, np.maximum(follows, 1)))
        valued = (kind == _STAMPS) & (length == 10) | (kind == _SACK) & (length % 8 == 2)
        few = rows[valued & (at[rows] + length <= size[rows])]
        ends = (at[rows] + length)[valued & (at[rows] + length <= size[rows])]
        cut[few] |= (behind >= at[few][:, None] + 2) & (behind < ends[:, None])
        at[rows] += length
        rows = rows[at[rows] < size[rows]]
    options[cut] = 0
    return cut


def _different(rows: Bytes) -> tuple[Bytes, Int64, Int64]:
    """Return ``rows``, where each different one appears first, and which of these each row is.

    Rows are told apart by a number made of their bytes; that it does tell them apart is verified.
    """
    weights = np.random.default_rng(7).integers(1, 1 << 62, rows.shape[1], dtype=np.uint64) | 1
    with np.errstate(over="ignore"):
        sums = (rows.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64)
    _, first, which = np.unique(sums, return_index=True, return_inverse=True)
    if not (rows == rows[first][which]).all():
        _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return rows, first, which


def _word(head: Bytes, at: int) -> Int64:
    words: Int64 = head[:, at].astype(np.int64) << 8 | head[:, at + 1]
    return words


def _ipv4(head: Bytes, few: Int64, columns: dict[str, Int64]) -> None:
    rows = head[few]
    columns["dscp"][few] = rows[:, 15] >> 2
    columns["fragment"][few] = _word(rows, 20)
    total = sum((_word(rows, at) for at in range(ETHERNET, ETHERNET + 20, 2) if at != 24), start=0)
    total = (total & 0xFFFF) + (total >> 16)
    right = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    columns["ip_sum"][few] = (_word(rows, 24) - right) & 0xFFFF


def _ipv6(head: Bytes, few: Int64, columns: dict[str, Int64]) -> None:
    rows = head[few]
    first = _word(rows, 14) << 16 | _word(rows, 16)
    columns["dscp"][few] = (first >> 22) & 63
    columns["flow_label"][few] = first & 0xFFFFF


def _take_payloads(
    recorded: Recorded, records: Records | Piece, before: int, wanted: Mapping[int, int]
) -> None:
    """Keep what was captured of the TCP payloads in ``wanted`` that lie in this piece."""
    data = records.data
    for number, most in wanted.items():
        row = number - before - 1
        if not 0 <= row < records.count:
            continue
        at, end = int(records.at[row]), int(records.at[row] + records.captured[row])
        while int(data[at + 12]) << 8 | int(data[at + 13]) in _TAGS and at < end:
            at += 4
        kind, ip = int(data[at + 12]) << 8 | int(data[at + 13]), at + ETHERNET
        six = kind == IPV6
        if not (six or kind == IPV4) or data[ip + (6 if six else 9)] != TCP:
            continue  # its payload lies behind other headers
        begin = ip + (40 if six else (int(data[ip]) & 15) * 4)
        begin += (int(data[begin + 12]) >> 4) * 4
        recorded.payloads[number] = data[begin : max(begin, min(begin + most, end))].tobytes()
