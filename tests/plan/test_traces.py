"""Files of rates and of delivery opportunities: what they become, and what is refused at which
line.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tcpexp.errors import SpecError
from tcpexp.plan.traces import RateSteps, parse_opportunities, parse_rates, rates_of_opportunities

S, MS = 1_000_000_000, 1_000_000
FRAME_BITS = 1514 * 8


def test_rates_with_units_comments_and_an_outage():
    steps = parse_rates(
        "# a tunnel\n0, 5mbit\n1.5,0  # nothing passes\n\n2.25,500kbit\n3,500kbit\n", "x.csv"
    )
    assert steps == RateSteps((0, 1_500_000_000, 2_250_000_000), (5_000_000, 0, 500_000))
    assert steps.mean_bps(3 * S) == pytest.approx((1.5 * 5e6 + 0.75 * 5e5) / 3)


def test_a_header_says_the_unit():
    assert parse_rates("seconds,Mbit/s\n0,5\n1,0.25\n", "x.csv").rates_bps == (5_000_000, 250_000)
    assert parse_rates("seconds,rate\n0,5kbit\n", "x.csv").rates_bps == (5_000,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x.csv:1:1: the file holds no rate"),
        ("0,5mbit\n1\n", "x.csv:2:1: a line has two fields, seconds and rate, not 1"),
        ("0,5mbit\n1,5mbit,3\n", "x.csv:2:1: a line has two fields"),
        ("0,5mbit\n2,1mbit\n1,2mbit\n", "x.csv:3:1: 1 s is not after 2 s"),
        ("0,5\n", "x.csv:1:1: the rate '5' has no unit"),
        ("0,fast\n", "x.csv:1:1: "),
        ("0s,5mbit\n", "x.csv:1:1: '0s' is not a time in seconds"),
        ("0,5mbit\n-1,5mbit\n", "x.csv:2:1: '-1' is not a time"),
        ("1,5mbit\n", "x.csv:1:1: the first rate does not begin at 0"),
        ("seconds,furlongs\n0,5\n", "x.csv:1:1: the header's 'furlongs' is no unit"),
        ("seconds,Mbit/s\n0,5mbit\n", "x.csv:2:1: '5mbit' is not a rate"),
    ],
)
def test_a_broken_file_of_rates_is_refused_at_its_line(text, words):
    with pytest.raises(SpecError) as caught:
        parse_rates(text, "x.csv")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n# nothing\n", "x.trace:1:1: the file holds no opportunity"),
        ("0\n0\n", "x.trace:1:1: the file holds no opportunity after 0 ms"),
        ("1\n3\n2\n", "x.trace:3:1: 2 ms is before 3 ms"),
        ("1\n2.5\n", "x.trace:2:1: '2.5' is not a time in whole milliseconds"),
        ("0,5mbit\n", "a file of rates ends in .csv"),
    ],
)
def test_a_broken_file_of_opportunities_is_refused_at_its_line(text, words):
    with pytest.raises(SpecError) as caught:
        parse_opportunities(text, "x.trace")
    assert words in str(caught.value)


def test_opportunities_become_rates_and_begin_again():
    times = parse_opportunities(
        "".join(f"{ms}\n" for ms in (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 150, 200)), "x.trace"
    )
    found = rates_of_opportunities(times, window_ns=100 * MS, length_ns=400 * MS, frame_bytes=1514)
    # 10 in the first 100 ms (one at 0 ms never comes, one at 100 ms belongs to the first window's
    # end), 2 in the second, and so on again
    assert found.steps.after_ns == (0, 100 * MS, 200 * MS, 300 * MS)
    assert found.steps.rates_bps == tuple(count * FRAME_BITS * 10 for count in (10, 2, 10, 2))
    assert found.largest_gap_packets == pytest.approx(1, abs=0.1)


def test_a_burst_inside_a_window_is_said_to_be_spread():
    times = (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 100)
    found = rates_of_opportunities(times, window_ns=100 * MS, length_ns=100 * MS, frame_bytes=1514)
    assert found.steps.rates_bps == (11 * FRAME_BITS * 10,)
    assert found.largest_gap_packets == pytest.approx(10 - 0.11, abs=0.01)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=30),
    st.integers(10, 120),
    st.integers(1, 600),
)
def test_no_opportunity_is_lost_or_made_up(raw, window_ms, length_ms):
    times = tuple(sorted([*raw, max(*raw, 1)]))
    found = rates_of_opportunities(
        times, window_ns=window_ms * MS, length_ns=length_ms * MS, frame_bytes=1514
    )
    whole = -(-length_ms // window_ms) * window_ms
    packets = found.steps.mean_bps(whole * MS) * whole / 1e3 / FRAME_BITS
    period = times[-1]
    expected = sum(
        1
        for again in range(whole // period + 1)
        for ms in times
        if 0 < again * period + ms <= whole
    )
    expected -= sum(
        1
        for again in range(1, whole // period + 1)
        for ms in times
        if ms == 0 and again * period == 0
    )
    assert packets == pytest.approx(expected, abs=0.02 * len(found.steps.after_ns) + 0.01)
