"""The matrix of harm."""

import pytest

from tcpexp.evaluate.evaluation import Row
from tcpexp.evaluate.matrix import build_matrix, names_of, paths_of


def row(seed, goodput, rtt=40.0, lost=0.0):
    values = {"goodput": goodput, "rtt_p95": rtt, "lost": lost}
    return Row("pairs", "", None, (("depth", 1),), seed, f"k{seed}{goodput}", values)


def test_harm_by_seed():
    cells = build_matrix(
        [
            ("cubic", "", row(1, 10.0)),
            ("cubic", "", row(2, 8.0)),
            ("cubic", "bbr", row(1, 2.0, rtt=80.0, lost=0.1)),
            ("cubic", "bbr", row(2, 2.0, rtt=80.0, lost=0.3)),
            ("bbr", "cubic", row(1, 7.0)),
        ]
    )
    assert names_of(cells) == ["cubic", "bbr"]
    assert paths_of(cells) == ["depth=1"]
    first, second = cells
    assert first.throughput.mean == pytest.approx((0.8 + 0.75) / 2)
    assert first.latency.mean == pytest.approx(0.5)
    assert first.loss.mean == pytest.approx(0.2)
    assert first.loss_alone.mean == 0
    assert len(first.runs) == 4
    assert second.throughput is None  # bbr has no run alone: no harm can be said
    assert second.loss.mean == 0
