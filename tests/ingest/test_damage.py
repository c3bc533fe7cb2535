"""A segment that arrives as nobody sent it was damaged, also where the capture is too short for its
checksum.
"""

from types import SimpleNamespace

import polars as pl
import pytest

from tcpexp.ingest.damage import mark_unsent
from tcpexp.ingest.network import Nodes
from tcpexp.plan import types as t
from tcpexp.store.frames import schema_of

ROW = {
    "protocol": "tcp",
    "src": "10.0.0.1",
    "dst": "10.0.0.2",
    "src_port": 4000,
    "dst_port": 80,
    "flags": "A",
    "payload_bytes": 100,
    "checksum_bad": False,
}


def plan(corrupt, offloads=False):
    faces = [
        t.InterfacePlan(f"h{n}-eth0", f"02:00:00:00:00:0{n}", f"10.0.0.{n}/24", 1500, offloads)
        for n in (1, 2)
    ]
    nodes = tuple(t.NodePlan(f"h{n}", "host", (face,)) for n, face in enumerate(faces, 1))
    link = t.LinkPlan(
        "h1-h2",
        t.LinkEnd("h1", "h1-eth0"),
        t.LinkEnd("h2", "h2-eth0"),
        t.DirectionPlan(corrupt=corrupt),
        t.DirectionPlan(),
        True,
        True,
        True,
        0,
    )
    return SimpleNamespace(network=t.NetworkPlan("pair", nodes, (link,), ()), steps=())


def packets():
    schema = schema_of("packets")
    rows = [{"node": "h1", "seq": seq} for seq in (1, 101, 201)]
    rows += [
        {"node": "h2", "seq": 1},
        {"node": "h2", "seq": 101 + 2**20},
        {"node": "h2", "seq": 201, "dst_port": 81},
    ]
    return pl.DataFrame(
        [{name: {**ROW, **row}.get(name) for name in schema} for row in rows], schema=schema
    )


@pytest.mark.parametrize(
    ("corrupt", "offloads", "bad"), [(0.01, False, [2, 3]), (0.0, False, []), (0.01, True, [])]
)
def test_what_nobody_sent_is_damaged(corrupt, offloads, bad):
    made = plan(corrupt, offloads)
    marked = mark_unsent(packets(), made, Nodes.of(made))
    arrived = marked.filter(pl.col("node") == "h2")["checksum_bad"].to_list()
    assert [number for number, one in enumerate(arrived, 1) if one] == bad
    assert not marked.filter(pl.col("node") == "h1")["checksum_bad"].any()
