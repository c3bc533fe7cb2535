import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.ingest.checksums import is_wrong

RANGES = st.lists(st.binary(min_size=2, max_size=300), min_size=1, max_size=8)


def right_sum(data):
    """RFC 1071 section 1, word by word."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(RANGES, st.integers(0, 3), st.integers(0, 70_000))
def test_each_range_is_summed_by_itself(pieces, gap, more):
    """Ranges of even and odd lengths at even and odd places, short ones and long ones, with gaps
    between.
    """
    at, data = [], b""
    for piece in pieces:
        at.append(len(data))
        data += piece + bytes([7] * gap)
    expected = [(0xFFFF - right_sum(piece) - more) % 0xFFFF != 0 for piece in pieces]
    sizes = np.array([len(piece) for piece in pieces])
    wrong = is_wrong(
        np.frombuffer(data + bytes(256), dtype=np.uint8),
        np.array(at),
        sizes,
        np.full(len(pieces), more),
    )
    nothing = np.array([not any(piece) and not more for piece in pieces])
    assert [bool(one) for one in wrong[~nothing]] == [
        one for one, none in zip(expected, nothing, strict=True) if not none
    ]
