"""BBR: the states in order, the rate and the window that follow from the path, and pacing."""

from __future__ import annotations

import itertools

import pytest

from tcpexp.tcp import Config
from tcpexp.tcp.core.congestion.base import RateSample
from tcpexp.tcp.core.congestion.bbr import Bbr
from tcpexp.tcp.core.congestion.bbrmodel import Model
from tcpexp.tcp.core.events import CongestionChanged, RttSampled, SegmentSent
from tcpexp.tcp.simulator.apps import pattern
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import Simulation, transfer

MS = 1_000_000
SECOND = 1_000_000_000
#: 4 Mbit/s and 50 ms there and back: 17 segments.
RATE = 4_000_000
PATH = LinkConfig(rate_bps=RATE, delay_ns=25 * MS)
OCTETS = 3_400_000
BUFFERS = {"receive_buffer": 2_000_000, "send_buffer": 2_000_000}


def run(octets: int, link: LinkConfig = PATH, **settings: object) -> Simulation:
    config = Config(congestion_control="bbr", **BUFFERS, **settings)  # type: ignore[arg-type]
    simulation, sink = transfer(octets, config, link)
    assert bytes(sink.received) == pattern(octets)
    return simulation


def states(simulation: Simulation) -> list[str]:
    """The states in order, each once in a row."""
    modes = [
        event.mode for event in simulation.hosts[0].log if isinstance(event, CongestionChanged)
    ]
    return [mode for mode, _ in itertools.groupby(modes)]


def goodput(simulation: Simulation, octets: int) -> float:
    """Bits per second of payload, from the first segment to the last acknowledgment of data."""
    times = [event.at_ns for event in simulation.hosts[0].log if isinstance(event, RttSampled)]
    return octets * 8 * SECOND / (times[-1] - times[0])


@pytest.fixture(scope="module")
def long_transfer() -> Simulation:
    """Seven seconds on a path without trouble."""
    return run(OCTETS)


def test_the_states_come_in_their_order(long_transfer: Simulation) -> None:
    found = states(long_transfer)
    assert found[:3] == ["Startup", "Drain", "ProbeBW cruise"]
    cycle = ["ProbeBW refill", "ProbeBW up", "ProbeBW down"]
    assert any(found[at : at + 3] == cycle for at in range(len(found)))
    assert "ProbeRTT" in found  # after five seconds


