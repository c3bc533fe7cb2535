import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.ingest.sequence import Acks, first_arrival_bytes, rtt_samples, unwrap_seq

SEGMENTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 25)), min_size=1, max_size=30)


@given(SEGMENTS)
def test_first_arrivals_agree_with_counting_bytes_one_by_one(segments):
    seen: set[int] = set()
    expected = []
    for left, length in segments:
        mine = set(range(left, left + length))
        expected.append(len(mine - seen))
        seen |= mine
    left, length = (np.array(column, dtype=np.int64) for column in zip(*segments, strict=True))
    assert first_arrival_bytes(left, length).tolist() == expected


def test_a_hole_that_is_filled_later_counts_when_it_is_filled():
    left = np.array([0, 2000, 1000, 0, 500])
    assert first_arrival_bytes(left, np.array([1000, 1000, 1000, 3000, 3000])).tolist() == [
        1000,
        1000,
        1000,
        0,
        500,
    ]


def test_nothing_arrived():
    assert (
        first_arrival_bytes(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)).tolist() == []
    )


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(2**31) + 1, 2**31 - 1), max_size=50))
def test_unwrap_undoes_the_wrap(start, steps):
    true = np.cumsum(np.array([start, *steps], dtype=np.int64))
    assert unwrap_seq(true % 2**32).tolist() == (true - true[0] + true[0] % 2**32).tolist()


def arrays(*columns):
    return [np.array(column, dtype=np.int64) for column in columns]


def samples(segments, acks):
    """Segments are (left, end, sent at).

    Acks are (number, at) or (number, at, right edge of the first SACK block).
    """
    rows = [(*ack, 0)[:3] for ack in acks]
    number, when, sack = arrays(*zip(*rows, strict=True)) if rows else arrays([], [], [])
    at, rtt = rtt_samples(*arrays(*zip(*segments, strict=True)), Acks(number, when, sack))
    return list(zip(at.tolist(), rtt.tolist(), strict=True))


def test_rtt_of_plain_data():
    found = samples([(0, 100, 10), (100, 200, 20), (200, 300, 30)], [(200, 120), (300, 150)])
    # the ACK at 120 covers two segments: the newer one counts
    assert found == [(120, 100), (150, 120)]


LOSS = [(0, 100, 10), (100, 200, 20), (200, 300, 30), (100, 200, 200), (300, 400, 270)]


def test_karn_no_sample_from_an_ack_that_covers_a_retransmission():
    # 100..200 is lost and sent again at 200; the ACK at 260 covers it and 200..300, which waited
    # behind it
    assert samples(LOSS, [(100, 60), (100, 80), (300, 260), (400, 330)]) == [(60, 50), (330, 60)]


def test_a_sack_block_says_when_the_waiting_segment_came():
    assert samples(LOSS, [(100, 60), (100, 80, 300), (300, 260), (400, 330)]) == [
        (60, 50),
        (80, 50),
        (330, 60),
    ]


def test_a_duplicate_sack_says_nothing():
    found = samples([(0, 100, 10), (0, 100, 50)], [(100, 70), (100, 110, 100)])
    assert found == []


def test_no_sample_without_an_ack():
    assert samples([(0, 100, 10)], []) == []
    assert samples([(0, 100, 10)], [(99, 20)]) == []
    assert samples([(0, 100, 30)], [(100, 20)]) == []
