"""One TCP segment, and its form on the wire. RFC 9293 section 3.1."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tcpexp.tcp.core.checksum import tcp_checksum
from tcpexp.tcp.core.options import NONE, Options, SegmentError, decode_options, encode_options

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = 1, 2, 4, 8, 16, 32, 64, 128, 256
#: The IP header's ECN field. RFC 3168 section 5.
NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
_HEADER = struct.Struct("!HHIIBBHHH")
_LETTERS = (
    (SYN, "S"),
    (FIN, "F"),
    (RST, "R"),
    (PSH, "P"),
    (ACK, "A"),
    (URG, "U"),
    (ECE, "E"),
    (CWR, "C"),
    (AE, "e"),
)


@dataclass(slots=True)
class Segment:
    """A segment as its header fields.

    Numbers are those of the wire (``seq`` and ``ack`` 32 bits, ``window`` unscaled). ``ecn`` stands
    in the IP header around it, and is the adapters' to write and to read.
    """

    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    window: int
    payload: bytes = b""
    options: Options = NONE
    urgent: int = 0
    ecn: int = NOT_ECT

    @property
    def length(self) -> int:
        """SEG.LEN: payload octets, SYN and FIN counting one each. RFC 9293 section 3.4."""
        return len(self.payload) + (self.flags & FIN) + (self.flags >> 1 & 1)

    @property
    def letters(self) -> str:
        """The flags in the letters of the table ``packets``: ``S``, ``SA``, ``A``, ``PA``, ``FA``,
        ``R``. RFC 9293 section 3.1.
        """
        return "".join(letter for bit, letter in _LETTERS if self.flags & bit)

    def __str__(self) -> str:
        acked = f" ack {self.ack}" if self.flags & ACK else ""
        return (
            f"{self.letters or '.'} seq {self.seq} len {len(self.payload)}{acked} win {self.window}"
        )


def encode_segment(segment: Segment, source: str, destination: str) -> bytes:
    """Return the bytes of ``segment`` between two IP addresses, checksum included.

    Raises: SegmentError when a field does not fit, for one options of more than 40 bytes.
    RFC 9293 section 3.1 (MUST-2).
    """
    options = encode_options(segment.options)
    try:
        header = _HEADER.pack(
            segment.src_port,
            segment.dst_port,
            segment.seq,
            segment.ack,
            (5 + len(options) // 4) << 4 | segment.flags >> 8,
            segment.flags & 0xFF,
            segment.window,
            0,
            segment.urgent,
        )
    except struct.error as error:
        raise SegmentError(f"a field does not fit the header: {error}") from None
    checksum = tcp_checksum(source, destination, header + options, segment.payload).to_bytes(
        2, "big"
    )
    return b"".join((header[:16], checksum, header[18:], options, segment.payload))


def decode_segment(
    data: bytes, source: str | None = None, destination: str | None = None, ecn: int = NOT_ECT
) -> Segment:
    """Return the segment in ``data``; with both IP addresses the checksum is verified.

    ``ecn`` is the field of the IP header that it came in.

    Raises: SegmentError for a truncated header, a data offset outside the segment, a malformed
    option or a wrong checksum. RFC 9293 section 3.1 (MUST-1, MUST-3).
    """
    if len(data) < 20:
        raise SegmentError(f"{len(data)} bytes; a TCP header has 20")
    src_port, dst_port, seq, ack, offset, flags, window, _, urgent = _HEADER.unpack_from(data)
    start = (offset >> 4) * 4
    if not 20 <= start <= len(data):
        raise SegmentError(f"data offset {start} in a segment of {len(data)} bytes")
    if source is not None and destination is not None and tcp_checksum(source, destination, data):
        raise SegmentError("wrong checksum")
    options = decode_options(data[20:start]) if start > 20 else NONE
    flags |= (offset & 1) << 8  # AE: RFC 9768 section 3.1.1
    return Segment(src_port, dst_port, seq, ack, flags, window, data[start:], options, urgent, ecn)