def test_the_path_is_full_and_its_queue_nearly_empty(long_transfer: Simulation) -> None:
    assert goodput(long_transfer, OCTETS) > 0.85 * RATE * 1448 / 1500
    control = long_transfer.hosts[0].connection.tcb.congestion
    assert isinstance(control, Bbr)
    assert max(control.model.max_bw) * 8 == pytest.approx(RATE * 1448 / 1500, rel=0.03)
    assert control.model.min_rtt_ns == pytest.approx(53 * MS, rel=0.05)
    rtts = [
        event.rtt_ns
        for event in long_transfer.hosts[0].log
        if isinstance(event, RttSampled) and 1 * SECOND < event.at_ns < 5 * SECOND
    ]
    assert sorted(rtts)[len(rtts) // 2] < 80 * MS  # CUBIC's window would fill any queue


def test_random_loss_of_a_percent_does_not_slow_it_down() -> None:
    """10 Mbit/s and 100 ms: CUBIC's window stays far below the 86 segments of the path."""
    lossy = LinkConfig(rate_bps=10_000_000, delay_ns=50 * MS, loss=0.01, seed=3)
    bbr = goodput(run(1_500_000, lossy, rack=True), 1_500_000)
    config = Config(congestion_control="cubic", rack=True, **BUFFERS)  # type: ignore[arg-type]
    simulation, _ = transfer(1_500_000, config, lossy)
    assert bbr > 1.5 * goodput(simulation, 1_500_000)


def test_segments_are_paced(long_transfer: Simulation) -> None:
    """In cruise the gaps between segments are those of the bottleneck, not bursts."""
    mode, sent = "", []
    for event in long_transfer.hosts[0].log:
        if isinstance(event, CongestionChanged):
            mode = event.mode
        elif isinstance(event, SegmentSent) and event.segment.payload and mode == "ProbeBW cruise":
            sent.append(event.at_ns)
    gaps = sorted(after - before for before, after in itertools.pairwise(sent))
    assert gaps[len(gaps) // 2] == pytest.approx(1500 * 8 * SECOND / RATE, rel=0.1)
    assert sum(gap == 0 for gap in gaps) < len(gaps) / 10


def test_a_shallow_queue_is_not_overrun_for_long() -> None:
    shallow = LinkConfig(rate_bps=RATE, delay_ns=25 * MS, queue_segments=10)
    simulation = run(1_500_000, shallow, rack=True, tail_loss_probe=True)
    link = simulation.hosts[0].link
    assert link.overflowed < 0.05 * link.entered_data


@pytest.mark.parametrize("newer", [{}, {"rack": True, "tail_loss_probe": True, "dsack": True}])
@pytest.mark.parametrize("sack", [True, False])
def test_the_stream_arrives_over_a_bad_path(newer: dict[str, bool], sack: bool) -> None:
    link = LinkConfig(
        rate_bps=5_000_000, loss=0.05, reorder=0.05, duplicate=0.05, queue_segments=20, seed=4
    )
    run(200_000, link, sack=sack, **newer)


def sample(now: int, delivered: int, rate: float = 1e6, **other: object) -> RateSample:
    values: dict[str, object] = {
        "rtt_ns": 20 * MS,
        "delivered": 20_000,
        "prior_delivered": delivered - 20_000,
        "total_delivered": delivered,
        "newly_delivered": 1000,
        "newly_lost": 0,
        "lost": 0,
        "tx_in_flight": 20_000,
        "in_flight": 20_000,
        "app_limited": False,
        "cwnd_limited": True,
        **other,
    }
    return RateSample(now, rate, **values)  # type: ignore[arg-type]


def test_three_rounds_without_growth_fill_the_pipe() -> None:
    model = Model()
    for number in range(1, 6):
        full = model.full_bw_reached
        model.update(sample(number * 20 * MS, 20_000 * number), probing=True, cwnd=40_000)
        assert full is False or number > 4
    assert model.full_bw_reached
    assert model.bdp() == pytest.approx(1e6 * 0.02)


def test_a_rate_that_grows_by_a_quarter_goes_on() -> None:
    model = Model()
    for number in range(1, 9):
        rate = 1e6 * 1.25**number
        model.update(sample(number * 20 * MS, 20_000 * number, rate), probing=True, cwnd=40_000)
    assert not model.full_bw_reached


def test_what_the_application_limits_says_nothing_of_the_path() -> None:
    model = Model()
    model.update(sample(20 * MS, 20_000, 2e6), probing=True, cwnd=40_000)
    model.update(sample(40 * MS, 40_000, 1e6, app_limited=True), probing=True, cwnd=40_000)
    assert model.bandwidth == 2e6
    assert model.full_bw_count == 0


def test_losses_while_not_probing_bound_the_model_to_seven_tenths() -> None:
    model = Model()
    model.update(sample(20 * MS, 20_000, 2e6), probing=False, cwnd=40_000)
    model.update(sample(30 * MS, 21_000, 1e6, newly_lost=1, prior_delivered=500), False, 40_000)
    model.update(sample(40 * MS, 41_000, 1e6), probing=False, cwnd=40_000)
    assert model.bw_shortterm == pytest.approx(2e6)  # the round delivered at 2e6 at its best
    model.update(sample(50 * MS, 42_000, 1e6, newly_lost=1, prior_delivered=500), False, 40_000)
    model.update(sample(60 * MS, 62_000, 1e6), probing=False, cwnd=40_000)
    assert model.bw_shortterm == pytest.approx(1.4e6)
    model.reset_lower_bounds()
    assert model.bandwidth == 2e6


def test_the_rate_begins_with_the_initial_window_in_a_millisecond() -> None:
    control = Bbr(1000, Config(initial_window_segments=10))
    assert control.pacing_rate == pytest.approx(2.77 * 10_000 * 1000)
