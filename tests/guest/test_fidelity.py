"""The network is the one that was asked for: measured in the guest on what was captured, by rules
of its own.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import polars as pl
import pytest

from tcpexp.store.rundata import RunData
from tests.support.guestcaptures import read_pcap

pytestmark = pytest.mark.guest

FRAME_BITS = 1514 * 8
MSS = 1448

LOAD = """
name: fidelity
title: One CUBIC flow fills the queue
topology: two_host
links:
  h1-h2: {{rate: {rate}mbit, delay: {delay}ms, queue: {queue}p}}
seed: 3
duration: {duration}s
record: {{ss: off, counters: off}}
actions:
  - {{at: 0s, do: iperf3, from: h1, to: h2, flow: load,
     congestion_control: cubic, until: {duration}s}}
"""


@dataclass(frozen=True)
class Load:
    """A flow that fills a queue: rate in Mbit/s, delay one way in ms, queue in packets, duration in
    s.
    """

    place: str
    rate: int
    delay: int
    queue: int
    duration: int
    run: RunData | None = None

    @property
    def frame_ns(self) -> float:
        """How long a full frame takes."""
        return FRAME_BITS / (self.rate * 1e6) * 1e9

    @property
    def processor_ns(self) -> int:
        """What a burst of slow start costs: stamped at the sender all at once, up to 64 packets
        take QEMU's processor some 50 us each.
        """
        return 64 * 50_000 if self.place == "qemu" else 0


def case(*values, full: bool = False):
    """One worker each: the run behind a case is made once."""
    name = f"{values[0]}-{values[1]}mbit"
    marks = [pytest.mark.xdist_group(f"fidelity-{name}"), *([pytest.mark.full] if full else [])]
    return pytest.param(Load(*values), id=name, marks=marks)


CASES = [
    case("uml", 10, 20, 50, 15),
    case("uml", 100, 20, 330, 6),
    case("uml", 1000, 2, 330, 4, full=True),
    case("qemu", 10, 20, 50, 15, full=True),
    case("qemu", 100, 20, 330, 6, full=True),
]


@pytest.fixture(scope="module", params=CASES)
def load(request, run_in_guest):
    asked = request.param
    text = LOAD.format(
        rate=asked.rate, delay=asked.delay, queue=asked.queue, duration=asked.duration
    )
    return replace(asked, run=run_in_guest(text, on=asked.place))


def test_base_rtt_is_the_sum_of_the_delays(load):
    run = load.run
    probes = next(
        item
        for item in json.loads((run.path / "certificate.json").read_text())["items"]
        if item["name"].startswith("base RTT")
    )
    assert probes["verdict"] == "ok"
    idle = json.loads((run.path / "raw" / "probes.json").read_text())["paths"][0]["rtt_ns"]
    assert all(
        abs(rtt - 2e6 * load.delay) < (200_000 if load.place == "qemu" else 20_000) for rtt in idle
    )


def test_the_certificate_is_valid(load):
    certificate = json.loads((load.run.path / "certificate.json").read_text())
    assert certificate["verdict"] == "VALID", certificate["reasons"]


def test_largest_delay_under_load_is_propagation_plus_queue(load):
    """The certificate's TCP fill: catches back-pressure and a limit that counts packets
    in flight.
    """
    run = load.run
    journeys = run.table("journeys").filter(
        (pl.col("from_node") == "h1") & (pl.col("frame_bytes") == 1514) & (pl.col("copies") == 1)
    )
    largest_ns = (journeys["received_ns"] - journeys["sent_ns"]).max()
    expected_ns = load.delay * 1e6 + load.queue * load.frame_ns
    assert 0.97 * expected_ns <= largest_ns <= 1.01 * expected_ns + load.processor_ns
    drops = run.table("queues").filter((pl.col("towards") == "h2") & (pl.col("qdisc") == "queue"))[
        "drops"
    ]
    assert drops.max() > drops.min(), (
        "the queue never overflowed: something before it held the packets back"
    )


def test_rtt_under_load_is_base_plus_queue(load):
    largest = load.run.table("rtt").filter(pl.col("flow") == "load")["rtt_ns"].quantile(0.995)
    assert largest == pytest.approx(2e6 * load.delay + load.queue * load.frame_ns, rel=0.05)


def test_goodput_is_the_theoretical_payload_rate(load):
    rate = load.rate
    inside = (pl.col("t_ns") >= 2_000_000_000) & (pl.col("t_ns") < (load.duration - 1) * 10**9)
    steady = load.run.table("throughput").filter((pl.col("flow") == "load") & inside)
    goodput = steady["payload_bytes"].sum() * 8 / (steady["interval_ns"].sum() / 1e9)
    assert goodput >= 0.99 * rate * 1e6 * MSS / 1514
    assert goodput <= 1.001 * rate * 1e6 * MSS / 1514


def test_packets_leave_the_bottleneck_one_serialization_time_apart(load):
    arrivals = [
        frame.t_ns
        for frame in read_pcap(load.run.path / "raw" / "h2-eth0.pcap")
        if len(frame.data) >= 100
    ]
    gaps = sorted(later - earlier for earlier, later in pairwise(arrivals[500:-50]))
    # the clock of uml has steps of 1 ns
    exact = {"rel": 0.001} if load.place == "qemu" else {"abs": 2}
    assert gaps[len(gaps) // 2] == pytest.approx(load.frame_ns, **exact)


CHANGE = """
name: change
title: Rate and delay change while the queue is full
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms, queue: 200p}
seed: 3
duration: 8s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: load,
     congestion_control: reno, window: 128kB, until: 8s}
  - {at: 3s, do: link, link: h1-h2, towards: h2, rate: 5mbit}
  - {at: 5s, do: link, link: h1-h2, towards: h2, delay: 30ms}
