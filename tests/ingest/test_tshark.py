"""On captures made by tcpdump 4.99: h1 (10.0.1.1) behind a router that drops every 25th full
packet, h2 (10.0.2.1).
"""

import io
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from tcpexp.errors import DataError
from tcpexp.ingest import tshark
from tcpexp.ingest.tshark import FIELDS, LABELS, parse_fields, read_capture, whole_lines
from tcpexp.store.frames import schema_of

DATA = Path(__file__).parent / "data"
H1 = DATA / "tcpdump-4.99-lossy-h1-eth0.pcap"
T0 = 1795229407_000_000_000
pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)


@pytest.fixture(scope="module")
def packets():
    return read_capture(H1, T0)


def packet(packets, number):
    return packets.row(number - 1, named=True)


def test_every_packet_once_in_order(packets):
    assert packets["number"].to_list() == list(range(1, 278))
    assert dict(packets.schema) == schema_of("packets")
    assert packets["capture"].unique().to_list() == [H1.stem]


def test_times_are_exact_nanoseconds(packets):
    shown = subprocess.run(
        ["capinfos", "-a", "-S", "-r", str(H1)], capture_output=True, text=True, check=True
    ).stdout
    assert "1795229407.848596600" in shown
    assert packets["t_ns"][0] == 848_596_600
    assert packets["t_ns"][-1] == 1_421_326_225


def test_the_syn(packets):
    syn = packet(packets, 3)
    assert (syn["protocol"], syn["flags"], syn["src"], syn["dst"]) == (
        "tcp",
        "S",
        "10.0.1.1",
        "10.0.2.1",
    )
    assert (syn["src_port"], syn["dst_port"], syn["frame_bytes"], syn["payload_bytes"]) == (
        44244,
        5201,
        74,
        0,
    )
    assert (syn["seq_rel"], syn["mss"], syn["wscale"], syn["sack_permitted"]) == (0, 1460, 10, True)
    assert (syn["window"], syn["ttl"], syn["ecn"], syn["labels"]) == (64240, 64, 0, [])
    assert (syn["ts_val"], syn["ts_ecr"]) == (2388279272, 0)
    answer = packet(packets, 4)
    assert (answer["flags"], answer["ack"]) == ("SA", (syn["seq"] + 1) % 2**32)
    assert answer["ip_id"] == 0


def test_flag_letters(packets):
    assert set(packets["flags"].drop_nulls()) == {"S", "SA", "A", "PA", "FA", "RA"}


def test_a_scaled_window(packets):
    ack = packet(packets, 5)
    assert (ack["window"], ack["window_bytes"]) == (63, 64512)


def test_labels_and_sack(packets):
    again = packet(packets, 74)
    assert (again["seq_rel"], again["labels"]) == (14481, ["retransmission", "fast_retransmission"])
    duplicate = packet(packets, 44)
    assert duplicate["labels"] == ["duplicate_ack"]
    assert duplicate["sack_blocks"][0] > duplicate["ack_rel"] == 14481
    assert duplicate["sack_blocks"][1] - duplicate["sack_blocks"][0] == 1448
    counts = dict(packets["labels"].drop_nulls().explode().drop_nulls().value_counts().iter_rows())
    assert counts["fast_retransmission"] >= 1
    assert counts["duplicate_ack"] > 20
    assert set(counts) <= set(LABELS)


def test_an_icmp_error_is_its_own_packet_not_the_quoted_one(packets):
    error = packet(packets, 277)
    assert (error["protocol"], error["src"], error["dst"]) == ("icmp", "10.0.2.1", "10.0.1.1")
    assert (error["src_port"], error["payload_bytes"], error["ttl"]) == (None, None, 63)
    datagram = packet(packets, 276)
    assert (datagram["protocol"], datagram["dst_port"], datagram["payload_bytes"]) == ("udp", 9, 32)
    refused = packet(packets, 269)
    assert (refused["flags"], refused["src_port"]) == ("RA", 81)


def test_arp(packets):
    assert packet(packets, 1)["protocol"] == "arp"
    assert (packet(packets, 1)["src"], packet(packets, 1)["dst"]) == ("10.0.1.1", "10.0.1.254")


def test_a_capture_of_headers_only_cannot_show_a_bad_checksum(packets):
    assert packets["checksum_bad"].sum() == 0


def test_a_damaged_payload_shows(tmp_path):
    """A byte of the five that the first connection sends (packet 6) is flipped: that packet alone
    has a bad checksum.
    """
    raw = bytearray(H1.read_bytes())
    at = raw.index(b"hello")
    raw[at] ^= 1
    path = tmp_path / "h1-eth0.pcap"
    path.write_bytes(raw)
    bad = read_capture(path, T0).filter(pl.col("checksum_bad"))
    assert bad["number"].to_list() == [6]


def test_a_capture_cut_off_in_a_packet_gives_those_before(tmp_path):
    path = tmp_path / "h1-eth0.pcap"
    path.write_bytes(H1.read_bytes()[:-30])
    assert read_capture(path, T0).height == 276


@pytest.mark.parametrize("content", [b"", H1.read_bytes()[:24]])
def test_a_capture_without_packets(tmp_path, content):
    path = tmp_path / "h1-eth0.pcap"
    path.write_bytes(content)
    assert read_capture(path, T0).height == 0


def test_not_a_capture(tmp_path):
    path = tmp_path / "h1-eth0.pcap"
    path.write_text("this is no capture, although it is long enough to be one")
    with pytest.raises(DataError, match=r"h1-eth0\.pcap"):
        read_capture(path, T0)


def test_times_of_coarser_captures_are_padded():
    """A microsecond capture prints six decimals with some versions of tshark."""
    values = {
        "frame.number": "1",
        "frame.time_epoch": "17.000250",
        "frame.len": "60",
        "ip.src": "1.2.3.4",
    }
    text = "\t".join(values.get(field, "") for field in FIELDS) + "\n"
    assert parse_fields(text.encode(), "c", 0)["t_ns"][0] == 17_000_250_000


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_text_is_read_in_whole_lines(size):
    text = b"one\ttwo\n\nthree\nlast without an end"
    pieces = list(whole_lines(io.BytesIO(text), size))
    assert b"".join(pieces) == text
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])


def test_a_capture_read_in_pieces_gives_the_same_packets(packets, monkeypatch):
    monkeypatch.setattr(tshark, "whole_lines", lambda stream: whole_lines(stream, 20_000))
    assert read_capture(H1, T0).equals(packets)
