"""Round trips counted by sequence numbers, and cwnd's growth in them."""

import numpy as np
import pytest

from tcpexp.analysis.rounds import Flight, Round, growth_per_round

AVOIDANCE, SLOW = "congestion_avoidance", "slow_start"


def flight(acked, sent, by_cwnd=None):
    return Flight(
        np.array(acked),
        np.array(sent),
        np.array(by_cwnd if by_cwnd is not None else [True] * len(acked)),
    )


def sender(window, rounds, *, grows=lambda window: window + 1):
    """Rows (acked, sent, cwnd) of a sender whose segments, of one byte, come back one by one.

    Cwnd grows once a round trip.
    """
    acked, sent, cwnd, rows = 0, window, window, []
    for _ in range(rounds):
        end = sent
        while acked < end:
            rows.append((acked, sent, cwnd))
            acked += 1
            cwnd = grows(window) if acked == end else cwnd
            sent = acked + cwnd
        window = cwnd
    return [*rows, (acked, sent, cwnd)]


def test_a_round_trip_ends_when_what_was_the_newest_octet_is_acknowledged():
    rows = sender(4, 3)
    acked, sent, _ = zip(*rows, strict=True)
    assert flight(acked, sent).rounds(0, len(rows)) == [
        Round(0, 4, True),
        Round(4, 9, True),
        Round(9, 15, True),
    ]


def test_reno_grows_by_one_segment_per_round_trip_whatever_the_clock_says():
    rows = sender(10, 7)
    acked, sent, cwnd = zip(*rows, strict=True)
    assert (
        growth_per_round(AVOIDANCE, np.array(cwnd), flight(acked, sent).rounds(0, len(rows))) == 1
    )
    assert (
        growth_per_round("fast_recovery", np.array(cwnd), flight(acked, sent).rounds(0, len(rows)))
        is None
    )


def test_slow_start_doubles():
    rows = sender(4, 4, grows=lambda window: 2 * window)
    acked, sent, cwnd = zip(*rows, strict=True)
    assert growth_per_round(
        SLOW, np.array(cwnd), flight(acked, sent).rounds(0, len(rows))
    ) == pytest.approx(2)


def test_the_tail_of_a_transfer_and_silence_are_no_round_trips():
    """Once all is sent, cwnd is not used and does not grow.

    And while nothing is under way no round trip begins.
    """
    rows = sender(10, 3)
    acked, sent, cwnd = (list(column) for column in zip(*rows, strict=True))
    by_cwnd = [True] * len(rows)
    last = sent[-1]
    for una in range(acked[-1] + 1, last + 1):
        acked.append(una), sent.append(last), cwnd.append(cwnd[-1]), by_cwnd.append(False)
    acked.append(last), sent.append(last), cwnd.append(cwnd[-1]), by_cwnd.append(False)
    found = flight(acked, sent, by_cwnd).rounds(0, len(acked))
    assert [measured.by_cwnd for measured in found] == [True, True, True, False]
    assert growth_per_round(AVOIDANCE, np.array(cwnd), found) == 1


def test_less_than_a_round_trip_has_no_growth():
    assert growth_per_round(SLOW, np.array([10, 11]), flight([0, 1], [10, 12]).rounds(0, 2)) is None
