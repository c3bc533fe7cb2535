"""Damaged captures raise nothing but our own error (benchmarks/fuzz_captures.py tries far more)."""

import gzip
import random

import fuzz_captures
import pytest

from tests.support import containers as k
from tests.support import crafting as c
from tests.support.talks import random_capture


@pytest.fixture
def seeds(tmp_path):
    """Small captures in each format."""
    packets = random_capture(seed=5, talks=3)
    paths = [
        c.write_pcap(tmp_path / "a", packets),
        c.write_pcap(tmp_path / "b", [(t_ns, k.cooked(one)) for t_ns, one in packets], link=113),
        k.write_pcapng(tmp_path / "c", packets, order=">"),
        k.write_snoop(tmp_path / "d", packets),
    ]
    (tmp_path / "e").write_bytes(gzip.compress(paths[0].read_bytes()))
    return fuzz_captures.load_seeds([*paths, tmp_path / "e"])


def test_damaged_captures_are_read_or_refused(tmp_path, seeds):
    rng, tally = random.Random(9), fuzz_captures.Tally()
    for number in range(80):
        data = fuzz_captures.damaged(rng, seeds)
        fuzz_captures.try_one(tmp_path / "x", data, tally, str(number), whole=number % 5 == 0)
    assert tally.failures == []
    assert tally.read > 40 and tally.packets > 500
    assert tally.explained > 8 and tally.findings > 100
