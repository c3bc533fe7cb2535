"""What is said of a capture does not depend on how many connections are looked at together."""

import random

import polars as pl
import pytest

from tcpexp.diagnosis.describe import join_portions
from tcpexp.explain.diagnose import diagnose
from tcpexp.explain.plan import plan_of
from tcpexp.explain.tables import name_packets, resent_of
from tcpexp.ingest.connections import is_damaged
from tcpexp.ingest.foreign import read_foreign
from tcpexp.plan.types import to_json
from tcpexp.store.rundata import RunData
from tests.support.crafting import write_pcap
from tests.support.talks import RandomTalk


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """Forty conversations between few ports, mixed; some packets were damaged on their way."""
    rng = random.Random(7)
    packets = []
    for number in range(40):
        place = {"port": 1024 + number % 30, "at_ns": 10**18 + number * 3_000_000}
        packets += RandomTalk(rng, **place).talk.packets
    packets.sort(key=lambda packet: packet[0])
    path = write_pcap(tmp_path_factory.mktemp("portions") / "mixed.pcap", packets)
    foreign = read_foreign([path])
    spoilt = foreign.packets.with_columns(checksum_bad=pl.col("number") % 23 == 0)
    return name_packets(spoilt), foreign.notes


def test_portions_say_what_the_whole_says(named, tmp_path):
    tables, notes = named
    packets, connections = tables.packets, tables.connections
    assert packets.filter(is_damaged()).height > 3 and connections.height > 25
    run = RunData(tmp_path)
    plan = plan_of("x", "x", tables.stands, tables.flows, tables.end_ns)
    (tmp_path / "plan.json").write_text(to_json(plan))

    def again(packets, copies):
        return resent_of(run, packets, copies, tables.nodes)

    whole = diagnose(packets, connections, again, portion=10**9)
    assert len(whole.portions) == 1
    for most in (1, 60):
        parts = diagnose(packets, connections, again, portion=most)
        assert len(parts.portions) > 5
        said, expected = join_portions(parts.portions, notes), join_portions(whole.portions, notes)
        assert said.findings == expected.findings and len(said.findings) > 50
        assert said.summary.equals(expected.summary)
        assert parts.limits.equals(whole.limits) and parts.limits.height > 20
        assert parts.resent.equals(whole.resent) and parts.resent.height > 10
