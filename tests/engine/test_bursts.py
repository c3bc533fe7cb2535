"""The burst that measures a bottleneck: what its departures say about the rate, and when it fills a
queue.
"""

import pytest

from tcpexp.engine.bursts import BURST_FRAMES, Offer, holds_fewer, rate_of_departures
from tcpexp.plan.types import QueuePlan

FRAME_NS = 1_211_200
FRAME_S = FRAME_NS / 1e9


def shaper(sent, rate=1.0, burst=2.0):
    """Return when frames leave an ideal token bucket of two frames, by number.

    ``sent`` are times in frames' own times.
    """
    tokens, at, left = burst, 0.0, {}
    for number, time in enumerate(sent):
        ready = max(time, at)
        tokens = min(burst, tokens + (ready - at) * rate)
        at = ready + max(0.0, (1 - tokens) / rate)
        tokens = max(0.0, tokens - 1)
        left[number] = round(at * FRAME_NS)
    return left


def measure(sent, departures):
    offers = [Offer(number, round(time * FRAME_NS)) for number, time in enumerate(sent)]
    return rate_of_departures(offers, departures, 1514, FRAME_S)


def test_the_rate_behind_the_saved_up_tokens():
    sent = [0.0] * 60
    found = measure(sent, shaper(sent))
    assert found["measured_bps"] == pytest.approx(10_000_000, rel=1e-6)
    assert (found["counted"], found["starved"]) == (56, 0)


@pytest.mark.parametrize("rate", [0.5, 0.98, 1.02, 3.0])
def test_a_link_of_another_rate_is_found_out(rate):
    sent = [0.0] * 60
    assert measure(sent, shaper(sent, rate))["measured_bps"] == pytest.approx(
        rate * 10_000_000, rel=1e-6
    )


def test_what_the_queue_dropped_leaves_no_gap():
    sent = [0.0] * 60
    kept = [number for number in range(60) if number not in (10, 11, 40)]
    departures = dict(zip(kept, shaper(sent[: len(kept)]).values(), strict=True))
    assert measure(sent, departures)["measured_bps"] == pytest.approx(10_000_000, rel=1e-6)


@pytest.mark.parametrize("pause", [2.5, 7.0, 100.0])
def test_a_sender_that_falls_behind_does_not_blame_the_link(pause):
    """The bucket saves up two frames meanwhile, which pass at once afterwards: neither the pause
    nor they count.
    """
    sent = [0.0] * 20 + [20 + pause] * 20 + [40 + 2 * pause] * 20
    found = measure(sent, shaper(sent))
    assert found["measured_bps"] == pytest.approx(10_000_000, rel=1e-6)
    assert found["starved"] == 2


def test_a_queue_of_one_packet_that_is_refilled_when_one_leaves_is_enough():
    sent, departures = [0.0, 0.0, 0.0], {}
    while len(sent) < 60:
        departures = shaper(sent)
        sent.append(departures[len(sent) - 1] / FRAME_NS + 0.2)
    found = measure(sent, shaper(sent))
    assert found["measured_bps"] == pytest.approx(10_000_000, rel=1e-6)
    assert found["starved"] == 0


def test_a_sender_that_is_always_late_measures_nothing():
    sent = [3.0 * number for number in range(60)]
    assert measure(sent, shaper(sent))["measured_bps"] is None


@pytest.mark.parametrize(
    ("queue", "fills"),
    [
        (QueuePlan("pfifo", 1, None), True),
        (QueuePlan("pfifo", 54, None), True),
        (QueuePlan("pfifo", 55, None), False),
        (QueuePlan("bfifo", None, 20_000), True),
        (QueuePlan("bfifo", None, 200_000), False),
        (QueuePlan("fq_codel", 20, None), False),
        (None, False),
    ],
)
def test_only_a_fifo_that_a_burst_can_fill_is_filled(queue, fills):
    assert holds_fewer(queue, 1514, BURST_FRAMES) is fills
