"""Ticks of an axis."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.plots.kit.ticks import tick_labels, ticks


@pytest.mark.parametrize(
    ("low", "high", "most", "whole", "labels"),
    [
        (0, 60, 9, False, ["0", "10", "20", "30", "40", "50", "60"]),
        (0, 1.05, 5, False, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (1.03, 1.11, 4, False, ["1.04", "1.06", "1.08", "1.10"]),
        (0, 1.15, 9, True, ["0", "1"]),
        (-2, 2, 4, False, ["\N{MINUS SIGN}2", "\N{MINUS SIGN}1", "0", "1", "2"]),
        (0, 1600, 9, True, ["0", "200", "400", "600", "800", "1000", "1200", "1400", "1600"]),
    ],
)
def test_ticks_are_round_numbers_and_their_labels_tell_them_apart(low, high, most, whole, labels):
    assert tick_labels(ticks(low, high, most, whole=whole)) == labels


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 9))
def test_ticks_lie_within_and_are_not_too_many(low, span, most):
    places = ticks(low, low + span, most)
    assert len(places) <= most + 1
    slack = span * 1e-5 + abs(low) * 1e-12
    assert all(low - slack <= place <= low + span + slack for place in places)


def test_an_axis_of_no_length_has_one_tick_and_one_without_an_end_none():
    assert ticks(3, 3, 5) == [3]
    assert ticks(0, math.inf, 5) == [0]
    assert ticks(math.nan, 1, 5) == [] and tick_labels([]) == []
