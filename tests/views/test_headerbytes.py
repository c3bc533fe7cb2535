"""Headers from a packet's bytes: tshark's rows, and nothing about what is not ordinary."""

import re
import struct
from pathlib import Path

import pytest

from tcpexp.ingest.dissect import parse_pdml
from tcpexp.plots.header import header_part
from tcpexp.views.headerbytes import bit_pattern, ones_sum, packet_bytes, plain_headers
from tests.support.folders import RECORDED

FIELD = re.compile(r'size="(\d+)" pos="(\d+)"([^>]*)')
VALUE = re.compile(r' (unmaskedvalue|value)="([0-9a-f]+)"')


def pdml(name: str) -> str:
    return (RECORDED / f"tshark-4.0.17-packet-{name}.pdml").read_text()


def frame_of(name: str) -> bytes:
    """The packet's bytes, which stand field by field in tshark's output."""
    text = pdml(name)
    frame = bytearray(int(re.search(r'<proto name="frame"[^>]*size="(\d+)"', text).group(1)))
    for size, at, rest in FIELD.findall(text):
        values = dict(VALUE.findall(rest))
        digits = values.get("unmaskedvalue") or values.get("value") or ""
        if len(digits) == 2 * int(size):
            frame[int(at) : int(at) + int(size)] = bytes.fromhex(digits)
    return bytes(frame)


def capture(path: Path, *frames: bytes, link: int = 1) -> Path:
    """A capture file of nanoseconds that holds the frames."""
    records = b"".join(
        struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame for frame in frames
    )
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, link) + records)
    return path


def row(number: int, **more: int) -> dict[str, int]:
    return {"number": number, "seq_rel": 0, "ack_rel": 0, "window_bytes": 64240, **more}


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("syn", {}), ("data", {"seq_rel": 1, "ack_rel": 1, "window_bytes": 64256})],
)
def test_the_rows_are_those_that_tshark_gives(tmp_path, name, numbers):
    path = capture(tmp_path / "h1-eth0.pcap", frame_of("syn"), frame_of(name))
    ours, theirs = plain_headers(path, row(2, **numbers)), parse_pdml(pdml(name))
    assert ours is not None
    assert [header_part(header, "here") for header in ours] == [
        header_part(header, "here") for header in theirs
    ]


def changed(at: int, value: int) -> bytes:
    """The SYN with one byte changed; both checksums are what they were."""
    frame = bytearray(frame_of("syn"))
    frame[at] = value
    return bytes(frame)


@pytest.mark.parametrize(
    "frame",
    [
        changed(12, 0x86),  # IPv6
        changed(14, 0x46),  # IP options
        changed(20, 0x20),  # a fragment
        changed(23, 17),  # UDP
        changed(50, 0),  # a checksum that does not fit
        frame_of("syn")[:60],  # cut short
    ],
)
def test_nothing_is_said_of_a_packet_that_is_not_ordinary(tmp_path, frame):
    assert plain_headers(capture(tmp_path / "h1-eth0.pcap", frame), row(1)) is None


def test_a_packet_that_is_not_there_or_no_capture(tmp_path):
    path = capture(tmp_path / "h1-eth0.pcap", frame_of("syn"))
    assert packet_bytes(path, 1) == frame_of("syn") and packet_bytes(path, 2) is None
    assert packet_bytes(capture(tmp_path / "raw.pcap", frame_of("syn"), link=101), 1) is None
    (tmp_path / "no.pcap").write_bytes(b"no capture, only a few words")
    assert packet_bytes(tmp_path / "no.pcap", 1) is None


def test_sums_and_patterns():
    assert (
        ones_sum(bytes.fromhex("0001f203f4f5f6f7220d")) == 0
    )  # RFC 1071 section 3, with its checksum
    assert bit_pattern(b"\x00\x05", 3, 13) == "...0 0000 0000 0101"
