"""Captures of both ends in one explanation: their clocks, and what happened between them."""

import json

import pytest

from tcpexp.explain.explain import explain_captures
from tests.support.crafting import write_pcap
from tests.support.foreign import CLIENT, SERVER, download

MS = 1_000_000
WAY, AHEAD = 20 * MS, 3_200_000_000
#: Of the server's packets: the fifth segment, which is lost on its way.
LOST = 9


def both_ends(folder, ahead=AHEAD):
    """Write a download as its client and as its server saw it, whose clock is ahead."""
    seen = download("server").packets
    client = bytes(int(part) for part in CLIENT.split("."))
    here = []
    for at, (t, frame) in enumerate(seen):
        if at != LOST:
            here.append((t + (-WAY if frame[26:30] == client else WAY), frame))
    there = [(t + ahead, frame) for t, frame in seen]
    return [
        write_pcap(folder / "client.pcap", sorted(here, key=lambda one: one[0])),
        write_pcap(folder / "server.pcap", there),
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    return explain_captures(both_ends(folder), folder / "results")


def findings(made, kind):
    rows = made.run.table("findings")
    return [row for row in rows.iter_rows(named=True) if row["kind"] == kind]


def test_the_clocks_are_brought_together(made):
    (clocks,) = findings(made, "clocks")
    assert clocks["sentence"] == "The clock of server is 3.200000 s ahead of that of client."
    packets = made.run.table("packets")
    assert packets["t_ns"].max() < 1_000 * MS


def test_the_lost_segment_is_in_journeys_findings_and_metrics(made):
    journeys = made.run.table("journeys")
    (lost,) = journeys.filter(copies=0).iter_rows(named=True)
    assert (lost["from_node"], lost["to_node"], lost["sent_number"]) == (SERVER, CLIENT, LOST + 1)
    assert set(journeys["delay_ns"].drop_nulls()) == {WAY}
    (finding,) = findings(made, "joined_lost")
    assert finding["connection"] == 1 and finding["packets"] == [LOST + 1]
    flow = made.run.metrics["flows"]["connection 1"]
    assert flow["lost_packets"] == 1
    assert flow["delay"]["delay_p50_ms"] == pytest.approx(20)
    assert flow["delay"]["queueing_p50_ms"] is None
    json.loads((made.path / "metrics.json").read_text(), parse_constant=pytest.fail)


def test_clocks_that_fit_are_left_alone(tmp_path):
    explained = explain_captures(both_ends(tmp_path, ahead=5 * MS), tmp_path / "results")
    (clocks,) = findings(explained, "clocks")
    assert "agree: no packet comes before it left" in clocks["sentence"]
    assert set(explained.run.table("journeys")["delay_ns"].drop_nulls()) == {15 * MS, 25 * MS}
