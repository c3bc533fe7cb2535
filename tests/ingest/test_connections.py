"""Two SYNs that cross are one connection, whichever capture shows it.

RFC 9293 section 3.5, figure 7.
"""

import polars as pl
import pytest

from tcpexp.ingest.connections import attach_flows, build_connections, describe_streams
from tcpexp.ingest.network import Nodes
from tcpexp.store.frames import schema_of

ONE, TWO = ("10.0.0.1", 5002), ("10.0.0.2", 5003)
NODES = Nodes(
    {ONE[0]: "h1", TWO[0]: "h2"}, {"h1-eth0": "h1", "h2-eth0": "h2"}, frozenset(["h1", "h2"])
)
MS = 1_000_000


def captures(leads_ms: int) -> pl.DataFrame:
    """What both ends capture, 10 ms apart.

    H1's SYN leaves ``leads_ms`` before h2's, which leaves at 100 ms.
    """
    sent = [
        (100 - leads_ms, ONE, "S", 1000),
        (100, TWO, "S", 5000),
        (110, ONE, "SA", 1000),
        (110 - leads_ms, TWO, "SA", 5000),
    ]
    rows = []
    for capture, here in (("h1-eth0", ONE), ("h2-eth0", TWO)):
        seen = sorted(
            (at + (0 if source == here else 10), source, flags, seq)
            for at, source, flags, seq in sent
        )
        for number, (at, source, flags, seq) in enumerate(seen, 1):
            target = TWO if source == ONE else ONE
            rows.append(
                {
                    "capture": capture,
                    "node": capture[:2],
                    "number": number,
                    "t_ns": at * MS,
                    "protocol": "tcp",
                    "stream": 0,
                    "flags": flags,
                    "seq": seq,
                    "src": source[0],
                    "src_port": source[1],
                    "dst": target[0],
                    "dst_port": target[1],
                    "payload_bytes": 0,
                    "checksum_bad": False,
                }
            )
    schema = schema_of("packets")
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


@pytest.mark.parametrize(
    ("leads_ms", "ports", "client"),
    [(3, (), ONE), (-3, (), TWO), (0, (), ONE), (-3, (5003,), ONE), (3, (5002,), TWO)],
)
def test_crossing_syns_are_one_connection(leads_ms, ports, client):
    """The client is the end that a flow's port makes one, else the one whose SYN left first."""
    packets = captures(leads_ms)
    streams = describe_streams(packets, NODES, ports)
    (row,) = build_connections(streams, NODES).to_dicts()
    assert (row["client_address"], row["client_port"]) == client
    assert (row["isn"], row["syn_count"]) == ((1000, 1) if client == ONE else (5000, 1))
    assert row["capture"] == ("h1-eth0" if client == ONE else "h2-eth0")
    found = build_connections(streams, NODES).with_columns(flow=pl.lit("both"))
    assert attach_flows(packets, streams, found)["connection"].to_list() == [1] * packets.height
