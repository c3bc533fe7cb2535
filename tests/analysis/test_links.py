import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.analysis.links import binomial_interval, expected_loss, find_epochs, measure_faults
from tcpexp.plan.types import DirectionPlan, LinkChange, LossPlan, Recorder, Step

LOSS = LossPlan("random", 0.1)
WHOLE = (Recorder("capture", "h1", "h1-eth0", None, {"snaplen": 0}),)


def one(run, fault):
    (rate,) = [rate for rate in measure_faults(run) if rate.fault == fault]
    return rate


def lossy(share, count=5000, seed=1):
    draw = random.Random(seed)
    return [None if draw.random() < share else 0 for _ in range(count)]


def test_loss_as_asked_is_inside_and_twice_as_much_is_not(build):
    rate = one(
        build.plan(DirectionPlan(delay_ns=20_000_000, loss=LOSS)).journeys(lossy(0.1)).done(),
        "loss",
    )
    assert (rate.trials, rate.inside, rate.asked) == (5000, True, 0.1)
    assert rate.low < 0.1 < rate.high
    rate = one(build.journeys(lossy(0.2)).done(), "loss")
    assert rate.inside is False


def test_what_the_full_queue_dropped_is_not_the_links_loss(build):
    direction = DirectionPlan(rate_bps=10**7, delay_ns=20_000_000, loss=LOSS)
    queue = {"link": "h1-h2", "towards": "h2", "qdisc": "queue", "backlog_packets": 0}
    transits = lossy(0.1) + [None] * 500
    build.plan(direction).journeys(transits)
    build.table(
        "queues", {**queue, "t_ns": 0, "drops": 40}, {**queue, "t_ns": 10**10, "drops": 540}
    )
    rate = one(build.done(), "loss")
    assert (rate.trials, rate.inside) == (5000, True)
    assert "500" in rate.why


def test_duplicates_and_damage(build):
    direction = DirectionPlan(delay_ns=1, duplicate=0.5, corrupt=0.5)
    run = (
        build.plan(direction, recorders=WHOLE)
        .journeys([0] * 100, copies=2, changed=True, frame_bytes=1514)
        .done()
    )
    assert (one(run, "duplicate").measured, one(run, "corrupt").measured) == (1.0, 1.0)
    assert one(run, "duplicate").inside is False


def test_damage_where_nothing_notices_it_is_not_expected(build):
    """Of a 52-byte frame half the bits are in the Ethernet header and the addresses."""
    direction = DirectionPlan(delay_ns=1, corrupt=0.4)
    draw = random.Random(2)
    build.plan(direction, recorders=WHOLE)
    rows = [
        {
            "from_node": "h1",
            "to_node": "h2",
            "sent_ns": n,
            "received_ns": n,
            "copies": 1,
            "frame_bytes": 52,
            "late": False,
        }
        for n in range(2000)
    ]
    build.table("journeys", *[{**row, "changed": draw.random() < 0.2} for row in rows])
    rate = one(build.done(), "corrupt")
    assert rate.inside, rate
    assert rate.high < 0.4


def test_damage_needs_whole_packets(build):
    run = build.plan(DirectionPlan(delay_ns=1, corrupt=0.1)).journeys([0] * 100).done()
    assert one(run, "corrupt").measured is None
    assert "snaplen" in one(run, "corrupt").why


def test_without_whole_packets_the_kernel_counts_the_damage(build):
    direction = DirectionPlan(delay_ns=1, corrupt=0.1)
    counter = {"node": "h2", "counter": "Tcp.InCsumErrors"}
    build.plan(direction).journeys([0] * 1000, frame_bytes=1514)
    build.table(
        "counters",
        {**counter, "t_ns": 0, "value": 7},
        {**counter, "t_ns": 1_100_000_000, "value": 107},
    )
    rate = one(build.done(), "corrupt")
    assert (rate.events, rate.trials, rate.inside) == (100, 1000, True)
    assert "Tcp.InCsumErrors" in rate.why


