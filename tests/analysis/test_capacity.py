"""How well a link followed a list of rates, from rows as the engine writes them.

And what the certificate says of it.
"""

import pytest

from tcpexp.analysis.capacity import asked_rates, measure_followed
from tcpexp.analysis.certificate import judge_followed
from tcpexp.plan.types import DirectionPlan, LinkRates, Step

S = 1_000_000_000


@pytest.fixture
def followed(build):
    """Return a function: spans of (asked bit/s, bytes sent, packets waiting at their begin) of one
    second each to the run.
    """

    def make(*spans, late_ns=100_000):
        rates = tuple(rate for rate, _, _ in spans)
        what = LinkRates("h1-h2", "h2", tuple(range(0, len(spans) * S, S)), rates, "test")
        rows, sent = [], 1000
        for number, (rate, passed, waiting) in enumerate([*spans, (None, 0, spans[-1][2])]):
            planned = None if rate is None else number * S
            row = {
                "planned_ns": planned,
                "step": "t",
                "link": "h1-h2",
                "towards": "h2",
                "asked_bps": rate,
                "set_bps": rate,
                "sent_bytes": sent,
            }
            rows.append({**row, "t_ns": number * S + late_ns, "backlog_packets": waiting})
            sent += passed
        build.plan(DirectionPlan(5_000_000), steps=(Step("t", 0, 0, what, "trace"),))
        return build.table("link_rates", *rows).done()

    return make


def test_bytes_of_busy_spans_are_summed(followed):
    run = followed((8_000, 1000, 5), (16_000, 2400, 5), (0, 100, 5), (8_000, 600, 5))
    (found,) = measure_followed(run)
    assert (found.changes, found.busy_spans, found.sent_bytes) == (4, 4, 4100)
    assert found.asked_bytes == pytest.approx(4000)
    assert found.largest_gap_bytes == pytest.approx(500)  # after the third span: 3500 of 3000
    assert found.late_ns == 100_000
    assert [item.verdict for item in judge_followed(run)] == ["ok"]


def test_a_link_that_does_not_follow_is_suspect(followed):
    items = list(
        judge_followed(followed((800_000, 100_000, 5), (80_000, 100_000, 5), (800_000, 100_000, 5)))
    )
    assert [item.verdict for item in items] == ["suspect"]
    assert "90,000 bytes off" in items[0].why


def test_a_change_that_comes_late_is_suspect(followed):
    items = list(judge_followed(followed((8_000, 1000, 5), (8_000, 1000, 5), late_ns=30_000_000)))
    assert "30.0 ms late" in items[0].why


def test_an_idle_link_says_nothing(followed):
    run = followed((8_000, 10, 0), (16_000, 10, 0))
    assert [item.verdict for item in judge_followed(run)] == ["not measured"]
    assert [rate for _, rate in asked_rates(run, "h1-h2", "h2")] == [8_000, 16_000]
