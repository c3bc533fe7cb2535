"""HyStart++: slow start that ends when the round trip grows."""

from __future__ import annotations

import pytest

from tcpexp.tcp import Config
from tcpexp.tcp.core.congestion.hystart import CSS_ROUNDS, HyStart
from tcpexp.tcp.core.events import CongestionChanged, Retransmitted
from tcpexp.tcp.simulator.apps import pattern
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import transfer

MS = 1_000_000
SMSS = 1000


def play_round(hystart: HyStart, first: int, rtt_ms: float) -> bool:
    """Ten acknowledgments, of octets ``first`` to ``first + 10``; ten more are sent meanwhile."""
    over = False
    for octet in range(first + 1, first + 11):
        over = hystart.on_ack(round(rtt_ms * MS), octet, first + 20) or over
    return over


def begun() -> HyStart:
    """After one round with round trips of 80 ms."""
    hystart = HyStart(window_end=10)
    assert not play_round(hystart, 0, 80)
    return hystart


@pytest.mark.parametrize(
    ("before_ms", "now_ms", "conservative"),
    [
        (80, 89.9, False),  # an eighth of 80
        (80, 90, True),
        (8, 11.9, False),  # but at least 4 ms
        (8, 12, True),
        (400, 415.9, False),  # and at most 16
        (400, 416, True),
    ],
)
def test_a_longer_round_trip_makes_slow_start_conservative(
    before_ms: float, now_ms: float, conservative: bool
) -> None:
    hystart = HyStart(window_end=10)
    play_round(hystart, 0, before_ms)
    play_round(hystart, 10, now_ms)
    assert hystart.conservative is conservative
    assert hystart.growth(2 * SMSS, SMSS) == (SMSS // 2 if conservative else 2 * SMSS)


def test_fewer_than_eight_samples_say_nothing() -> None:
    hystart = begun()
    for octet in range(11, 18):
        hystart.on_ack(200 * MS, octet, 30)
    assert not hystart.conservative
    hystart.on_ack(200 * MS, 18, 30)
    assert hystart.conservative


def test_a_round_trip_that_shrinks_again_brings_slow_start_back() -> None:
    hystart = begun()
    play_round(hystart, 10, 120)
    play_round(hystart, 20, 100)
    assert not hystart.conservative


def test_after_five_rounds_it_is_over() -> None:
    hystart = begun()
    over = [play_round(hystart, 10 * number, 120) for number in range(1, CSS_ROUNDS + 1)]
    assert over == [False, False, False, False, True]


def test_an_acknowledgment_opens_the_window_by_eight_segments_at_most() -> None:
    assert begun().growth(20 * SMSS, SMSS) == 8 * SMSS


@pytest.mark.parametrize("control", ["reno", "newreno", "cubic"])
def test_a_queue_is_found_before_it_overflows(control: str) -> None:
    """Slow start alone overruns the queue by more than slow start that is careful at its end.

    Rate 20 Mbit/s, 40 ms: 68 segments; the queue holds 100.
    """

    def first_losses(hystart: bool) -> int:
        link = LinkConfig(rate_bps=20_000_000, delay_ns=20 * MS, queue_segments=100)
        config = Config(
            congestion_control=control,
            hystart=hystart,
            receive_buffer=2_000_000,
            send_buffer=2_000_000,
        )
        simulation, sink = transfer(2_000_000, config, link)
        assert bytes(sink.received) == pattern(2_000_000)
        log = simulation.hosts[0].log
        modes = [event.mode for event in log if isinstance(event, CongestionChanged)]
        assert ("conservative slow start" in modes) is hystart
        return sum(isinstance(event, Retransmitted) for event in log)

    assert first_losses(hystart=True) < first_losses(hystart=False)


def test_only_the_first_slow_start_watches() -> None:
    """After a loss the threshold is known: RFC 9406 section 4.3."""
    simulation, _ = transfer(
        200_000, Config(hystart=True), LinkConfig(drop_data=(20,), rate_bps=10_000_000)
    )
    assert simulation.hosts[0].connection.tcb.congestion.hystart is None
