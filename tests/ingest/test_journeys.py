"""Journeys of packets that were lost, doubled, overtaken and damaged, made by hand."""

import polars as pl
import pytest

from tcpexp.ingest.journeys import build_journeys
from tcpexp.ingest.network import Nodes
from tcpexp.store.frames import conform

A, B = "10.0.0.1", "10.0.0.2"


@pytest.fixture
def nodes():
    return Nodes({A: "h1", B: "h2"}, {"h1-eth0": "h1", "h2-eth0": "h2"}, frozenset({"h1", "h2"}))


def packet(node, number, t_ns, ip_id, **changes):
    row = {
        "capture": f"{node}-eth0",
        "node": node,
        "number": number,
        "t_ns": t_ns,
        "protocol": "tcp",
        "src": A,
        "dst": B,
        "src_port": 1,
        "dst_port": 2,
        "frame_bytes": 1514,
        "ip_id": ip_id,
        "flags": "A",
        "seq": 1000 + ip_id,
        "ack": 5,
        "payload_bytes": 1448,
        "checksum_bad": False,
    }
    return {**row, **changes}


def journeys(nodes, *packets):
    return build_journeys(
        conform(pl.DataFrame(packets, infer_schema_length=None), "packets"), nodes
    )


def test_each_fate(nodes):
    sent = [packet("h1", number, number * 10, number) for number in range(1, 7)]
    arrived = [
        packet("h2", 1, 110, 1),
        packet("h2", 2, 130, 3),
        packet("h2", 3, 135, 2),  # 2 was overtaken by 3
        packet("h2", 4, 140, 4),
        packet("h2", 5, 141, 4),  # twice
        packet("h2", 6, 150, 5, checksum_bad=True),  # damaged in its payload
    ]
    rows = journeys(nodes, *sent, *arrived)
    assert rows.select(
        "sent_number", "received_number", "received_ns", "copies", "late", "changed"
    ).rows() == [
        (1, 1, 110, 1, False, False),
        (2, 3, 135, 1, True, False),
        (3, 2, 130, 1, False, False),
        (4, 4, 140, 2, False, False),
        (5, 6, 150, 1, False, True),
        (6, None, None, 0, False, False),
    ]


def test_a_damaged_header_is_still_the_same_packet(nodes):
    sent = [packet("h1", 1, 10, 1), packet("h1", 2, 20, 2)]
    arrived = [
        packet("h2", 1, 110, 1, seq=77, checksum_bad=True),
        packet("h2", 2, 120, 999, seq=1002, checksum_bad=True),
    ]
    rows = journeys(nodes, *sent, *arrived)
    assert rows.select("sent_number", "received_number", "copies", "changed").rows() == [
        (1, 1, 1, True),
        (2, 2, 1, True),
    ]


def test_a_repeat_that_looks_the_same_is_not_a_copy(nodes):
    """SYN-ACKs carry IP id 0: the second is another packet, and each arrival belongs to the one
    sent just before.
    """
    sent = [
        packet("h1", 1, 0, 0, flags="SA"),
        packet("h1", 2, 1000, 0, flags="SA"),
        packet("h1", 3, 3000, 0, flags="SA"),
    ]
    arrived = [packet("h2", 1, 100, 0, flags="SA"), packet("h2", 2, 3100, 0, flags="SA")]
    assert journeys(nodes, *sent, *arrived).select("sent_ns", "copies").rows() == [
        (0, 1),
        (1000, 0),
        (3000, 1),
    ]


