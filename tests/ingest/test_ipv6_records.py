"""On what Linux 6.1, tcpdump 4.99 and iproute2 6.1 recorded in an IPv6 network: h1 is 2001:db8::1,
h2 is 2001:db8::2.
"""

import shutil
from pathlib import Path

import polars as pl
import pytest

from tcpexp.ingest.counters import parse_counters, parse_snmp
from tcpexp.ingest.journeys import build_journeys
from tcpexp.ingest.lifetimes import read_sockets
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.ss import parse_ss
from tcpexp.ingest.tcptrace import read_trace
from tcpexp.ingest.tshark import read_capture

DATA = Path(__file__).parent / "data"
#: An HTTP request, then three questions for an address that nobody has.
H1 = DATA / "tcpdump-4.99-ipv6-h1-eth0.pcap"
T0 = 1767225604_000_000_000
ONE, TWO = "2001:db8::1", "2001:db8::2"
needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: apt install tshark"
)


@pytest.fixture(scope="module")
def packets():
    return read_capture(H1, T0)


@needs_tshark
def test_a_syn_over_ipv6(packets):
    syn = packets.filter(pl.col("flags") == "S").row(0, named=True)
    expected = {
        "protocol": "tcp",
        "src": ONE,
        "dst": TWO,
        "dst_port": 80,
        "mss": 1440,
        "ttl": 64,
        "ecn": 0,
        "ip_id": None,
        "frame_bytes": 94,
    }
    assert {name: syn[name] for name in expected} == expected
    assert syn["checksum"] == 10186
    assert not packets["checksum_bad"].any()


@needs_tshark
def test_neighbour_discovery_and_group_reports_are_not_icmp(packets):
    assert packets["protocol"].value_counts().sort("protocol").rows() == [
        ("mld", 2),
        ("nd", 3),
        ("tcp", 10),
    ]
    asked = packets.filter(pl.col("protocol") == "nd")
    assert asked.select("src", "dst").unique().rows() == [(ONE, "ff02::1:ff00:63")]
    assert asked["t_ns"].diff().drop_nulls().to_list() == [1_021_978_725, 1_023_998_755]


@needs_tshark
def test_packets_without_an_ip_id_are_joined_by_their_checksum(packets):
    """A segment and its repetition, alike but for the time stamp and so the checksum: the first is
    lost, the second arrives.
    """
    nodes = Nodes(
        {ONE: "h1", TWO: "h2"}, {"h1-eth0": "h1", "h2-eth0": "h2"}, frozenset(("h1", "h2"))
    )
    data = packets.filter((pl.col("src") == ONE) & (pl.col("payload_bytes") > 0)).with_columns(
        node=pl.lit("h1"), capture=pl.lit("h1-eth0")
    )
    again = data.with_columns(
        number=pl.lit(99, pl.Int64),
        t_ns=pl.col("t_ns") + 5_000_000,
        checksum=pl.col("checksum") + 1,
    )
    arrived = again.with_columns(
        node=pl.lit("h2"),
        capture=pl.lit("h2-eth0"),
        number=pl.lit(1, pl.Int64),
        t_ns=pl.col("t_ns") + 10_000_000,
    )
    journeys = build_journeys(pl.concat([data, again, arrived]), nodes)
    assert journeys.select("sent_number", "copies").rows() == [(data["number"][0], 0), (99, 1)]


def test_tracepoints_give_ipv6_addresses(tmp_path):
    for folder in ("linux-6.1-ipv6", "linux-6.1-trace"):  # the same kernel, so the same formats
        for path in (DATA / folder).iterdir():
            if not (tmp_path / path.name).exists():
                (tmp_path / path.name).symlink_to(path)
    trace = read_trace(tmp_path, 5_000_000_000)
    states = read_sockets(trace).states
    client = states.filter(pl.col("local_address") == ONE)
    assert client["new_state"].to_list() == [
        "SYN-SENT",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "CLOSED",
    ]
    assert client.select("local_port", "peer_address", "peer_port").unique().rows() == [
        (40934, TWO, 80)
    ]
    server = states.filter(pl.col("local_address") == TWO)
    assert server["new_state"].to_list() == [
        "SYN-RECEIVED",
        "ESTABLISHED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSED",
    ]
    assert trace.tables["tcp_probe"].select("src", "dst").unique().sort("src").rows() == [
        (ONE, TWO),
        (TWO, ONE),
    ]


def test_ss_writes_ipv6_addresses_in_brackets():
    rows = parse_ss((DATA / "iproute2-6.1-ss-ipv6.txt").read_text(), "h1")
    assert rows.height > 0
    assert rows.select("local_address", "peer_address").unique().rows() == [(ONE, TWO)]
    assert rows["peer_port"].null_count() == 0
    assert rows["mss"].unique().to_list() == [1428]


def test_counters_of_ipv6():
    text = (DATA / "linux-6.1-snmp6.txt").read_text()
    found = parse_snmp(text)
    assert found["Icmp6.OutMLDv2Reports"] > 0
    assert {"Ip6.InReceives", "Udp6.RcvbufErrors", "UdpLite6.InDatagrams"} <= set(found)
    rows = parse_counters(f"# t_ns=5\nTcp: RetransSegs\nTcp: 3\n{text}", "h1")
    assert rows.filter(pl.col("counter") == "Tcp.RetransSegs")["value"].to_list() == [3]
    assert rows.filter(pl.col("counter").str.starts_with("Udp6.")).height > 0
