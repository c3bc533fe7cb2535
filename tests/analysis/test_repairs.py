"""The mechanism of each retransmission, from what the kernel's trace says about the sender."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tcpexp.analysis.repairs import find_repairs
from tcpexp.analysis.resent import build_resent
from tcpexp.store.frames import schema_of
from tests.support.numbered import numbered

MS = 1_000_000
ENDS = {"src": "10.0.0.2", "src_port": 80, "dst": "10.0.0.1", "dst_port": 40000}


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = schema_of(name)
    return numbered(
        pl.DataFrame(
            [{column: row.get(column) for column in schema} for row in rows], schema=schema
        )
    )


def run_of(
    sent_ms: list[float],
    states: list[tuple[float, str]],
    arrived_ms: float | None,
    traced: bool = True,
) -> Any:
    """A run in which a segment was sent at ``sent_ms`` while the sender's state changed at
    ``states``.
    """
    packet = {
        **ENDS,
        "protocol": "tcp",
        "flags": "A",
        "seq": 1001,
        "seq_rel": 1,
        "payload_bytes": 100,
    }
    packet |= {"checksum_bad": False, "capture": "h2-eth0", "node": "h2"}
    packets = [
        {**packet, "number": number, "t_ns": round(at * MS)}
        for number, at in enumerate(sent_ms, start=1)
    ]
    if arrived_ms is not None:
        packets.append(
            {
                **packet,
                "capture": "h1-eth0",
                "node": "h1",
                "number": 1,
                "t_ns": round(arrived_ms * MS),
            }
        )
    tables = {
        "faults": frame(
            "faults",
            [
                {
                    **ENDS,
                    "t_ns": 1,
                    "step": "lose",
                    "seq": 1001,
                    "payload_bytes": 100,
                    "offset": 0,
                    "flow": "get",
                }
            ],
        ),
        "packets": frame("packets", packets),
        "sockets": frame("sockets", []),
        "counters": frame("counters", []),
        "ca_states": frame(
            "ca_states",
            [
                {**ENDS, "node": "h2", "t_ns": round(at * MS), "ca_state": state}
                for at, state in states
                if traced
            ],
        ),
    }
    nodes = [
        SimpleNamespace(name=f"h{number}", interfaces=[SimpleNamespace(address=f"10.0.0.{number}")])
        for number in (1, 2)
    ]
    run = SimpleNamespace(
        table=tables.__getitem__,
        engine={},
        plan=SimpleNamespace(network=SimpleNamespace(nodes=nodes)),
    )
    tables["resent"] = build_resent(run)
    return run


@pytest.mark.parametrize(
    ("sent", "states", "mechanisms"),
    [
        ([0, 50], [(0, "Open"), (48, "Disorder"), (49.9, "Recovery")], ["fast_retransmit"]),
        (
            [0, 50, 110],
            [(0, "Open"), (49.9, "Recovery")],
            ["fast_retransmit", "lost_retransmission"],
        ),
        ([0, 90], [(0, "Open")], ["tail_loss_probe"]),
        ([0, 90, 300], [(0, "Open"), (299.99, "Loss")], ["tail_loss_probe", "timeout"]),
        ([0, 340], [(0, "Open"), (300, "Loss")], ["after_timeout"]),
        ([0], [(0, "Open")], []),
    ],
)
def test_the_mechanism_follows_from_the_congestion_state(
    sent: list[float], states: list[tuple[float, str]], mechanisms: list[str]
) -> None:
    (repair,) = find_repairs(run_of(sent, states, sent[-1] + 20), "lose")
    assert [sent_again.mechanism for sent_again in repair.again] == mechanisms
    assert (repair.sent_ns, repair.arrived_ns, repair.capture) == (
        0,
        round((sent[-1] + 20) * MS),
        "h2-eth0",
    )


def test_what_never_arrived_and_what_was_not_traced() -> None:
    (repair,) = find_repairs(run_of([0, 50], [(0, "Open")], None, traced=False), "lose")
    assert (repair.arrived_ns, [sent_again.mechanism for sent_again in repair.again]) == (
        None,
        [None],
    )


def test_another_fault_has_no_repairs() -> None:
    assert find_repairs(run_of([0], [], 20), "other") == []