def test_a_repeat_with_another_time_stamp_is_not_taken_for_the_first(nodes):
    """A SYN-ACK is sent again, because its timer ran out and because another SYN came 3 ms later.
    Only the first of the two arrives, after 80 ms: not the second after 77 ms.
    """
    ms = 1_000_000
    alike = {"flags": "SA", "frame_bytes": 74, "ts_ecr": 700, "payload_bytes": 0}
    sent = [
        packet("h1", 1, 3 * ms, 0, ts_val=1003, checksum=1, **alike),
        packet("h1", 2, 1028 * ms, 0, ts_val=2028, checksum=2, **alike),
        packet("h1", 3, 1031 * ms, 0, ts_val=2031, checksum=3, **alike),
    ]
    for checksum in (2, 9):  # 9: filled in behind the capture
        arrived = packet("h2", 1, 1108 * ms, 0, ts_val=2028, checksum=checksum, **alike)
        rows = journeys(nodes, *sent, arrived)
        assert rows["delay_ns"].to_list() == [None, 80 * ms, None]
    damaged = packet("h2", 1, 1108 * ms, 0, ts_val=9, checksum=3, **alike, checksum_bad=True)
    assert journeys(nodes, *sent, damaged)["copies"].sum() == 1


def test_datagrams_of_one_size_are_told_apart_by_their_checksum(nodes):
    """A server's datagrams have IP id 0: of three alike in size the second arrives."""
    alike = {"protocol": "udp", "flags": None, "seq": None, "ack": None}
    sent = [packet("h1", number, number, 0, checksum=number, **alike) for number in (1, 2, 3)]
    rows = journeys(nodes, *sent, packet("h2", 1, 80, 0, checksum=2, **alike))
    assert rows["copies"].to_list() == [0, 1, 0]


MS = 1_000_000


def resets(node, *times_ms, first=1):
    return [
        packet(node, number, round(at * MS), 0, flags="R", seq=7)
        for number, at in enumerate(times_ms, first)
    ]


def test_of_packets_alike_to_the_bit_none_is_faster_than_the_others(nodes):
    """Ten resets within 10 ms, of which the first five arrive: after 80 ms like every packet, not
    the last five after 75 ms. Nor is the second copy of one another's.
    """
    others = [packet("h1", 99, 0, 5), packet("h2", 99, 80 * MS, 5)]
    sent = resets("h1", *range(1, 11))
    five = journeys(nodes, *others, *sent, *resets("h2", *range(81, 86)))
    assert five["delay_ns"].to_list() == [80 * MS] * 6 + [None] * 5
    double = journeys(nodes, *others, *resets("h1", 1, 5), *resets("h2", 81, 81.001, 85))
    assert double["delay_ns"].to_list() == [80 * MS] * 3
    assert double["copies"].to_list() == [1, 2, 1]


def test_what_arrives_too_early_stays_too_early(nodes):
    """Where no packet alike explains it by a time that others took, it was faster than they."""
    others = [packet("h1", 99, 0, 5), packet("h2", 99, 80 * MS, 5)]
    both_early = journeys(nodes, *others, *resets("h1", 1, 5), *resets("h2", 51, 55))
    assert both_early["delay_ns"].to_list() == [80 * MS, 50 * MS, 50 * MS]
    one_early = journeys(nodes, *others, *resets("h1", 1, 5), *resets("h2", 75, 81))
    assert min(one_early["delay_ns"].drop_nulls()) < 80 * MS
    # the first one, lost, would have taken a second
    long_after = journeys(nodes, *others, *resets("h1", 1, 1001), *resets("h2", 1051))
    assert long_after["delay_ns"].to_list() == [80 * MS, None, 50 * MS]


def test_packets_alike_that_are_on_their_way_together_all_arrive(nodes):
    """A socket that is closed with data on their way answers each segment with the same RST,
    several within one delay.
    """
    sent = [packet("h1", number, number * 10, 0, flags="R") for number in range(1, 5)]
    arrived = [packet("h2", number, 100 + number * 10, 0, flags="R") for number in range(1, 5)]
    rows = journeys(nodes, *sent, *arrived)
    assert rows.select("sent_number", "received_number", "copies", "late").rows() == [
        (number, number, 1, False) for number in range(1, 5)
    ]