def test_damage_and_what_arrived_are_counted_between_the_same_samples(build):
    """20 s of packets, of which each tenth is damaged, and a last sample at 20 s: the packets of
    the last half second are in both numbers.
    """
    direction = DirectionPlan(delay_ns=1, corrupt=0.1)
    counter = {"node": "h2", "counter": "Tcp.InCsumErrors"}
    build.plan(direction).journeys([0] * 20_000, frame_bytes=1514)
    build.table(
        "counters",
        {**counter, "t_ns": 0, "value": 7},
        {**counter, "t_ns": 10 * 10**9, "value": 1007},
        {**counter, "t_ns": 20 * 10**9, "value": 2007},
    )
    rate = one(build.done(), "corrupt")
    assert rate.events == 2000
    assert 19_970 <= rate.trials <= 20_000


def test_what_the_queue_dropped_at_the_end_is_not_taken_from_what_came_before(build):
    """Packets of the last half second are left out, and so are the queue's drops of that time."""
    direction = DirectionPlan(rate_bps=10**7, delay_ns=20_000_000, loss=LOSS)
    queue = {"link": "h1-h2", "towards": "h2", "qdisc": "queue", "backlog_packets": 0}
    build.plan(direction).journeys(lossy(0.1, 19_500) + [None] * 500)
    samples = [(0, 40), (5 * 10**9, 40), (19_490_000_000, 43), (20 * 10**9, 543)]
    build.table("queues", *[{**queue, "t_ns": t_ns, "drops": drops} for t_ns, drops in samples])
    rate = one(build.done(), "loss")
    assert (rate.inside, rate.trials) == (True, 19_491 - 3)
    assert rate.why.startswith("3 more")


def test_reordered_packets_are_those_that_skip_the_delay(build):
    transits = [-20_000_000 if number % 20 == 10 else 0 for number in range(4000)]
    run = build.plan(DirectionPlan(delay_ns=20_000_000, reorder=0.05)).journeys(transits).done()
    rate = one(run, "reorder")
    assert (rate.events, rate.inside) == (200, True)


def test_jitter_is_not_reordering(build):
    draw = random.Random(3)
    transits = [
        draw.randint(-4_000_000, 4_000_000) - (16_000_000 if number % 50 == 7 else 0)
        for number in range(4000)
    ]
    direction = DirectionPlan(delay_ns=20_000_000, jitter_ns=4_000_000, reorder=0.02)
    rate = one(build.plan(direction).journeys(transits).done(), "reorder")
    assert rate.inside, rate


def test_a_delay_within_its_jitter_cannot_tell(build):
    direction = DirectionPlan(delay_ns=5_000_000, jitter_ns=4_000_000, reorder=0.02)
    assert one(build.plan(direction).journeys([0] * 100).done(), "reorder").measured is None


def test_no_packets_no_measurement(build):
    rate = one(build.plan(DirectionPlan(loss=LOSS)).done(), "loss")
    assert (rate.measured, rate.inside) == (None, None)


def test_a_change_in_the_middle_makes_epochs_at_the_time_it_happened(build):
    later = DirectionPlan(delay_ns=20_000_000, loss=LOSS)
    step = Step("a00", 0, 5 * 10**9, LinkChange("h1-h2", "h2", later), "loss", until_ns=15 * 10**9)
    run = (
        build.plan(DirectionPlan(delay_ns=20_000_000), steps=(step,))
        .table(
            "events",
            {
                "event": "start",
                "t_ns": 5_100_000_000,
                "step": "a00",
                "planned_ns": 5 * 10**9,
                "lateness_ns": 10**8,
            },
        )
        .journeys([0] * 5000 + lossy(0.1, 10_000) + [0] * 5000)
        .done()
    )
    spans = [
        (epoch.from_ns, epoch.to_ns, epoch.direction.loss)
        for epoch in find_epochs(run)
        if epoch.towards == "h2"
    ]
    assert spans == [
        (0, 5_100_000_000, None),
        (5_100_000_000, 15 * 10**9, LOSS),
        (15 * 10**9, 20 * 10**9, None),
    ]
    rate = one(run, "loss")
    assert (rate.from_ns, rate.inside) == (5_100_000_000, True)


def test_gilbert_elliott():
    mean, spread = expected_loss(LossPlan("gilbert_elliott", 0.01, 0.25))
    assert mean == pytest.approx(0.01 / 0.26)
    assert spread == pytest.approx(1.74 / 0.26)


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_the_interval_holds_the_probability(probability, trials):
    low, high = binomial_interval(probability, trials)
    assert 0 <= low <= probability <= high <= 1
    assert high - low <= 6 * 0.5 / trials**0.5 + 2 / trials + 1e-9
