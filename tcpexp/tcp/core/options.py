"""TCP options: maximum segment size, window scale, SACK permitted, SACK, timestamps, Fast Open,
accurate ECN.

RFC 9293 section 3.2, RFC 7323, RFC 2018, RFC 7413, RFC 9768.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

END, NOP, MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
FAST_OPEN, ACCECN_0, ACCECN_1 = 34, 172, 174
#: Octets of a Fast Open cookie: RFC 7413 section 4.1.1.
COOKIE_SIZES = (4, 6, 8, 10, 12, 14, 16)
LARGEST_SHIFT = 14
_TIMESTAMPS = struct.Struct("!BBBBII")


class SegmentError(ValueError):
    """Bytes that are no TCP segment: what is wrong, and where."""


@dataclass(slots=True, unsafe_hash=True)  # never changed once decoded
class Options:
    """The options of one segment; what is absent is None, False or empty.

    SACK edges are 32-bit numbers as on the wire.
    """

    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    sack: tuple[tuple[int, int], ...] = ()
    timestamps: tuple[int, int] | None = None  # TSval, TSecr
    fast_open: bytes | None = None
    """The cookie; ``b""`` asks for one. RFC 7413 section 4.1.1."""
    accecn: tuple[int, ...] | None = None
    """Counters of octets by their marks, 24 bits: ECT(0), CE, ECT(1), as many as there are.

    RFC 9768 section 3.2.3.
    """
    accecn_order: int = 0
    """1: the option's counters begin with ECT(1), and end with ECT(0). RFC 9768 section 3.2.3."""


#: Shared by all segments without options.
NONE = Options()


def encode_options(options: Options) -> bytes:
    """Return the option bytes, padded with zeros to whole 32-bit words.

    RFC 9293 section 3.1 (MUST-68, MUST-69), RFC 7323 appendix A, RFC 2018 section 3.
    """
    if options is NONE:
        return b""
    parts = []
    if options.mss is not None:
        parts.append(struct.pack("!BBH", MSS, 4, options.mss))
    if options.window_scale is not None:
        parts.append(bytes((NOP, WINDOW_SCALE, 3, options.window_scale)))
    if options.sack_permitted:
        parts.append(bytes((NOP, NOP, SACK_PERMITTED, 2)))
    if options.timestamps is not None:
        parts.append(_TIMESTAMPS.pack(NOP, NOP, TIMESTAMPS, 10, *options.timestamps))
    if options.sack:
        parts.append(bytes((NOP, NOP, SACK, 2 + 8 * len(options.sack))))
        parts.extend(struct.pack("!II", left, right) for left, right in options.sack)
    if options.fast_open is not None or options.accecn is not None:
        parts.extend(_encode_newer(options))
    data = b"".join(parts)
    if len(data) > 40 and options.sack_permitted and options.timestamps is not None:
        # a large cookie: what says that SACK is permitted takes the place of padding
        data = data.replace(bytes((NOP, NOP, SACK_PERMITTED, 2)), b"", 1)
        data = data.replace(
            bytes((NOP, NOP, TIMESTAMPS)), bytes((SACK_PERMITTED, 2, TIMESTAMPS)), 1
        )
    if len(data) > 40:
        raise SegmentError(f"options of {len(data)} bytes; a header has room for 40")
    return data + bytes(-len(data) % 4)


def _encode_newer(options: Options) -> list[bytes]:
    """Return the options for Fast Open and accurate ECN.

    RFC 7413 section 4.1.1, RFC 9768 section 3.2.3.
    """
    parts = []
    if options.fast_open is not None:
        parts.append(bytes((FAST_OPEN, 2 + len(options.fast_open))) + options.fast_open)
    if options.accecn is not None:
        kind = ACCECN_1 if options.accecn_order else ACCECN_0
        fields = b"".join((count & 0xFFFFFF).to_bytes(3, "big") for count in options.accecn)
        parts.append(bytes((kind, 2 + len(fields))) + fields)
    return parts


def decode_options(data: bytes) -> Options:
    """Return the options in ``data`` in any order and alignment.

    Unknown kinds are skipped by their length.

    Raises: SegmentError for a length that is zero, one, or reaches past the header.
    RFC 9293 section 3.1 (MUST-4, MUST-5, MUST-6, MUST-7), RFC 9293 section 3.2 (MUST-64).
    """
    # what nearly every segment carries: RFC 7323 appendix A
    if len(data) == 12 and data[:4] == b"\x01\x01\x08\x0a":
        return Options(timestamps=struct.unpack_from("!II", data, 4))
    found = Options()
    at = 0
    while at < len(data):
        kind = data[at]
        if kind == END:
            break
        if kind == NOP:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        if length < 2 or at + length > len(data):
            raise SegmentError(
                f"option {kind} at byte {at} has length {length} with {len(data) - at} bytes left"
            )
        _take(found, kind, data[at + 2 : at + length])
        at += length
    return found


def _take(found: Options, kind: int, body: bytes) -> None:
    """Put one option into ``found``; one of the wrong size is ignored as an unknown one is.

    RFC 9293 section 3.1 (MUST-6).
    """
    if kind == MSS and len(body) == 2:
        found.mss = int.from_bytes(body, "big")
    elif kind == WINDOW_SCALE and len(body) == 1:
        # RFC 7323 section 2.3: a larger shift counts as 14
        found.window_scale = min(body[0], LARGEST_SHIFT)
    elif kind == SACK_PERMITTED and not body:
        found.sack_permitted = True
    elif kind == SACK and body and len(body) % 8 == 0:
        found.sack = tuple(struct.iter_unpack("!II", body))
    elif kind == TIMESTAMPS and len(body) == 8:
        found.timestamps = struct.unpack("!II", body)
    elif kind == FAST_OPEN and (not body or len(body) in COOKIE_SIZES):
        found.fast_open = body
    elif kind in (ACCECN_0, ACCECN_1):
        # RFC 9768 section 3.2.3: the whole fields count, what is left over is padding
        whole = range(0, min(len(body), 9) - 2, 3)
        found.accecn = tuple(int.from_bytes(body[at : at + 3], "big") for at in whole)
        found.accecn_order = int(kind == ACCECN_1)