def test_of_packets_alike_as_many_are_missing_as_did_not_arrive(nodes):
    sent = [packet("h1", number, number * 10, 0, flags="R") for number in range(1, 5)]
    two = [packet("h2", 1, 110, 0, flags="R"), packet("h2", 2, 130, 0, flags="R")]
    assert sorted(journeys(nodes, *sent, *two)["copies"]) == [0, 0, 1, 1]
    six = [packet("h2", number, 100 + number, 0, flags="R") for number in range(1, 7)]
    assert sum(journeys(nodes, *sent, *six)["copies"]) == 6
    assert journeys(nodes, *sent, *six)["copies"].min() == 1


def test_forged_sources_are_sent_by_the_node_that_captured_them(nodes):
    forged = {"src": "10.0.9.9", "flags": "S"}
    rows = journeys(nodes, packet("h1", 1, 10, 1, **forged), packet("h2", 1, 30, 1, **forged))
    assert rows.select("from_node", "to_node", "copies", "received_ns").rows() == [
        ("h1", "h2", 1, 30)
    ]


def test_no_rows_without_the_other_end(nodes):
    assert journeys(nodes, packet("h1", 1, 10, 1)).height == 0


def test_how_far_out_of_order(nodes):
    """RFC 4737 section 4.2.2: 1 arrives behind 2 and 3, and a lost packet in between changes
    nothing.
    """
    sent = [packet("h1", number, number * 10, number) for number in range(1, 6)]
    arrived = [
        packet("h2", place, 100 + place, ip_id) for place, ip_id in enumerate((2, 3, 1, 5), start=1)
    ]
    rows = journeys(nodes, *sent, *arrived)
    assert rows["reordered_by"].to_list() == [2, 0, 0, None, 0]
    assert rows["late"].to_list() == [True, False, False, False, False]
    assert rows["delay_ns"].to_list() == [93, 81, 72, None, 54]
    assert rows.select("sent_capture", "received_capture", "seq_rel", "payload_bytes").row(0) == (
        "h1-eth0",
        "h2-eth0",
        None,
        1448,
    )


def test_what_offload_cuts_or_joins_on_the_way_is_not_lost(nodes):
    """A segment of three, cut for the wire, and two that the receiver's card joined; of another one
    of three only the first two parts arrive.
    """
    sent = [
        packet("h1", 1, 10, 1, seq=1000, seq_rel=0, payload_bytes=3000),
        packet("h1", 2, 20, 4, seq=4000, seq_rel=3000, payload_bytes=1000),
        packet("h1", 3, 30, 5, seq=5000, seq_rel=4000, payload_bytes=1000),
        packet("h1", 4, 40, 6, seq=6000, seq_rel=5000, payload_bytes=3000),
        packet("h1", 5, 50, 9, seq=9000, seq_rel=8000, payload_bytes=1000),
    ]
    arrived = [
        packet("h2", 1, 110, 1, seq=1000, seq_rel=0, payload_bytes=1000),
        packet("h2", 2, 111, 2, seq=2000, seq_rel=1000, payload_bytes=1000),
        packet("h2", 3, 112, 3, seq=3000, seq_rel=2000, payload_bytes=1000),
        packet("h2", 4, 130, 4, seq=4000, seq_rel=3000, payload_bytes=2000),
        packet("h2", 5, 140, 6, seq=6000, seq_rel=5000, payload_bytes=1000),
        packet("h2", 6, 141, 7, seq=7000, seq_rel=6000, payload_bytes=1000),
    ]
    rows = journeys(nodes, *sent, *arrived)
    assert rows.select("sent_number", "copies").rows() == [
        (1, None),
        (2, None),
        (3, None),
        (4, 0),
        (5, 0),
    ]


def test_a_repeated_segment_whose_sending_was_not_captured_covers_no_loss(nodes):
    sent = [packet("h1", 1, 10, 1, seq_rel=0, payload_bytes=1000)]
    arrived = [packet("h2", 1, 500, 9, seq_rel=0, payload_bytes=1000, seq=1001)]
    assert journeys(nodes, *sent, *arrived)["copies"].to_list() == [0]
