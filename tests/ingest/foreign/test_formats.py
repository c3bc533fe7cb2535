"""The same packets in other formats and links give the same rows as in a plain pcap file."""

import gzip
import struct

import polars as pl
import pytest

from tcpexp.errors import DataError
from tcpexp.ingest.direct import read_direct
from tcpexp.ingest.foreign import read_foreign
from tests.support import containers as k
from tests.support import crafting as c
from tests.support.crafting import Talk

ETHERNET_BYTES = 14
MS = 1_000_000
NANOSECONDS = k.option(9, b"\x09")


def talk(**more):
    """A transfer with a loss, SACK blocks, a repair and an end."""
    found = Talk(**more).open()
    for piece in (0, 1, 3, 4):
        found.send(0, "PA", 1 + 100 * piece, 1, 100)
    found.send(1, "A", 1, 201, sacks=[(301, 501)])
    found.send(0, "A", 201, 1, 100)
    found.send(1, "A", 1, 501)
    found.send(0, "FA", 501, 1)
    found.send(1, "FA", 1, 502)
    found.send(0, "A", 502, 2)
    return found.packets


def plain(tmp_path, packets):
    return read_direct(c.write_pcap(tmp_path / "x.pcap", packets), packets[0][0])


def same(found, expected, header=0):
    """Compare with the rows of a plain file whose link header has ``header`` bytes more."""
    adjusted = expected.with_columns(pl.col("frame_bytes") - header)
    for name in adjusted.columns:
        assert found[name].to_list() == adjusted[name].to_list(), name


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [True, False])
def test_pcap_of_both_orders_and_resolutions(tmp_path, order, nanoseconds):
    packets = talk()
    expected = plain(tmp_path, packets)
    path = c.write_pcap(tmp_path / "x.pcap", packets, order=order, nanoseconds=nanoseconds)
    same(read_foreign([path]).packets, expected)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_of_both_orders(tmp_path, order):
    packets = talk()
    path = k.write_pcapng(tmp_path / "x.pcapng", packets, order=order)
    found = read_foreign([path])
    same(found.packets, plain(tmp_path, packets))
    assert found.epoch_ns == packets[0][0]


@pytest.mark.parametrize("piece_bytes", [40, 100, 1000])
def test_small_pieces_change_nothing(tmp_path, piece_bytes):
    packets = talk() + talk(at_ns=2 * 10**18, client="fd00::1", server="fd00::2")
    expected = plain(tmp_path, packets)
    for path in (
        k.write_pcapng(tmp_path / "x.pcapng", packets),
        k.write_snoop(tmp_path / "x.snoop", packets),
        c.write_pcap(tmp_path / "x.cap", packets),
    ):
        same(read_foreign([path], piece_bytes=piece_bytes).packets, expected)


def test_compressed_files(tmp_path):
    packets = talk()
    expected = plain(tmp_path, packets)
    path = tmp_path / "x.pcap.gz"
    path.write_bytes(gzip.compress((tmp_path / "x.pcap").read_bytes()))
    found = read_foreign([path])
    same(found.packets, expected)
    assert found.notes.captures[0].format.endswith(", gzip")


@pytest.mark.parametrize(
    ("link", "made", "header"),
    [
        (113, k.cooked, 16),
        (276, k.cooked2, 20),
        (101, lambda frame: frame[14:], 0),
        (0, lambda frame: struct.pack("<I", 2) + frame[14:], 4),
        (108, lambda frame: struct.pack(">I", 2) + frame[14:], 4),
        (9, lambda frame: b"\xff\x03\x00\x21" + frame[14:], 4),
        (9, lambda frame: b"\x0f\x00\x08\x00" + frame[14:], 4),
    ],
    ids=["cooked", "cooked v2", "raw", "loopback", "OpenBSD loopback", "PPP", "Cisco as PPP"],
)
def test_other_links(tmp_path, link, made, header):
    packets = talk()
    expected = plain(tmp_path, packets)
    others = [(t_ns, made(frame)) for t_ns, frame in packets]
    path = c.write_pcap(tmp_path / "x.pcap", others, link=link)
    same(read_foreign([path]).packets, expected, ETHERNET_BYTES - header)


def test_what_is_no_capture_is_an_error_with_a_hint(tmp_path):
    path = tmp_path / "notes.pcap"
    path.write_text("this is a text")
    with pytest.raises(DataError, match=r"notes\.pcap is no capture.*editcap"):
        read_foreign([path])
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        read_foreign([path])
    with pytest.raises(DataError, match="is a folder"):
        read_foreign([tmp_path])


def test_the_end_of_a_file_that_was_cut_is_said(tmp_path):
    packets = talk()
    whole = c.write_pcap(tmp_path / "x.pcap", packets).read_bytes()
    (tmp_path / "x.pcap").write_bytes(whole[:-10])
    found = read_foreign([tmp_path / "x.pcap"])
    assert found.packets.height == len(packets) - 1
    assert "the last record is cut off" in found.notes.captures[0].damage


@pytest.mark.parametrize(("more", "told"), [(1, 0), (4, 0), (5, 5)])
def test_a_trailer_behind_the_packet_is_not_of_the_wire(tmp_path, more, told):
    packets = talk()
    path = c.write_pcap(tmp_path / "x.pcap", [(at, data + bytes(more)) for at, data in packets])
    whole, at = bytearray(path.read_bytes()), 24
    for _, data in packets:
        whole[at + 12 : at + 16] = struct.pack("<I", len(data))
        at += 16 + len(data) + more
    expected = plain(tmp_path, packets)
    path.write_bytes(bytes(whole))
    found = read_foreign([path]).packets
    assert (found["frame_bytes"] - expected["frame_bytes"]).unique().to_list() == [told]
    assert found["payload_bytes"].to_list() == expected["payload_bytes"].to_list()
