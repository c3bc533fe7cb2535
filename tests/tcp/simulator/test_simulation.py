"""Whole connections in the simulator: handshake, transfer, teardown, for every control, with and
without SACK, over perfect and faulty links.
"""

from __future__ import annotations

import pytest

from tcpexp.tcp import Config, State
from tcpexp.tcp.core.congestion.builtin import CONTROLS
from tcpexp.tcp.core.events import (
    Closed,
    CongestionChanged,
    Retransmitted,
    SegmentSent,
    StateChanged,
)
from tcpexp.tcp.simulator.apps import pattern
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import Simulation, transfer

MS = 1_000_000


def states(simulation: Simulation, side: int) -> list[str]:
    return [
        event.new.label for event in simulation.hosts[side].log if isinstance(event, StateChanged)
    ]


def test_handshake_transfer_and_teardown() -> None:
    simulation, sink = transfer(10_000)
    assert bytes(sink.received) == pattern(10_000)
    assert states(simulation, 0) == [
        "SYN-SENT",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "CLOSED",
    ]
    assert states(simulation, 1) == [
        "SYN-RECEIVED",
        "ESTABLISHED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSED",
    ]
    for host in simulation.hosts:
        assert [event.reason for event in host.log if isinstance(event, Closed)] == ["closed"]
        assert not [event for event in host.log if isinstance(event, Retransmitted)]


def test_time_wait_lasts_twice_the_segment_lifetime() -> None:
    simulation, _ = transfer(100, Config(msl_ns=7_000 * MS))
    changes = {
        event.new: event.at_ns
        for event in simulation.hosts[0].log
        if isinstance(event, StateChanged)
    }
    assert changes[State.CLOSED] - changes[State.TIME_WAIT] == 14_000 * MS


@pytest.mark.parametrize("sack", [False, True])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize(
    "link",
    [
        LinkConfig(rate_bps=10_000_000, queue_segments=20),
        LinkConfig(rate_bps=10_000_000, queue_segments=20, loss=0.03, seed=1),
        LinkConfig(loss=0.1, reorder=0.1, duplicate=0.1, seed=2),
    ],
    ids=["clean", "lossy", "everything"],
)
def test_the_stream_arrives(control: str, sack: bool, link: LinkConfig) -> None:
    simulation, sink = transfer(
        200_000,
        Config(congestion_control=control, sack=sack),
        link,
        LinkConfig(loss=link.loss, seed=3),
        wire=True,
    )
    assert bytes(sink.received) == pattern(200_000)
    assert [host.connection.state for host in simulation.hosts] == [State.CLOSED, State.CLOSED]


def test_the_same_seed_gives_the_same_segments() -> None:
    def run() -> list[str]:
        simulation, _ = transfer(100_000, None, LinkConfig(loss=0.05, reorder=0.05, seed=9))
        return [
            f"{event.at_ns} {event.segment}"
            for event in simulation.hosts[0].log
            if isinstance(event, SegmentSent)
        ]

    assert run() == run()


def test_without_trace_only_the_application_is_told() -> None:
    simulation, sink = transfer(50_000, Config(trace=False))
    assert len(sink.received) == 50_000
    assert not [
        event
        for event in simulation.hosts[0].log
        if isinstance(event, SegmentSent | CongestionChanged)
    ]
