"""Segments in flight against a plain list that is searched whole."""

from hypothesis import given
from hypothesis import strategies as st

from tcpexp.ingest.unacked import HALF, MASK, NO_RTT, Unacked

STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(1, 10)), max_size=60)


class Plain:
    def __init__(self):
        self.segments = []

    def add(self, begin, end, at_ns):
        self.segments.append([begin, end, at_ns])

    def acknowledge(self, ack, now_ns):
        matching = [segment for segment in self.segments if segment[1] == ack]
        self.segments = [segment for segment in self.segments if (ack - segment[1]) & MASK >= HALF]
        for segment in self.segments:
            if 0 < (ack - segment[0]) & MASK < HALF:
                segment[0] = ack
        return now_ns - matching[0][2] or NO_RTT if matching else NO_RTT

    def oldest_ns(self):
        return self.segments[0][2] if self.segments else None

    def extent(self, base):
        if not self.segments:
            return 0
        return (
            max((segment[1] - base) & MASK for segment in self.segments)
            - min((segment[0] - base) & MASK for segment in self.segments)
        ) & MASK


@given(STEPS, st.sampled_from([0, 1000, 2**32 - 20]))
def test_as_a_plain_list(steps, start):
    quick, plain = Unacked(), Plain()
    for now, (is_ack, place, size) in enumerate(steps):
        at = (start + place) & MASK
        if is_ack:
            assert quick.acknowledge(at, now) == plain.acknowledge(at, now)
        else:
            quick.add(at, (at + size) & MASK, now)
            plain.add(at, (at + size) & MASK, now)
        assert quick.extent(start) == plain.extent(start)
        assert quick.oldest_ns() == plain.oldest_ns()
