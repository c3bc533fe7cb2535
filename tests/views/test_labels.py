"""The table of Wireshark's labels: counts, example packets at both ends, and what is said of a
label in this run.
"""

import polars as pl
import pytest

from tcpexp.plots.label_table import LabelTable
from tcpexp.store.frames import conform, schema_of
from tcpexp.views.labels import MEANINGS, WORDS
from tcpexp.views.packets import PacketLink
from tests.support.fake_run import SECOND, make_plan, write_run


def table(name, rows):
    schema = schema_of(name)
    return conform(
        pl.DataFrame([{key: row.get(key) for key in schema} for row in rows], schema=schema), name
    )


def packet(node, number, sender, label=None, **more):
    ends = {"src": "10.0.0.1", "dst": "10.0.0.2", "src_port": 40000, "dst_port": 80}
    if sender == "h2":
        ends = {"src": "10.0.0.2", "dst": "10.0.0.1", "src_port": 80, "dst_port": 40000}
    base = {
        "capture": f"{node}-eth0",
        "node": node,
        "number": number,
        "t_ns": number * SECOND,
        "protocol": "tcp",
        "stream": 0,
        "flags": "A",
    }
    return {
        **base,
        **ends,
        "payload_bytes": 0,
        "window_bytes": 1000,
        "labels": [label] if label else [],
        **more,
    }


def journey(sent, received, **more):
    ends = {
        "from_node": "h1",
        "to_node": "h2",
        "sent_number": sent,
        "sent_ns": sent * SECOND,
        "received_number": received,
        "received_ns": received * SECOND,
    }
    return {**ends, "copies": 1, "late": False, "changed": False, **more}


def drawn(path, packets, journeys=(), counters=()):
    tables = {
        "packets": table("packets", packets),
        "journeys": table("journeys", journeys),
        "counters": table("counters", counters),
    }
    made = LabelTable().draw(write_run(path, make_plan(), tables), LabelTable.resolve({}))
    return {row.cells[0]: row for row in made.parts[0].rows} if made else None


def test_every_label_has_a_word_and_a_meaning():
    assert set(WORDS) == set(MEANINGS)


def test_examples_name_the_packet_in_both_captures_once(tmp_path):
    packets = [
        packet("h1", 4, "h1", "window_full"),
        packet("h2", 5, "h1", "window_full"),
        packet("h1", 7, "h1", "window_full"),
    ]
    row = drawn(tmp_path, packets, [journey(4, 5)])["Window Full"]
    assert row.cells[1:3] == ("3", "h1-eth0: 2, h2-eth0: 1")
    assert row.packets == (
        PacketLink("h1-eth0", 4),
        PacketLink("h2-eth0", 5),
        PacketLink("h1-eth0", 7),
    )
    assert row.cells[4] == "4.000, 7.000"
    assert "limits what h1 sends" in row.cells[3]


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (0, "misleads here. All came while the peer advertised a window of 0"),
        (1000, "real keep-alive probes"),
    ],
)
def test_a_keep_alive_is_told_from_a_zero_window_probe(tmp_path, window, words):
    row = drawn(
        tmp_path, [packet("h1", 1, "h2", window_bytes=window), packet("h1", 2, "h1", "keep_alive")]
    )["Keep-Alive"]
    assert words in row.cells[3]


def test_out_of_order_says_whether_anything_was_overtaken(tmp_path):
    packets = [
        packet("h1", 3, "h1", "out_of_order"),
        packet("h2", 5, "h1", "out_of_order"),
        packet("h2", 8, "h1", "out_of_order"),
    ]
    said = drawn(tmp_path, packets, [journey(3, 5), journey(4, 8, late=True)])[
        "Out-Of-Order"
    ].cells[3]
    assert "misleads for the 1 in their sender's own capture" in said
    assert (
        "Of 2 at a receiver 1 were overtaken" in said
        and "1 of 2 at a receiver were not overtaken" in said
    )


def test_a_gap_is_compared_with_what_was_lost(tmp_path):
    lost = journey(3, 5) | {"received_number": None, "received_ns": None, "copies": 0}
    packets = [packet("h2", 6, "h1", "lost_segment")]
    assert (
        "1 packets were lost"
        in drawn(tmp_path / "a", packets, [lost])["Previous Segment Not Captured"].cells[3]
    )
    assert (
        "the capture itself has missed packets"
        in drawn(tmp_path / "b", packets, [journey(3, 5)])["Previous Segment Not Captured"].cells[3]
    )


def test_retransmissions_are_compared_with_the_kernels_count(tmp_path):
    counters = [
        {"t_ns": t, "node": "h1", "counter": "Tcp.RetransSegs", "value": value}
        for t, value in ((0, 3), (SECOND, 10))
    ]
    row = drawn(
        tmp_path, [packet("h1", 2, "h1", "retransmission", payload_bytes=100)], counters=counters
    )["Retransmission"]
    assert "counted 7 retransmissions" in row.cells[3]


def test_repeated_syns_are_the_timers(tmp_path):
    assert (
        "repeated by their timers"
        in drawn(tmp_path, [packet("h1", 2, "h1", "retransmission", flags="S")])[
            "Retransmission"
        ].cells[3]
    )


def test_no_label_no_table(tmp_path):
    assert drawn(tmp_path, [packet("h1", 2, "h1")]) is None
