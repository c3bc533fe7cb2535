from pathlib import Path

import polars as pl

from tcpexp.ingest.ss import parse_ss

DATA = Path(__file__).parent / "data"
CLIENT = (DATA / "iproute2-6.1-ss-iperf3-client.txt").read_text()
SERVER = (DATA / "iproute2-6.1-ss-iperf3-server.txt").read_text()


def test_a_sending_socket():
    rows = parse_ss(CLIENT, "h1")
    assert rows.select("t_ns", "local_port").rows() == [
        (10**9, 40440),
        (10**9, 40456),
        (2 * 10**9, 40440),
        (2 * 10**9, 40456),
    ]
    row = rows.row(1, named=True)
    expected = {
        "node": "h1",
        "state": "estab",
        "recv_q": 0,
        "send_q": 75296,
        "local_address": "10.0.0.1",
        "peer_address": "10.0.0.2",
        "peer_port": 5201,
        "congestion_control": "cubic",
        "cwnd": 15,
        "ssthresh": 9,
        "rtt_us": 13186,
        "rttvar_us": 1241,
        "rto_ms": 216.0,
        "mss": 1448,
        "bytes_sent": 1200429,
        "bytes_acked": 1172918,
        "bytes_received": None,
        "bytes_retrans": 7240,
        "unacked": 12,
        "retrans_total": 5,
        "lost": None,
        "sacked": None,
        "rcv_space": 14480,
        "pacing_rate_bps": 15812384.0,
        "delivery_rate_bps": 9589400.0,
        "bbr_bw_bps": None,
        "timer": "on,032ms,0",
        "flow": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert "skmem:(r0,rb131072,t22800" in row["info"]


def test_a_bbr_socket_and_a_mapped_address():
    row = (
        parse_ss(SERVER, "h2")
        .filter((pl.col("state") == "estab") & (pl.col("peer_port") == 57928))
        .row(0, named=True)
    )
    assert (row["local_address"], row["peer_address"]) == ("10.0.0.2", "10.0.0.1")
    assert (row["congestion_control"], row["bbr_bw_bps"], row["bbr_min_rtt_us"]) == (
        "bbr",
        3723428176.0,
        7,
    )
    assert (row["sacked"], row["retrans_total"], row["rto_ms"]) == (309, 485, 212.0)


def test_listening_and_time_wait():
    rows = parse_ss(SERVER, "h2")
    listen = rows.filter(pl.col("state") == "listen").row(0, named=True)
    assert (
        listen["local_address"],
        listen["local_port"],
        listen["peer_port"],
        listen["send_q"],
    ) == ("*", 5202, None, 4096)
    assert (listen["congestion_control"], listen["cwnd"]) == ("bbr", 10)
    wait = rows.filter(pl.col("state") == "time-wait").row(0, named=True)
    assert (wait["timer"], wait["cwnd"], wait["peer_port"]) == ("timewait,58sec,0", None, 40440)


def test_blocks_without_sockets_and_a_cut_off_end():
    assert parse_ss("", "h1").height == 0
    assert parse_ss("# t_ns=0\n# t_ns=5\n", "h1").height == 0
    cut = parse_ss(CLIENT[: CLIENT.rindex(" rtt:")], "h1")
    assert cut.height == 4
    assert cut["rtt_us"].to_list() == [74, 13186, 74, None]


def test_rates_of_other_versions_have_unit_letters():
    text = (
        "# t_ns=1\nESTAB 0 0 1.1.1.1:1 2.2.2.2:2\n\t cubic rto:204 pacing_rate 11.9Mbps"
        " delivery_rate 1.2Gbps\n"
    )
    row = parse_ss(text, "h1").row(0, named=True)
    assert (row["pacing_rate_bps"], row["delivery_rate_bps"], row["congestion_control"]) == (
        11.9e6,
        1.2e9,
        "cubic",
    )


def test_ipv6_with_a_scope():
    text = "# t_ns=1\nSYN-SENT 0 1 [fe80::1%h1-eth0]:4000 [fe80::2]:80 timer:(on,800ms,1)\n"
    row = parse_ss(text, "h1").row(0, named=True)
    assert (row["local_address"], row["peer_address"], row["peer_port"], row["state"]) == (
        "fe80::1",
        "fe80::2",
        80,
        "syn-sent",
    )
