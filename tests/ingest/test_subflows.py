"""MPTCP connections: found by their tokens, and their data counted once, whichever way it came."""

from pathlib import Path

import polars as pl
import pytest

from tcpexp.ingest.connections import build_connections, describe_streams
from tcpexp.ingest.direct import read_direct
from tcpexp.ingest.mptcpoptions import first_number_of, token_of
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.subflows import find_subflows, with_joined, with_new_data, without_joined

DATA = Path(__file__).parent / "data" / "mptcp"
NODES = Nodes(
    {"10.0.0.1": "h1", "10.0.2.1": "h1", "10.0.1.2": "h2", "10.0.3.2": "h2"},
    {"h1-eth0": "h1", "h1-eth1": "h1"},
    frozenset({"h1", "h2"}),
)


@pytest.fixture(scope="module")
def packets() -> pl.DataFrame:
    """The first packets of two MPTCP connections, as h1 saw them on either interface."""
    frames = [read_direct(path, 0) for path in sorted(DATA.glob("*.pcap"))]
    return pl.concat(frames).with_columns(node=pl.lit("h1"))


def test_a_key_gives_token_and_first_number() -> None:
    """Wireshark shows both beside the key of the recorded SYN-ACK."""
    key = 7051593515785339254
    assert token_of(key) == 4207724040
    assert first_number_of(key) == 18019230163292888002 % 2**32


def test_subflows_are_found_by_token(packets: pl.DataFrame) -> None:
    streams = describe_streams(packets, NODES, [5201])
    connections = build_connections(streams, NODES)
    found = find_subflows(packets, streams, connections)
    assert found.select("connection", "mptcp", "number", "opened_by").rows() == [
        (1, 1, 1, "MP_CAPABLE"),
        (2, 1, 2, "MP_JOIN"),
        (3, 3, 1, "MP_CAPABLE"),
        (4, 3, 2, "MP_JOIN"),
    ]
    joined = packets.filter(
        (pl.col("mptcp") == "MP_JOIN") & (pl.col("flags") == "S") & (pl.col("mptcp_token") > 0)
    )
    assert found["token"].drop_nulls().to_list() == joined["mptcp_token"].to_list()


def test_a_subflow_carries_what_its_first_one_carries(packets: pl.DataFrame) -> None:
    streams = describe_streams(packets, NODES, [5201])
    connections = build_connections(streams, NODES)
    found = find_subflows(packets, streams, connections)
    opened = without_joined(connections, found)
    assert opened["connection"].to_list() == [1, 3]
    named = opened.with_columns(
        step=pl.lit("a01"),
        process=pl.lit(1),
        flow=pl.Series([None, "upload"]),
        flow_source=pl.lit("process"),
    )
    every = with_joined(connections, named, found)
    assert every.select("connection", "flow", "flow_source").rows() == [
        (1, None, "process"),
        (2, None, "mptcp"),
        (3, "upload", "process"),
        (4, "upload", "mptcp"),
    ]


def test_no_mptcp_no_subflows(packets: pl.DataFrame) -> None:
    plain = packets.with_columns(mptcp_token=pl.lit(None, dtype=pl.Int64))
    streams = describe_streams(plain, NODES, [5201])
    assert find_subflows(plain, streams, build_connections(streams, NODES)).is_empty()


def segments(*rows: tuple[int, int, int, int | None]) -> pl.DataFrame:
    """Return arriving segments of 100 bytes: time, connection, subflow's number, data number."""
    return pl.DataFrame(
        [
            {
                "t_ns": time,
                "connection": connection,
                "capture": f"h2-eth{connection}",
                "stream": 0,
                "src": "10.0.0.1",
                "src_port": connection,
                "seq": seq,
                "dsn": dsn,
                "payload_bytes": 100,
                "checksum_bad": False,
            }
            for time, connection, seq, dsn in rows
        ],
        schema_overrides={"dsn": pl.Int64},
    )


PAIR = pl.DataFrame({"connection": [1, 2], "mptcp": [1, 1]})


def test_data_that_comes_over_both_subflows_counts_once() -> None:
    rows = segments((1, 1, 1000, 500), (2, 2, 7000, 600), (3, 2, 7100, 500), (4, 1, 1100, 700))
    assert with_new_data(rows, PAIR)["new_bytes"].to_list() == [100, 100, 0, 100]


def test_a_segment_without_a_mapping_continues_the_one_before() -> None:
    rows = segments((1, 1, 1000, 500), (2, 1, 1100, None), (3, 2, 7000, 600))
    assert with_new_data(rows, PAIR)["new_bytes"].to_list() == [100, 100, 0]


def test_numbers_wrap() -> None:
    last = 2**32 - 100
    rows = segments((1, 1, 1000, last), (2, 2, 2**32 - 50, 0), (3, 1, 1100, 0), (4, 1, 1200, 100))
    assert with_new_data(rows, PAIR)["new_bytes"].to_list() == [100, 100, 0, 100]


def test_plain_tcp_counts_by_its_own_numbers() -> None:
    rows = segments((1, 5, 1000, None), (2, 5, 1000, None), (3, 5, 1100, None))
    assert with_new_data(rows, PAIR)["new_bytes"].to_list() == [100, 0, 100]
