"""What tshark complains about: its text to rows, and a capture in which one packet is wrong."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from tcpexp.ingest.complaints import parse_complaints, read_complaints
from tcpexp.tcp import Segment, encode_segment
from tcpexp.tcp.adapters.ip import encode_packet
from tcpexp.tcp.core.segment import ACK, PSH, SYN

H1, H2 = "10.0.0.1", "10.0.0.2"
#: tshark 4.0's text, fields between tabs, several remarks on a packet between unit separators.
TEXT = (
    "12\t6291456\x1f4194304\tD-SACK Sequence\x1fDuplicate ACK (#1)\n"
    "31\t8388608\tBad checksum [should be 0x8f6c]\n"
    "40\t0x00600000\tThis frame is a (suspected) out-of-order segment\n"
)


def test_notes_are_left_out() -> None:
    assert parse_complaints(TEXT, "h1-eth0") == [
        {"capture": "h1-eth0", "number": 12, "level": "warning", "text": "D-SACK Sequence"},
        {
            "capture": "h1-eth0",
            "number": 31,
            "level": "error",
            "text": "Bad checksum [should be 0x8f6c]",
        },
        {
            "capture": "h1-eth0",
            "number": 40,
            "level": "warning",
            "text": "This frame is a (suspected) out-of-order segment",
        },
    ]
    assert parse_complaints("", "h1-eth0") == []


def write_capture(path: Path, packets: list[bytes]) -> Path:
    """Write IP packets, a millisecond apart, as a pcap file of raw IP."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    path.write_bytes(
        head
        + b"".join(
            struct.pack("<IIII", 1, 1000 * at, len(data), len(data)) + data
            for at, data in enumerate(packets)
        )
    )
    return path


def packet(
    seq: int, flags: int, payload: bytes = b"", *, back: bool = False, ack: int = 0
) -> bytes:
    source, target = (H2, H1) if back else (H1, H2)
    segment = Segment(80 if back else 40000, 40000 if back else 80, seq, ack, flags, 500, payload)
    return encode_packet(source, target, encode_segment(segment, source, target))


@pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)
def test_what_is_wrong_in_a_capture(tmp_path: Path) -> None:
    handshake = [
        packet(99, SYN),
        packet(499, SYN | ACK, back=True, ack=100),
        packet(100, ACK, ack=500),
    ]
    fine = write_capture(
        tmp_path / "fine.pcap", [*handshake, packet(100, PSH | ACK, b"GET", ack=500)]
    )
    changed = bytearray(packet(100, PSH | ACK, b"GET", ack=500))
    changed[-1] ^= 1
    cut = bytearray(packet(100, PSH | ACK, b"GET", ack=500))
    cut[32] = 0xF0  # the header's length reaches beyond the segment
    wrong = write_capture(tmp_path / "wrong.pcap", [*handshake, bytes(changed), bytes(cut)])
    empty = write_capture(tmp_path / "empty.pcap", [])
    assert read_complaints([fine, empty]).is_empty()
    rows = read_complaints([fine, wrong]).filter(level="error").to_dicts()
    assert {(row["capture"], row["number"]) for row in rows} == {("wrong", 4), ("wrong", 5)}
    assert any("checksum" in row["text"] for row in rows)
