"""One packet field by field, from tshark's own PDML: where each field stands, bit by bit."""

from pathlib import Path

import pytest

from tcpexp.errors import DataError
from tcpexp.ingest.dissect import dissect_packet, parse_pdml

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def syn():
    return {
        header.protocol: header
        for header in parse_pdml((DATA / "tshark-4.0.17-packet-syn.pdml").read_text())
    }


def field(header, name):
    return next(candidate for candidate in header.fields if candidate.name == name)


def test_the_headers_have_their_sizes(syn):
    assert {name: header.size_bytes for name, header in syn.items()} == {"ip": 20, "tcp": 40}


@pytest.mark.parametrize(
    ("protocol", "name", "first", "bits", "wire"),
    [
        ("ip", "ip.version", 0, 4, "0100 ...."),
        ("ip", "ip.hdr_len", 4, 4, ".... 0101"),
        ("ip", "ip.dsfield.ecn", 14, 2, ".... ..00"),
        ("ip", "ip.flags.df", 49, 1, ".1.. ...."),
        ("ip", "ip.frag_offset", 51, 13, "...0 0000 0000 0000"),
        ("ip", "ip.ttl", 64, 8, "40"),
        ("tcp", "tcp.srcport", 0, 16, "9d cc"),
        ("tcp", "tcp.seq_raw", 32, 32, "a8 7d f5 2a"),
        ("tcp", "tcp.hdr_len", 96, 4, "1010 ...."),
        ("tcp", "tcp.flags.res", 100, 3, "000. .... ...."),
        ("tcp", "tcp.flags.cwr", 104, 1, ".... 0... ...."),
        ("tcp", "tcp.flags.syn", 110, 1, ".... .... ..1."),
        ("tcp", "tcp.flags.fin", 111, 1, ".... .... ...0"),
        ("tcp", "tcp.window_size_value", 112, 16, "fa f0"),
        ("tcp", "tcp.options.wscale", 296, 24, "03 03 07"),
    ],
)
def test_each_field_stands_where_the_rfcs_figure_has_it(syn, protocol, name, first, bits, wire):
    found = field(syn[protocol], name)
    assert (found.first_bit, found.bits, found.wire) == (first, bits, wire)


def test_labels_and_values_are_tsharks(syn):
    assert (
        field(syn["tcp"], "tcp.options.mss").label,
        field(syn["tcp"], "tcp.options.mss").value,
    ) == ("TCP Option - Maximum segment size", "1460 bytes")
    assert syn["tcp"].show("tcp.seq") == "0" and syn["tcp"].show("tcp.seq_raw") == "2826827050"
    assert syn["ip"].show("ip.nonsense") is None


def test_what_is_hidden_or_made_up_is_left_out(syn):
    assert not {"tcp.port", "tcp.stream", "tcp.time_relative", "ip.addr"} & {
        one.name for header in syn.values() for one in header.fields
    }


def test_no_packet_and_no_xml():
    assert parse_pdml('<pdml version="0"></pdml>') == ()
    with pytest.raises(DataError, match="not PDML"):
        parse_pdml("tshark: no such file")


def test_tshark_dissects_a_packet_of_a_capture():
    tcp = dissect_packet(DATA / "tcpdump-4.99-lossy-h1-eth0.pcap", 3)[-1]
    assert tcp.protocol == "tcp" and tcp.show("tcp.seq") == "0"


@pytest.mark.parametrize("number", [1, 99_999_999])
def test_a_packet_without_ip_and_one_that_is_not_there_are_errors(number):
    with pytest.raises(DataError, match="no such packet"):
        dissect_packet(DATA / "tcpdump-4.99-lossy-h1-eth0.pcap", number)


def test_a_file_that_is_no_capture_is_an_error(tmp_path):
    (tmp_path / "bad.pcap").write_text("not a capture, but long enough to be looked at")
    with pytest.raises(DataError, match="status"):
        dissect_packet(tmp_path / "bad.pcap", 1)
