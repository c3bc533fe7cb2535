"""The packets that decide what was sent again say the same as all packets do."""

import random

import polars as pl
import pytest

from tcpexp.analysis.resent import build_resent
from tcpexp.explain.again import deciding_packets
from tcpexp.explain.plan import plan_of
from tcpexp.explain.tables import at_both_ends, name_packets
from tcpexp.ingest.foreign import read_foreign
from tcpexp.plan.types import to_json
from tcpexp.store.rundata import RunData
from tests.support.crafting import write_pcap
from tests.support.foreign import write_download
from tests.support.talks import RandomTalk


class Shown(RunData):
    """A run with other packets."""

    def __init__(self, path, packets):
        super().__init__(path)
        self.packets = packets

    def table(self, name):
        return self.packets if name == "packets" else super().table(name)


def both_ways(capture, folder):
    """Return what is sent again by all packets and by the deciding ones, and how many there are."""
    named = name_packets(read_foreign([capture], labels=False).packets)
    plan = plan_of("x", "x", named.stands, named.flows, named.end_ns)
    (folder / "plan.json").write_text(to_json(plan))
    tcp = named.packets.filter(pl.col("protocol") == "tcp")
    few = deciding_packets(tcp)
    return (
        *(build_resent(Shown(folder, at_both_ends(part, named.nodes))) for part in (tcp, few)),
        (tcp.height, few.height),
    )


@pytest.mark.parametrize("seed", range(12))
def test_random_talks(seed, tmp_path):
    rng = random.Random(seed)
    talks = [RandomTalk(rng) for _ in range(3)]
    for talk in talks:
        for number in range(60):
            talk.step(number % 2)
    packets = sorted((at, data) for talk in talks for at, data in talk.talk.packets)
    whole, decided, _ = both_ways(write_pcap(tmp_path / "t.pcap", packets), tmp_path)
    assert whole.height > 0
    assert decided.equals(whole)


def test_few_packets_decide(tmp_path):
    capture = write_download(tmp_path / "c.pcap", "server", segments=200)
    whole, decided, (all_of_them, few) = both_ways(capture, tmp_path)
    assert decided.equals(whole) and whole.height == 1
    assert few < 10 and all_of_them > 200


def test_nothing_sent_again_needs_no_packet(tmp_path):
    capture = write_download(tmp_path / "c.pcap", "server", segments=4)
    tcp = read_foreign([capture]).packets.filter(pl.col("protocol") == "tcp")
    tcp = tcp.filter(pl.col("payload_bytes") == 0).with_columns(connection=pl.lit(1, pl.Int64))
    assert deciding_packets(tcp).is_empty()
