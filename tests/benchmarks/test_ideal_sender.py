"""The ideal sender behind the studies' expectations: textbook windows where the textbook holds, and
the numbers that the studies state.
"""

import math
from pathlib import Path

import pytest
from ideal_sender import (
    BURSTS,
    Flow,
    LinuxCubic,
    Reno,
    Way,
    at_random,
    every,
    mean_window,
    random_constant,
    spread_of,
)

from tcpexp.catalogue.reading import load_spec

STUDIES = Path(__file__).resolve().parents[2] / "experiments" / "studies"


def test_without_loss_slow_start_doubles_until_the_receivers_window():
    flow = Flow(Reno(), Way(0.1, window=640), lambda number: False)
    assert flow.goodput(2.0, 3.0) * 0.1 == pytest.approx(640, rel=0.01)
    assert flow.control.cwnd > 640


def test_renos_mean_window_is_the_saws_with_a_round_trip_of_recovery():
    for count in (333, 1000):
        top = (math.sqrt(0.0625 + 1.5 * count) - 0.25) / 0.75
        found = mean_window("reno", Way(0.1), every(count), 30, 130)
        assert found == pytest.approx(count / (top / 2 + 1), rel=0.03)


def test_the_ideal_constant_for_independent_losses():
    assert random_constant(100_000) == pytest.approx(1.31, abs=0.01)


def test_random_losses_in_small_windows_are_repaired_too():
    flow = Flow(Reno(), Way(0.1), at_random(0.05, 1))
    assert flow.goodput(5, 60) * 0.1 > 3


@pytest.mark.parametrize(
    ("rtt_s", "count", "window"),
    [(0.1, 100, 10.5), (0.1, 1000, 46.1), (0.01, 100, 9.1), (0.01, 1000, 34.9)],
)
def test_the_numbers_of_the_study_cubic_response(rtt_s, count, window):
    start, end = (30, 110) if rtt_s > 0.05 else (3, 15)
    assert spread_of("cubic", Way(rtt_s), every(count), start, end)[0] == pytest.approx(
        window, abs=0.06
    )
    assert str(window) in str(
        load_spec(STUDIES / "cubic_response.yaml").sweep.measures["rules_above"].is_
    )


def test_a_burst_that_is_acknowledged_at_once_lets_cubic_grow_more():
    alone, at_once = (
        spread_of("cubic", Way(0.01, **options), every(100), 3, 15)[0] for options in ({}, BURSTS)
    )
    assert (alone, at_once) == (pytest.approx(9.1, abs=0.06), pytest.approx(9.4, abs=0.06))


def test_cubic_reduces_to_seven_tenths_and_remembers_a_lower_plateau_when_it_did_not_come_back():
    control = LinuxCubic(0.1)
    control.cwnd = 100
    control.lost(1.0)
    assert (control.ssthresh, control.last_max) == (70, 100)
    control.cwnd = 90
    control.lost(2.0)
    assert control.last_max == 90 * 1741 // 2048
