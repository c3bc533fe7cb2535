"""Marks of a flow: what arrived, what was told, what the kernel counted."""

from __future__ import annotations

from pathlib import Path

from tcpexp.views.ecn import Marks, marks_of, negotiated
from tests.support.checked_run import CheckedRun, S, packet, socket


def test_the_kernels_count_is_that_of_the_last_snapshot(tmp_path: Path) -> None:
    run = CheckedRun(tmp_path)
    own = {"flow": "one", "connection": 0, "dst_port": 5201, "payload_bytes": 100}
    run.fill("packets", [packet(1, S, ecn=3, seen_at="h2", **own), packet(2, S, ecn=2, **own)])
    infos = ("delivered:9 delivered_ce:1", "delivered:20 delivered_ce:4", "delivered:30")
    run.fill(
        "sockets",
        [socket(t * S, "h1", "estab", flow="one", info=info) for t, info in enumerate(infos)],
    )
    flow = run.plan.flows[0]
    assert marks_of(run.data(), flow) == Marks(1, 0, 4)
    assert negotiated(run.data(), flow) is None
