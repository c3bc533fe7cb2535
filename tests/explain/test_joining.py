"""Captures of both ends of one transfer, by two clocks: one time for both, and what happened
between.
"""

import json

import polars as pl
import pytest

from tcpexp.explain.cards import tell
from tcpexp.explain.explain import explain_again, explain_captures
from tests.support.crafting import options, write_pcap
from tests.support.foreign import CLIENT, SEGMENT, SERVER, Numbered

WAY_NS = 20_000_000
OFFSET_NS = 3_000_000_000


def transfer() -> list[tuple[int, int, int, tuple, dict]]:
    """Return (when it leaves, whether it is lost, side, what, more) of each packet of an upload in
    which the fifth data segment is lost and sent again.
    """
    tail = options(mss=1460, sack_ok=True, wscale=7)
    sent = [(0, 0, 0, ("S",), {"tail": tail}), (WAY_NS, 0, 1, ("SA", 0, 1), {"tail": tail})]
    sent += [(2 * WAY_NS, 0, 0, ("A", 1, 1), {})]
    begun = 2 * WAY_NS + 1_000_000
    for index in range(10):
        at = begun + index * 1_000_000
        sent.append((at, index == 4, 0, ("A", 1 + index * SEGMENT, 1, SEGMENT), {}))
    hole = 1 + 4 * SEGMENT
    for index in range(10):
        ack = min(1 + (index + 1) * SEGMENT, hole)
        if index != 4:
            sent.append((begun + index * 1_000_000 + WAY_NS, 0, 1, ("A", 1, ack), {}))
    sent.append((begun + 3 * WAY_NS, 0, 0, ("A", hole, 1, SEGMENT), {}))
    sent.append((begun + 4 * WAY_NS, 0, 1, ("A", 1, 1 + 10 * SEGMENT), {}))
    sent.append((begun + 6 * WAY_NS, 0, 0, ("FA", 1 + 10 * SEGMENT, 1), {}))
    sent.append((begun + 7 * WAY_NS, 0, 1, ("FA", 1, 2 + 10 * SEGMENT), {}))
    return sorted(sent, key=lambda packet: packet[0])


def write_ends(folder, offset_ns=OFFSET_NS, behind=(CLIENT, 40_000)):
    """Write what each end captured; the server's clock is ahead, and it knows the client as
    ``behind``.
    """
    start = 10**18
    seen = {0: [], 1: []}
    talks = [
        Numbered(client=address, server=SERVER, port=port)
        for address, port in ((CLIENT, 40_000), behind)
    ]
    for leaves, lost, side, what, more in transfer():
        for talk in talks:
            talk.send(side, *what, **more)
        packets = [talk.packets[-1][1] for talk in talks]
        seen[side].append((leaves, packets[side]))
        if not lost:
            seen[1 - side].append((leaves + WAY_NS, packets[1 - side]))
    return [
        write_pcap(
            folder / name,
            sorted((start + at + ahead, packet) for at, packet in seen[side]),
        )
        for side, name, ahead in ((0, "client.pcap", 0), (1, "server.pcap", offset_ns))
    ]


@pytest.fixture(scope="module", params=["client first", "server first"])
def explained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ends")
    captures = write_ends(folder)
    if request.param == "server first":
        captures.reverse()
    return explain_captures(captures, folder / "results")


def test_both_captures_have_one_clock(explained):
    packets = explained.run.table("packets")
    syns = packets.filter(pl.col("flags") == "S").sort("t_ns")
    assert syns["capture"].to_list() == ["client", "server"]
    assert syns["t_ns"][1] - syns["t_ns"][0] == pytest.approx(WAY_NS, abs=20_000)
    [joined] = json.loads((explained.path / "joined.json").read_text())["joined"]
    assert abs(joined["clock"]["offset_ns"]) == pytest.approx(OFFSET_NS, abs=20_000)


def test_each_capture_is_at_its_end(explained):
    where = explained.run.table("packets").select("capture", "node").unique().sort("capture")
    assert where.rows() == [("client", CLIENT), ("server", SERVER)]
    assert explained.run.table("connections").height == 1


def test_what_was_lost_between_is_known(explained):
    journeys = explained.run.table("journeys")
    lost = journeys.filter(pl.col("copies") == 0)
    assert lost.select("from_node", "to_node", "seq_rel", "payload_bytes").rows() == [
        (CLIENT, SERVER, 1 + 4 * SEGMENT, SEGMENT)
    ]
    assert lost["src_port"].to_list() == [40_000]
    findings = explained.run.table("findings")
    assert "1 of" in findings.filter(pl.col("kind") == "joined_lost")["sentence"][0]
    assert findings.filter(pl.col("kind") == "clocks").height == 1


def test_numbers_are_those_of_the_right_end(explained):
    flow = explained.run.metrics["flows"]["connection 1"]
    assert (flow["goodput_bytes"], flow["retransmissions"]) == (10 * SEGMENT, 1)
    assert flow["lost_packets"] == 1
    assert flow["rtt"]["min_ms"] == pytest.approx(2 * WAY_NS / 1e6, abs=0.1)


def test_it_can_be_made_again(explained):
    before = explained.run.table("packets")
    explain_again(explained.path)
    assert explained.run.table("packets").equals(before)


def test_what_nobody_measured_is_null(explained):
    flow = explained.run.metrics["flows"]["connection 1"]
    assert flow["delay"]["delay_p50_ms"] == pytest.approx(WAY_NS / 1e6, abs=0.1)
    assert flow["delay"]["queueing_p50_ms"] is None
    text = (explained.path / "metrics.json").read_text()
    json.loads(text, parse_constant=pytest.fail)


def test_clocks_that_fit_are_left_alone(tmp_path):
    explained = explain_captures(write_ends(tmp_path, WAY_NS // 4), tmp_path / "results")
    findings = explained.run.table("findings").filter(pl.col("kind") == "clocks")
    assert "agree: no packet comes before it left" in findings["sentence"][0]
    delays = explained.run.table("journeys")["delay_ns"].drop_nulls()
    assert set(delays) == {WAY_NS * 3 // 4, WAY_NS * 5 // 4}


def test_a_connection_behind_address_translation_is_counted_once(tmp_path):
    ends = write_ends(tmp_path, behind=("203.0.113.9", 61_000))
    explained = explain_captures(ends, tmp_path, labels=False)
    assert explained.run.table("connections").height == 2
    told = tell(explained.run).headline
    assert told.startswith("1 connection (with 2 pairs of ends): "), told


def test_a_connection_with_one_pair_of_ends_is_plainly_one(explained):
    assert tell(explained.run).headline.startswith("1 connection: ")
