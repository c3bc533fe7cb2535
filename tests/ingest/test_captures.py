"""Which reader reads a capture, and what is said about it."""

import shutil
from pathlib import Path

import pytest

from tcpexp.errors import DataError, HostError
from tcpexp.ingest.captures import VARIABLE, read_capture, read_captures
from tcpexp.ingest.pcap import UnusualCaptureError, count_records
from tests.support import crafting as c
from tests.support.crafting import Talk

DATA = Path(__file__).parent / "data"
H1 = DATA / "tcpdump-4.99-lossy-h1-eth0.pcap"
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)


@pytest.fixture
def no_tshark(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def fragment(tmp_path):
    """A capture that is left to tshark."""
    data = c.tcp("10.0.0.1", "10.0.0.2", (1, 2), 1, 1, "S", fragment=0x2000)
    return c.write_pcap(tmp_path / "h1-eth0.pcap", [(10**18, data)])


def test_several_captures_keep_their_order():
    frames = read_captures([H1, DATA / "tcpdump-4.99-lossy-h2-eth0.pcap"], 0)
    assert [frame["capture"][0][-7:] for frame in frames] == ["h1-eth0", "h2-eth0"]


def test_a_capture_needs_no_tshark(no_tshark):
    said = []
    assert read_capture(H1, 0, said.append).height == 277
    assert said == []


@needs_tshark
def test_an_unusual_capture_is_read_by_tshark_and_that_is_said(tmp_path):
    said = []
    assert read_capture(fragment(tmp_path), 0, said.append).height == 1
    assert said == ["h1-eth0.pcap is read by tshark: a fragment"]


def test_an_unusual_capture_without_tshark(no_tshark, tmp_path):
    with pytest.raises(HostError, match="tshark is not installed"):
        read_capture(fragment(tmp_path), 0)


def test_a_rare_connection_without_tshark(no_tshark, tmp_path):
    path = c.write_pcap(tmp_path / "h1-eth0.pcap", Talk().open().send(1, "A", 1, 500).packets)
    with pytest.raises(HostError, match="tshark is not installed"):
        read_capture(path, 0)


def test_the_direct_reader_can_be_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "direct")
    with pytest.raises(UnusualCaptureError, match="a fragment"):
        read_capture(fragment(tmp_path), 0)


def test_tshark_can_be_asked_for(monkeypatch, no_tshark):
    monkeypatch.setenv(VARIABLE, "tshark")
    with pytest.raises(HostError):
        read_capture(H1, 0)


@needs_tshark
def test_not_a_capture(tmp_path):
    path = tmp_path / "h1-eth0.pcap"
    path.write_text("this is no capture, although it is long enough to be one")
    with pytest.raises(DataError, match=r"h1-eth0\.pcap"):
        read_capture(path, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"link": 113}, "link type is 113"),
        ({"snaplen": 10}, "Ethernet header"),
        ({"snaplen": 30}, "IPv4 header that was cut off"),
        ({"snaplen": 40}, "TCP header that was cut off"),
    ],
)
def test_what_is_left_to_tshark(change, reason, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "direct")
    path = c.write_pcap(tmp_path / "c.pcap", Talk().open().packets, **change)
    with pytest.raises(UnusualCaptureError, match=reason):
        read_capture(path, 0)


def with_type(kind):
    whole = c.tcp("10.0.0.1", "10.0.0.2", (1, 2), 1, 1, "S")
    return whole[:12] + kind + whole[14:]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (with_type(b"\x81\x00"), "neither IP nor ARP"),
        (c.frame("10.0.0.1", "10.0.0.2", 47, bytes(20)), "neither TCP, UDP, ICMP nor IGMP"),
        (c.frame("fd00::1", "fd00::2", 43, bytes(20)), "neither TCP, UDP nor ICMPv6"),
        (c.tcp("10.0.0.1", "10.0.0.2", (1, 2), 1, 1, "SA"), "a SYN-ACK without its SYN"),
        (
            c.tcp("10.0.0.1", "10.0.0.2", (1, 2), 1, 1, "A", tail=c.options(raw=b"\x1f\x04\0\0")),
            "a TCP option of kind 31",
        ),
        (
            c.tcp("10.0.0.1", "10.0.0.2", (1, 2), 1, 1, "A", tail=b"\x08\x0a\0\0"),
            "TCP options whose lengths",
        ),
        (
            c.icmp(
                "10.0.0.2", "10.0.0.1", 3, 1, c.tcp("10.0.0.1", "10.0.0.2", (1, 2), 1, 1, "S")[14:]
            ),
            "that was not captured before",
        ),
    ],
)
def test_packets_that_are_left_to_tshark(frame, reason, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "direct")
    path = c.write_pcap(tmp_path / "c.pcap", [(10**18, frame)])
    with pytest.raises(UnusualCaptureError, match=reason):
        read_capture(path, 0)
    if shutil.which("tshark"):
        monkeypatch.delenv(VARIABLE)
        assert read_capture(path, 0).height == 1


def test_whole_packets_are_counted_and_what_is_cut_is_not(tmp_path):
    whole = H1.read_bytes()
    assert count_records(H1) == read_capture(H1, 0)["number"].max()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(whole[:-1])
    assert count_records(cut) == count_records(H1) - 1
    (tmp_path / "other").write_text("no capture")
    assert count_records(tmp_path / "other") is None
    assert count_records(tmp_path / "absent") is None
