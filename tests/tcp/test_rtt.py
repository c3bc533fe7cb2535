"""RFC 6298: the estimator's worked values, and what the connection samples."""

from __future__ import annotations

from tcpexp.tcp.core.rtt import RttEstimator
from tests.support.tcp_script import play

MS = 1_000_000


def estimator(minimum_ns: int = 1) -> RttEstimator:
    return RttEstimator(1000 * MS, minimum_ns, 60_000 * MS, MS)


def test_before_any_sample_one_second() -> None:
    assert estimator().rto_ns == 1000 * MS


def test_the_first_sample() -> None:
    rtt = estimator()
    rtt.take(100 * MS)
    # R, R/2, R + 4 R/2
    assert (rtt.srtt_ns, rtt.rttvar_ns, rtt.rto_ns) == (100 * MS, 50 * MS, 300 * MS)


def test_the_second_sample() -> None:
    rtt = estimator()
    rtt.take(100 * MS)
    rtt.take(180 * MS)
    assert rtt.rttvar_ns == 57_500_000  # 3/4 * 50 + 1/4 * |100 - 180|
    assert rtt.srtt_ns == 110 * MS  # 7/8 * 100 + 1/8 * 180
    assert rtt.rto_ns == 340 * MS


def test_the_clock_granularity_is_the_least_variation() -> None:
    rtt = estimator()
    for _ in range(100):
        rtt.take(100 * MS)
    assert rtt.rto_ns == 101 * MS


def test_limits() -> None:
    rtt = estimator(1000 * MS)
    rtt.take(10 * MS)
    assert rtt.rto_ns == 1000 * MS
    for expected in (2, 4, 8, 16, 32, 60, 60):
        rtt.back_off()
        assert rtt.rto_ns == expected * 1000 * MS
    rtt.take(10 * MS)
    assert (rtt.rto_ns, rtt.backoffs) == (1000 * MS, 0)


def test_samples_of_one_round_trip_share_its_weight() -> None:
    rtt = estimator()
    rtt.take(100 * MS)
    rtt.take(180 * MS, expected_samples=10)
    assert rtt.srtt_ns == 101 * MS


def test_a_retransmitted_segment_is_no_sample() -> None:
    play(
        "1 write 10\n1 > PA seq 1:11\n2 > PA seq 1:11\n2.01 < A seq 1 ack 11\n2.01 srtt 0.1\n2.01"
        " rto 2"
    )


def test_with_timestamps_it_is() -> None:
    play(
        """
        0 connect
        0 > S seq 0
        0.1 < SA seq 0 ack 1 win 60000 <mss 1000, ts 7:0>
        0.1 > A seq 1 ack 1
        1 write 10
        1 > PA seq 1:11 ack 1 <ts 1000:7>
        2 > PA seq 1:11 ack 1 <ts 2000:7>
        2.1 < A seq 1 ack 11 <ts 8:2000>           # of the retransmission
        2.1 srtt 0.1
        2.1 rto 1
        """,
        opened=False,
        timestamps=True,
    )
