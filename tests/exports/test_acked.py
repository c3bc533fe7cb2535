"""Which packets an ACK covers first."""

from __future__ import annotations

from tcpexp.exports.acked import Ack, Arrival, newly_acked, ranges_of


def covered(acks, arrivals):
    return list(newly_acked(acks, arrivals))


def test_each_packet_is_covered_once_by_the_first_ack_that_says_so():
    arrivals = [Arrival(10 * n, n, 1 + 100 * n, 101 + 100 * n) for n in range(4)]
    acks = [Ack(0, 15, 201), Ack(1, 35, 401), Ack(2, 36, 401)]
    assert covered(acks, arrivals) == [(0, [0, 1]), (1, [2, 3])]


def test_sack_blocks_cover_what_lies_behind_a_hole():
    arrivals = [Arrival(10, 0, 1, 101), Arrival(30, 2, 201, 301), Arrival(40, 3, 301, 401)]
    acks = [Ack(0, 11, 101), Ack(1, 31, 101, ((201, 301),)), Ack(2, 41, 101, ((201, 401),))]
    assert covered(acks, arrivals) == [(0, [0]), (1, [2]), (2, [3])]


def test_of_bytes_sent_twice_the_packet_counts_that_arrived_before_the_ack_left():
    """Packet 1 was late: its bytes were sent again as packet 5, which arrived first."""
    arrivals = [Arrival(50, 5, 101, 201), Arrival(90, 1, 101, 201)]
    assert covered([Ack(0, 60, 201), Ack(1, 95, 201)], arrivals) == [(0, [5]), (1, [1])]


def test_an_ack_that_was_lost_leaves_its_packets_to_the_next():
    arrivals = [Arrival(10, 0, 1, 101), Arrival(20, 1, 101, 201)]
    assert covered([Ack(7, 25, 201)], arrivals) == [(7, [0, 1])]


def test_an_ack_does_not_cover_what_arrived_after_it_left():
    assert covered([Ack(0, 5, 101)], [Arrival(10, 0, 1, 101)]) == []


def test_ranges():
    assert ranges_of([1, 2, 3, 7, 9, 10]) == [[1, 3], [7, 7], [9, 10]]
    assert ranges_of([]) == []
