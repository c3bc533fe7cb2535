"""Intervals that hold what they promise, paired differences, power laws and crossings."""

import math

import numpy as np
import pytest

from tcpexp.studies.statistics import (
    beyond_noise,
    crossings,
    fit_power_law,
    mean_interval,
    paired_difference,
    student_t,
)


def test_too_few_values_have_no_interval():
    assert mean_interval([]) is None
    assert (mean_interval([1.0, 3.0]).mean, mean_interval([1.0, 3.0]).low) == (2.0, None)


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (9, 2.2622), (11, 2.2010), (14, 2.1448), (29, 2.0452)],
)
def test_student_t(freedom, value):
    assert student_t(freedom) == pytest.approx(value, rel=2e-4)


@pytest.mark.parametrize("count", [3, 4, 5, 7, 8, 12, 20])
def test_the_interval_covers_the_mean_as_often_as_it_says(count):
    random = np.random.default_rng(5)
    draws = 1000
    hits = 0
    for _ in range(draws):
        interval = mean_interval(random.normal(10, 2, size=count).tolist())
        hits += interval.low <= 10 <= interval.high
    # three standard errors of 95 % in 1000 are 2 %
    assert 0.93 <= hits / draws <= 0.98, hits / draws


def test_skewed_values_are_covered_nearly_as_often():
    random = np.random.default_rng(7)
    hits = 0
    for _ in range(500):
        interval = mean_interval(random.exponential(1, size=10).tolist())
        hits += interval.low <= 1 <= interval.high
    assert hits / 500 >= 0.86


def test_means_differ_beyond_noise():
    a, b = mean_interval([10.0, 10.2, 10.4]), mean_interval([11.0, 11.2, 11.4])
    assert beyond_noise(a, b)
    assert not beyond_noise(a, mean_interval([10.2, 10.4, 10.6]))
    assert beyond_noise(mean_interval([1.0]), mean_interval([1.1]))


def test_equal_values_have_an_interval_of_no_width_and_the_same_draws_come_again():
    assert mean_interval([2.0] * 5).half_width == 0
    assert mean_interval([1, 2, 4, 8]) == mean_interval([1, 2, 4, 8])


def test_pairing_finds_a_difference_that_the_noise_between_seeds_hides():
    base = dict(enumerate([1.0, 9.0, 4.0, 16.0, 25.0, 2.0]))
    more = {seed: value + 0.5 + 0.01 * seed for seed, value in base.items()}
    found = paired_difference(more, base)
    assert found.beyond_noise is True
    assert found.interval.mean == pytest.approx(0.525)
    shuffled = dict(zip(base, [16.0, 2.0, 9.0, 25.0, 1.0, 4.0], strict=True))
    assert paired_difference(shuffled, base).beyond_noise is False
    assert paired_difference({1: 2.0, 2: 2.0}, {1: 1.0, 2: 1.0}).beyond_noise is None
    assert paired_difference({1: 2.0}, {2: 1.0}) is None


def test_a_power_law_is_found_with_its_interval():
    random = np.random.default_rng(1)
    points = {
        x: (3 * x**-0.5 * random.normal(1, 0.02, size=5)).tolist() for x in (1e-4, 1e-3, 1e-2)
    }
    fit = fit_power_law(points)
    assert fit.exponent == pytest.approx(-0.5, abs=0.02)
    assert fit.factor == pytest.approx(3, rel=0.1)
    assert fit.low < fit.exponent < fit.high
    assert fit.r2 > 0.99
    assert fit_power_law({1.0: [1.0], 2.0: [2.0]}) is None


def test_the_interval_of_an_exponent_covers_it():
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        fit = fit_power_law(
            {x: (3 * x**-0.5 * random.normal(1, 0.05, size=3)).tolist() for x in (1e-4, 1e-3, 1e-2)}
        )
        hits += fit.low <= -0.5 <= fit.high
    assert 0.90 <= hits / 300 <= 0.99


def test_crossings():
    assert crossings([(1, -1), (100, 1)]) == [pytest.approx(10)]
    assert crossings([(0, -1), (10, 1)]) == [5]
    assert crossings([(1, 1), (2, 2)]) == []
    assert crossings([(1, -1), (2, 0), (3, 1)]) == [2]
    assert len(crossings([(1, -1), (2, 1), (3, -1)])) == 2
    assert math.isclose(crossings([(3, 4), (1, -4)])[0], 3**0.5)