"""


def test_a_change_in_the_middle_of_a_flow_loses_no_queue(run_in_guest):
    run = run_in_guest(CHANGE)
    queue = run.table("queues").filter((pl.col("towards") == "h2") & (pl.col("qdisc") == "queue"))
    at_change = queue.filter(pl.col("t_ns") < 3_000_000_000)["backlog_packets"][-1]
    assert at_change >= 10, "the queue was empty at the change: the test shows nothing"
    journeys = run.table("journeys").filter(
        (pl.col("from_node") == "h1") & (pl.col("frame_bytes") == 1514)
    )
    until = journeys["sent_ns"].max() - 500_000_000
    assert journeys.filter(pl.col("sent_ns") < until)["copies"].to_list().count(0) == 0
    for start, end, rate in ((1, 3, 10e6), (3.5, 5, 5e6)):
        inside = journeys.filter(
            pl.col("received_ns").is_between(int(start * 1e9), int(end * 1e9))
        )["received_ns"].sort()
        assert inside.diff().median() == pytest.approx(FRAME_BITS / rate * 1e9, rel=0.001)


COUNT = 20_000
FAULTS = """
name: faults
title: 20,000 datagrams meet one kind of fault
topology: two_host
links:
  h1-h2: {{delay: 20ms}}
  h1->h2: {{{fault}}}
seed: 11
duration: 14s
record: {{ss: off, counters: off, trace: off, capture: {{snaplen: full}}}}
actions:
  - {{at: 0s, do: python, host: h1, script: script_udp_paced.py,
     args: ["{{h2}}", "20000", "64", "500"]}}
"""


def three_sigma(p: float) -> float:
    return 3 * math.sqrt(p * (1 - p) / COUNT)


@pytest.mark.parametrize(
    ("fault", "p"),
    [
        ("loss: 1%", 0.01),
        pytest.param("duplicate: 2%", 0.02, marks=pytest.mark.full),
        pytest.param("corrupt: 1%", 0.01, marks=pytest.mark.full),
        pytest.param("reorder: 5%", 0.05, marks=pytest.mark.full),
    ],
)
def test_fault_rates_are_those_asked_for(run_in_guest, fault, p):
    run = run_in_guest(FAULTS.format(fault=fault))
    sent = [
        f
        for f in read_pcap(run.path / "raw" / "h1-eth0.pcap")
        if f.data[12:14] == b"\x08\x00" and f.data[23] == 17
    ]
    assert len(sent) == COUNT
    sent_at = {frame.data: frame.t_ns for frame in sent}
    assert len(sent_at) == COUNT, "datagrams must differ for this test"
    arrived = [f for f in read_pcap(run.path / "raw" / "h2-eth0.pcap") if f.data[23] != 1]
    intact = Counter(f.data for f in arrived if f.data in sent_at)
    changed = sum(1 for f in arrived if f.data not in sent_at)
    measured = {
        "loss": (COUNT - len(intact) - changed) / COUNT,
        "duplicate": (sum(intact.values()) - len(intact)) / COUNT,
        "corrupt": changed / COUNT,
        "reorder": (
            sum(1 for f in arrived if f.data in sent_at and f.t_ns - sent_at[f.data] < 10_000_000)
            / COUNT
        ),
    }
    kind = fault.split(":")[0]
    assert abs(measured[kind] - p) < three_sigma(p), measured
    for other, value in measured.items():
        if other != kind:
            assert value == 0, measured
