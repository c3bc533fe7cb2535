"""A run directory around the real captures of ``tests/ingest/data``."""

import json
import shutil

from tcpexp.plan import types as t
from tests.support.folders import RECORDED

T0 = 1795229407_000_000_000


def host(name, address, capture):
    return t.NodePlan(
        name, "host", (t.InterfacePlan(capture, "02:00:00:00:00:01", f"{address}/24"),)
    )


def make_plan(flows=(), **changes):
    router = t.NodePlan(
        "r",
        "router",
        (
            t.InterfacePlan("r-eth0", "02:00:00:00:00:03", "10.0.1.254/24"),
            t.InterfacePlan("r-eth1", "02:00:00:00:00:04", "10.0.2.254/24"),
        ),
    )
    links = tuple(
        t.LinkPlan(
            name,
            t.LinkEnd(*one),
            t.LinkEnd(*other),
            t.DirectionPlan(),
            t.DirectionPlan(),
            False,
            False,
            False,
            0,
        )
        for name, one, other in (
            ("h1-r", ("h1", "h1-eth0"), ("r", "r-eth0")),
            ("r-h2", ("r", "r-eth1"), ("h2", "h2-eth0")),
        )
    )
    nodes = (host("h1", "10.0.1.1", "h1-eth0"), host("h2", "10.0.2.1", "h2-eth0"), router)
    values = {
        "name": "lossy",
        "title": "",
        "description": "",
        "references": (),
        "seed": 1,
        "duration_ns": 2_000_000_000,
        "network": t.NetworkPlan("routed", nodes, links, ("10.0.0.0/16",)),
        "setup": (),
        "steps": (),
        "recorders": (),
        "flows": tuple(flows),
        "expect": (),
        "plots": (),
        "explain": "",
        "files": (),
        "needs": t.Needs(),
    }
    return t.RunPlan(**{**values, **changes})


def flow(
    name="bulk", port=5201, start_ns=0, data="not_first", sender="h1", client="h1", server="h2"
):
    return t.FlowPlan(
        name, client, server, port, sender, "python", "a00", data, None, start_ns, None
    )


def make_lossy_run(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    for node in ("h1", "h2"):
        shutil.copy(RECORDED / f"tcpdump-4.99-lossy-{node}-eth0.pcap", raw / f"{node}-eth0.pcap")
    (tmp_path / "plan.json").write_text(t.to_json(make_plan([flow()])))
    engine = {
        "status": "complete",
        "t0_realtime_ns": T0,
        "t0_monotonic_ns": 0,
        "end_ns": 2_000_000_000,
    }
    (raw / "engine.json").write_text(json.dumps(engine))
    return tmp_path
