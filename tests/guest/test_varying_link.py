"""Many hosts and a rate that follows a file, over IPv6: measured in the guest on what was captured,
by rules of its own.
"""

import json
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("varying")]

STEPS = ((1.0, 4e6), (1.5, 1e6), (2.0, 0.0), (2.3, 6e6), (2.6, 3e5), (2.9, 5e6), (4.0, 0.0))
FRAME = 1514
FILE = Path(__file__).parent / "script_stepwise.csv"
SPEC = f"""
name: varying
topology:
  name: dumbbell
  params: {{pairs: 4, rate: 4mbit, queue: 200p, rtt: [20ms, 30ms, 40ms, 50ms]}}
  ip: 6
duration: 4s
record: {{ss: off, trace: off, counters: off, qdisc: 20ms}}
actions:
  - {{at: 0s, do: iperf3_pairs, from: a, to: b, congestion_control: cubic}}
  - {{at: 1s, do: link_trace, id: steps, link: r1-r2, towards: r2, file: {FILE}}}
"""


@pytest.fixture(scope="module")
def run(run_in_guest):
    return run_in_guest(SPEC)


def test_the_certificate_is_valid_with_few_of_the_pairs_probed(run):
    certificate = json.loads((run.path / "certificate.json").read_text())
    assert certificate["verdict"] == "VALID", certificate["reasons"]
    probed = json.loads((run.path / "raw" / "probes.json").read_text())["paths"]
    assert {("a1", "b1"), ("a4", "b4")} <= {(path["from"], path["to"]) for path in probed}
    assert len(probed) < 28 / 3
    (item,) = [item for item in certificate["items"] if item["name"] == "rates of r1-r2 towards r2"]
    assert item["verdict"] == "ok"


def test_what_arrives_follows_the_file_to_a_few_frames(run):
    arrived = run.table("packets").filter(
        pl.col("node").is_in(["b1", "b2", "b3", "b4"])
        & pl.col("flow").is_not_null()
        & pl.col("dst").str.starts_with("2001")
    )
    towards = arrived.filter(pl.col("src_port") != pl.col("dst_port")).filter(
        pl.col("frame_bytes") > 0
    )
    data = towards.filter(pl.col("dst_port").is_between(5201, 5204)).sort("t_ns")
    times, sizes = data["t_ns"].to_numpy(), data["frame_bytes"].to_numpy()
    ahead = 0.0
    for (begin, rate), (end, _) in pairwise(STEPS):
        shift = 5_000_000  # the bottleneck's own delay
        inside = (times >= begin * 1e9 + shift) & (times < end * 1e9 + shift)
        ahead += sizes[inside].sum() - rate * (end - begin) / 8
        assert abs(ahead) <= 5 * FRAME, (begin, end, ahead)
