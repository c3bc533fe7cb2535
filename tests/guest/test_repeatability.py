"""The same spec and seed give the same captures byte for byte, beside other load too.

Another seed gives others.
"""

import hashlib
import multiprocessing
import time

import pytest

pytestmark = pytest.mark.guest

SPEC = """
name: lossy
title: A transfer over a lossy path
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 15ms, jitter: 2ms, loss: 2%, queue: 1bdp}
seed: 5
duration: 4s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: load, congestion_control: cubic, until: 4s}
"""


def burn():
    end = time.monotonic() + 600
    while time.monotonic() < end:
        pass


def digests(run) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((run.path / "raw").glob("*.pcap"))
    }


@pytest.mark.parametrize("place", ["uml", pytest.param("qemu", marks=pytest.mark.full)])
def test_three_runs_are_identical_and_another_seed_is_not(place, run_in_guest):
    first = digests(run_in_guest(SPEC, on=place))
    assert set(first) == {"h1-eth0.pcap", "h2-eth0.pcap"}
    load = [multiprocessing.Process(target=burn, daemon=True) for _ in range(3)]
    for process in load:
        process.start()
    try:
        second = digests(run_in_guest(SPEC, on=place))
    finally:
        for process in load:
            process.kill()
    assert second == first
    assert digests(run_in_guest(SPEC, on=place)) == first
    other = digests(run_in_guest(SPEC, seed=6, on=place))
    assert all(other[name] != digest for name, digest in first.items())
