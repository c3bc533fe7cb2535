"""Counters, queues, processor, events, iperf3."""

import json
from pathlib import Path

import pytest

from tcpexp.errors import DataError
from tcpexp.ingest.blocks import split_blocks
from tcpexp.ingest.counters import parse_counters, parse_snmp
from tcpexp.ingest.events import parse_events
from tcpexp.ingest.iperf3 import connections_of, load_iperf3, parse_iperf3, server_port, side_of
from tcpexp.ingest.qdisc import parse_qdisc
from tcpexp.ingest.recorded import parse_recorded
from tcpexp.recorders.cpu.model import Processor

DATA = Path(__file__).parent / "data"
SNMP = (DATA / "linux-6.18-snmp-netstat.txt").read_text()


def test_blocks():
    assert list(split_blocks("noise\n# t_ns=0\na\nb\n# t_ns=-5\n# t_ns=7\nc")) == [
        (0, "a\nb\n"),
        (-5, ""),
        (7, "c"),
    ]


def test_counters_by_group():
    found = parse_snmp(SNMP)
    assert found["Tcp.RetransSegs"] == 17
    assert found["Tcp.MaxConn"] == -1
    assert found["TcpExt.ListenDrops"] == 0
    assert {"Ip.InReceives", "IpExt.InOctets", "Udp.InDatagrams"} <= set(found)


def test_only_changes_are_kept():
    later = SNMP.replace(" 17 ", " 19 ", 1) if " 17 " in SNMP else SNMP
    text = f"# t_ns=0\n{SNMP}# t_ns=100\n{SNMP}# t_ns=200\n{later}"
    rows = parse_counters(text, "h1")
    assert rows.filter(rows["t_ns"] == 0).height == len(parse_snmp(SNMP))
    assert rows.filter(rows["t_ns"] == 100).height == 0
    assert [row["value"] for row in rows.filter(rows["t_ns"] == 200).to_dicts()] == [19]


def test_a_counter_block_cut_off_in_a_line():
    assert "Tcp.RetransSegs" not in parse_snmp("Ip: a b\nIp: 1 2\nTcp: RetransSegs InErrs\nTcp: 5")
    assert parse_snmp("Ip: a b\nIp: 1 2\nTcp: x") == {"Ip.a": 1, "Ip.b": 2}


def test_cpu_is_the_share_between_samples():
    lines = [(0, 10, 100), (100, 60, 200), (200, 60, 300), (300, 60, 300)]
    text = "".join(
        json.dumps({"t_ns": t, "busy_ticks": busy, "total_ticks": total}) + "\n"
        for t, busy, total in lines
    )
    assert parse_recorded(Processor, text, "cpu.jsonl").rows() == [
        (100, 0.5),
        (200, 0.0),
        (300, None),
    ]
    assert parse_recorded(Processor, "", "cpu.jsonl").height == 0


def test_json_lines_that_were_cut_off_and_damaged():
    good = (
        '{"t_ns": 1, "link": "h1-h2", "towards": "h2", "qdisc": "queue", "backlog_packets": 3,'
        ' "drops": 1, "more": 9}\n'
    )
    assert parse_qdisc(good + '{"t_ns": 2, "li').select(
        "t_ns", "backlog_packets", "drops", "ecn_mark"
    ).rows() == [(1, 3, 1, None)]
    with pytest.raises(DataError, match=r"x/qdisc\.jsonl:1"):
        parse_qdisc("nonsense\n" + good, "x/qdisc.jsonl")
    with pytest.raises(DataError, match=":2"):
        parse_qdisc(good + "[1]\n")


def test_events():
    row = {
        "event": "start",
        "t_ns": 5,
        "planned_ns": 4,
        "lateness_ns": 1,
        "step": "a00",
        "action": 0,
        "argv": ["x"],
        "text": None,
    }
    assert parse_events(json.dumps(row)).select("event", "lateness_ns", "step", "node").rows() == [
        ("start", 1, "a00", None)
    ]


def test_iperf3_client():
    report = load_iperf3((DATA / "iperf3-3.12-client.json").read_text())
    assert report is not None
    assert (server_port(report), side_of(report), connections_of(report)) == (
        5201,
        "client",
        {5: (40456, 5201)},
    )
    rows = parse_iperf3(report, {5: (2, "cubic")}, "other", 1_000)
    assert rows["bytes"].to_list() == [1248176, 1135232, 1139576]
    assert rows["retransmits"].to_list() == [5, 6, 6]
    assert rows["t_ns"][0] == 1_000
    assert rows["interval_ns"][0] == 1_000_144_000
    assert rows.select("cwnd_bytes", "rtt_us").row(0) == (20272, 13000)


def test_iperf3_server_of_two_streams_sending_in_reverse():
    report = load_iperf3(
        "warning: something\n" + (DATA / "iperf3-3.12-server-parallel-reverse.json").read_text()
    )
    assert report is not None
    assert (server_port(report), side_of(report)) == (5202, "server")
    rows = parse_iperf3(report, {}, "bbr", 0)
    assert rows["stream"].n_unique() == 2
    assert rows.height == 2 * len(report["intervals"])


@pytest.mark.parametrize("text", ["", "connection refused", "{", '{"error": "x"}', "[]"])
def test_what_is_no_iperf3_report(text):
    assert load_iperf3(text) is None
