"""On a real trace: Linux 6.1 in the guest, one HTTP request, 82 bytes there and 78 back, 10 ms each
way.
"""

import ipaddress
import shutil
from pathlib import Path

import numpy as np
import pytest

from tcpexp.errors import DataError
from tcpexp.ingest import tcptrace
from tcpexp.ingest.lifetimes import read_sockets
from tcpexp.ingest.tcptrace import STATES, read_trace

TRACE = Path(__file__).parent / "data" / "linux-6.1-trace"
T0 = 5_000_000_000


@pytest.fixture(scope="module")
def trace():
    return read_trace(TRACE, T0)


def test_everything_was_read(trace):
    assert (trace.events, trace.lost_pages) == (18, 0)
    assert {name: frame.height for name, frame in trace.tables.items()} == {
        "tcp_probe": 5,
        "states": 12,
        "retransmits": 0,
        "ca_states": 1,
    }


def test_states_of_both_ends(trace):
    """Times as the captures of the same run have them: the SYN-ACK reached h1 at 1070.815 ms, the
    ACK h2 at 1080.832 ms.
    """
    states = read_sockets(trace).states
    client = states.filter(states["local_address"] == "10.0.0.1")
    assert client.select("old_state", "new_state").rows() == [
        ("CLOSED", "SYN-SENT"),
        ("SYN-SENT", "ESTABLISHED"),
        ("ESTABLISHED", "FIN-WAIT-1"),
        ("FIN-WAIT-1", "FIN-WAIT-2"),
        ("FIN-WAIT-2", "CLOSED"),
    ]
    assert client["t_ns"][1] == 1_070_819_409
    server = states.filter(states["local_address"] == "10.0.0.2")
    assert server["new_state"].to_list() == [
        "SYN-RECEIVED",
        "ESTABLISHED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSED",
    ]
    assert server["t_ns"][0] == 1_080_835_456


def test_a_socket_gets_the_port_and_addresses_that_it_did_not_have_yet(trace):
    states = read_sockets(trace).states
    syn_sent = states.filter(states["new_state"] == "SYN-SENT").row(0, named=True)
    assert (syn_sent["local_port"], syn_sent["peer_address"], syn_sent["peer_port"]) == (
        40080,
        "10.0.0.2",
        80,
    )
    child = states.filter(states["new_state"] == "SYN-RECEIVED").row(0, named=True)
    assert (child["local_address"], child["peer_address"], child["peer_port"]) == (
        "10.0.0.2",
        "10.0.0.1",
        40080,
    )
    listener = states.row(0, named=True)
    assert (listener["local_address"], listener["local_port"], listener["new_state"]) == (
        "0.0.0.0",
        80,
        "LISTEN",
    )


def test_probes_agree_with_the_capture(trace):
    rows = trace.tables["tcp_probe"].select(
        "t_ns",
        "src",
        "src_port",
        "dst_port",
        "data_len",
        "snd_nxt",
        "snd_una",
        "cwnd",
        "ssthresh",
        "snd_wnd",
        "srtt_us",
        "rcv_wnd",
    )
    assert rows.row(0) == (
        1080880984,
        "10.0.0.2",
        80,
        40080,
        82,
        810133100,
        810133100,
        10,
        2**31 - 1,
        64256,
        20032,
        65160,
    )
    assert rows.row(1) == (
        1090893051,
        "10.0.0.1",
        40080,
        80,
        0,
        3392590807,
        3392590725,
        10,
        2**31 - 1,
        65160,
        20028,
        64256,
    )


def test_rfc_names():
    assert {STATES[3], STATES[12]} == {"SYN-RECEIVED"}
    assert len(set(STATES.values())) == 11


def test_no_trace(tmp_path):
    assert read_trace(tmp_path, 0).tables == {}


def test_a_damaged_buffer_is_named(tmp_path):
    shutil.copytree(TRACE, tmp_path / "trace")
    page = bytearray((TRACE / "trace_raw.0").read_bytes())
    page[8:12] = np.uint32(5000).tobytes()
    (tmp_path / "trace" / "trace_raw.0").write_bytes(page)
    with pytest.raises(DataError, match=r"trace_raw\.0"):
        read_trace(tmp_path / "trace", 0)


def test_a_damaged_format_is_named(tmp_path):
    shutil.copytree(TRACE, tmp_path / "trace")
    (tmp_path / "trace" / "formats" / "tcp.tcp_probe.format").write_text("")
    with pytest.raises(DataError, match=r"tcp_probe\.format"):
        read_trace(tmp_path / "trace", 0)


def test_congestion_states(trace):
    row = trace.tables["ca_states"].row(0, named=True)
    assert (row["src"], row["src_port"], row["dst"], row["dst_port"], row["ca_state"]) == (
        "10.0.0.2",
        80,
        "10.0.0.1",
        40080,
        "Open",
    )


def test_addresses_keep_their_last_zeros_and_their_rows():
    words = ["fd00::", "10.0.0.1", "fd00::1", "::", "fd00::", "fe80::1:0"]
    mapped = ["::ffff:10.0.0.1" if word == "10.0.0.1" else word for word in words]
    rows = np.array([list(ipaddress.IPv6Address(word).packed) for word in mapped], dtype=np.uint8)
    assert tcptrace._texts_v6(rows).to_list() == words
