"""Harm as in Ware et al., HotNets 2019."""

import pytest

from tcpexp.analysis.harm import harm


@pytest.mark.parametrize(
    ("solo", "beside", "better", "expected"),
    [
        (10, 5, "more", 0.5),  # half of its throughput
        (10, 0, "more", 1.0),  # starved
        (10, 12, "more", -0.2),  # better off
        (40, 80, "less", 0.5),  # twice its latency
        (40, 40, "less", 0.0),
        (0, 0.01, "less", 1.0),  # loss where there was none: the most there can be
        (0, 0, "less", 0.0),
        (0, 5, "more", None),  # it had nothing to lose
        (5, 0, "less", None),
        (-1, 5, "more", None),
    ],
)
def test_harm(solo, beside, better, expected):
    found = harm(solo, beside, better)
    assert found is None if expected is None else found == pytest.approx(expected)
