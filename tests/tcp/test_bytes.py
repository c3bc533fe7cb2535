"""Segments as bytes: fields, options in any alignment, checksums over both pseudo headers, against
segments recorded from Linux.
"""

from __future__ import annotations

import ipaddress
import struct

import pytest

from tcpexp.tcp import Options, Segment, SegmentError, decode_segment, encode_segment
from tcpexp.tcp.core.checksum import ones_complement_sum, tcp_checksum
from tcpexp.tcp.core.options import decode_options, encode_options
from tests.support.recorded_segments import recorded


def test_segments_of_linux_are_read_and_written_alike() -> None:
    segments = recorded()
    assert len(segments) > 20
    seen = set()
    for data, source, destination in segments:
        segment = decode_segment(data)
        options = segment.options
        seen |= {
            name
            for name in ("mss", "window_scale", "sack_permitted", "timestamps", "sack")
            if getattr(options, name)
        }
        again = decode_segment(encode_segment(segment, source, destination), source, destination)
        assert again == segment
    assert {"mss", "window_scale", "sack_permitted", "timestamps"} <= seen


def test_the_worked_sum_of_rfc_1071() -> None:
    """RFC 1071 section 3: the words 0001 f203 f4f5 f6f7 add up to ddf2."""
    assert ones_complement_sum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2


@pytest.mark.parametrize(
    ("source", "destination"), [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")]
)
def test_the_checksum_is_that_of_the_plain_algorithm(source: str, destination: str) -> None:
    """Word by word with end-around carry, as RFC 1071 describes it."""
    data = encode_segment(Segment(1, 2, 3, 4, 16, 5, b"odd"), source, destination)
    pseudo = (
        ipaddress.ip_address(source).packed
        + ipaddress.ip_address(destination).packed
        + len(data).to_bytes(4, "big")
        + bytes([0, 0, 0, 6])
    )
    total = 0
    padded = pseudo + data + b"\0" * (len(data) % 2)
    for word in struct.unpack(f"!{len(padded) // 2}H", padded):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
    assert tcp_checksum(source, destination, data) == 0


def test_addresses_of_two_versions_have_no_checksum() -> None:
    with pytest.raises(ValueError, match="different IP versions"):
        tcp_checksum("10.0.0.1", "::1", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x02\x00", "length 0"),
        (b"\x02\x01", "length 1"),
        (b"\x02", "length 0"),
        (b"\x02\x04\x05", "3 bytes left"),
        (b"\x01\x01\x08\x0a\x00", "3 bytes left"),
    ],
)
def test_illegal_option_lengths(data: bytes, reason: str) -> None:
    with pytest.raises(SegmentError, match=reason):
        decode_options(data)


def test_unknown_options_and_wrong_sizes_are_skipped() -> None:
    assert decode_options(
        b"\x1e\x04ab" + b"\x02\x03\x05" + b"\x03\x03\x63" + b"\x01" + b"\x04\x02" + b"\x00\xff\xff"
    ) == Options(window_scale=14, sack_permitted=True)


def test_options_are_padded_with_zeros_and_do_not_exceed_40_bytes() -> None:
    assert (
        encode_options(Options(sack_permitted=True, mss=1460))
        == b"\x02\x04\x05\xb4\x01\x01\x04\x02"
    )
    assert len(encode_options(Options(window_scale=7))) == 4
    with pytest.raises(SegmentError, match="44 bytes"):
        encode_options(Options(sack=((1, 2),) * 5))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"x" * 19, "19 bytes"),
        (bytes(12) + b"\x40" + bytes(7), "data offset 16"),
        (bytes(12) + b"\x60" + bytes(7), "data offset 24"),
    ],
)
def test_headers_that_are_none(data: bytes, reason: str) -> None:
    with pytest.raises(SegmentError, match=reason):
        decode_segment(data)


def test_a_field_that_does_not_fit() -> None:
    with pytest.raises(SegmentError, match="does not fit"):
        encode_segment(Segment(1, 2, 1 << 32, 0, 16, 0), "10.0.0.1", "10.0.0.2")


def test_letters_are_those_of_the_table_of_packets() -> None:
    assert [Segment(1, 2, 3, 4, flags, 5).letters for flags in (2, 18, 16, 24, 17, 4, 20)] == [
        "S",
        "SA",
        "A",
        "PA",
        "FA",
        "R",
        "RA",
    ]
