"""RACK with its tail loss probe, proportional rate reduction, duplicate SACK and F-RTO."""

from __future__ import annotations

import itertools

import pytest

from tcpexp.tcp import Config
from tcpexp.tcp.core.events import (
    CongestionChanged,
    Event,
    Retransmitted,
    SegmentSent,
    TimeoutUndone,
)
from tcpexp.tcp.simulator.apps import pattern
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import transfer
from tests.support.tcp_script import play

MS = 1_000_000
OPEN = """
0.0 connect
0.0 > S seq 0
0.1 < SA seq 0 ack 1 win 60000 <mss 1000, sackOK>
0.1 > A seq 1 ack 1
"""
MODERN = {"sack": True, "rack": True, "tail_loss_probe": True, "prr": True, "dsack": True}


def flight(first: int, last: int, at: str = "1") -> str:
    """Segments ``first`` to ``last`` (from 1) of 1000 octets go out."""
    return "".join(
        f"{at} > A seq {1000 * n - 999}:{1000 * n + 1}\n" for n in range(first, last + 1)
    )


# RACK: RFC 8985 section 6


def test_three_sacked_segments_show_the_loss_at_once() -> None:
    """Without reordering seen, RACK is as fast as counting to three."""
    play(
        OPEN
        + "1 write 20000\n"
        + flight(1, 10)
        + """
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:2001>
        1.1 > A seq 10001:11001                          # one has left: one may enter
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:3001>
        1.1 > A seq 11001:12001
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:4001>
        1.1 > A seq 1:1001
        1.1 mode fast recovery
        1.1 ssthresh 5000
        """,
        opened=False,
        sack=True,
        rack=True,
        initial_window_segments=10,
    )


def test_one_sacked_segment_is_enough_a_quarter_of_a_round_trip_later() -> None:
    """Two segments in flight, the first lost: no third duplicate will come."""
    play(
        OPEN
        + "1 write 2000\n1 > A seq 1:1001\n1 > PA seq 1001:2001\n"
        + """
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:2001>
        1.125 > A seq 1:1001                             # 100 ms + 100 ms / 4 after it left
        1.125 event Retransmitted fast retransmit
        1.225 < A seq 1 ack 2001 win 60000
        """,
        opened=False,
        sack=True,
        rack=True,
    )


def test_a_late_segment_that_arrives_in_time_is_not_sent_again() -> None:
    play(
        OPEN
        + "1 write 2000\n1 > A seq 1:1001\n1 > PA seq 1001:2001\n"
        + """
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:2001>
        1.12 < A seq 1 ack 2001 win 60000
        3 quiet
        3 noevent Retransmitted
        """,
        opened=False,
        sack=True,
        rack=True,
    )


def test_a_lost_retransmission_is_found_by_what_was_sent_after_it() -> None:
    """RFC 8985 section 3.1: counting cannot, and would wait for the timer."""
    play(
        OPEN
        + "1 write 20000\n"
        + flight(1, 10)
        + """
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:4001>
        1.1 > A seq 1:1001                               # it is lost again
        1.11 < A seq 1 ack 1 win 60000 <sack 1001:7001>
        1.11 > A seq 10001:11001                         # pipe 4 segments, cwnd 5
        1.21 < A seq 1 ack 1 win 60000 <sack 1001:11001>
        1.21 > A seq 1:1001                              # what left later has arrived
        1.21 > A seq 11001:12001
        1.21 > A seq 12001:13001
        1.21 > A seq 13001:14001
        1.21 > A seq 14001:15001
        """,
        opened=False,
        sack=True,
        rack=True,
        initial_window_segments=10,
    )


def test_a_timeout_takes_only_what_is_late_for_lost() -> None:
    """RFC 8985 section 6.3: the second segment left a second before, the third 50 ms; what was
    acknowledged last had taken 100 ms. The third may still arrive.
    """
    player = play(
        OPEN
        + """
        1 write 1000
        1 > PA seq 1:1001
        1.1 < A seq 1 ack 1001 win 60000
        2 write 1000
        2 > PA seq 1001:2001
        2.95 nodelay
        2.95 write 1000
        2.95 > PA seq 2001:3001
        3 > PA seq 1001:2001
        """,
        opened=False,
        sack=True,
        rack=True,
    )
    queue = player.connection.tcb.out.queue
    assert [sent.lost for sent in queue] == [False, False]
    assert player.connection.tcb.out.pipe == 2000


@pytest.mark.parametrize("loss", [0.02, 0.1])
def test_rack_needs_the_timer_less_often(loss: float) -> None:
    """The same losses, of retransmissions too: with RACK-TLP fewer are left to the timer."""

    def timeouts(**settings: bool) -> int:
        found = 0
        for seed in range(4):
            simulation, sink = transfer(
                300_000,
                Config(**settings),  # type: ignore[arg-type]
                LinkConfig(rate_bps=20_000_000, loss=loss, seed=seed),
            )
            assert bytes(sink.received) == pattern(300_000)
            found += resent(simulation.hosts[0].log).count("timeout")
        return found

    assert timeouts(rack=True, tail_loss_probe=True) < timeouts()


def resent(log: list[Event]) -> list[str]:
    """The reasons of all retransmissions."""
    return [event.reason for event in log if isinstance(event, Retransmitted)]


# The tail loss probe: RFC 8985 section 7


def test_a_lost_tail_is_probed_after_two_round_trips() -> None:
    """Ten segments, the last three lost: the probe sends the tenth again, its SACK shows the other
    two, and the window is reduced as for any loss.
    """
    play(
        OPEN
        + "1 write 10000\n"
        + flight(1, 9)
        + "1 > PA seq 9001:10001\n"
        + """
        1.1 < A seq 1 ack 7001 win 60000
        1.3 > PA seq 9001:10001                          # SRTT 100 ms, twice
        1.3 event Retransmitted loss probe
        1.4 < A seq 1 ack 7001 win 60000 <sack 9001:10001>
        1.4 > A seq 7001:8001
        1.4 > A seq 8001:9001
        1.4 mode fast recovery
        1.5 < A seq 1 ack 10001 win 60000
        """,
        opened=False,
        sack=True,
        rack=True,
        tail_loss_probe=True,
        initial_window_segments=10,
    )


def test_the_probe_of_a_last_segment_with_fin_is_found_by_its_data() -> None:
    """A SACK block counts octets of data; the FIN came with the last of them."""
    play(
        OPEN
        + """
        1 write 2000
        1 > A seq 1:1001
        1 > PA seq 1001:2001
        1.05 write 500
        1.05 shutdown
        1.05 > FPA seq 2001:2501
        1.25 > FPA seq 2001:2501                         # the probe: two round trips later
        1.35 < A seq 1 ack 1 win 60000 <sack 2001:2501>  # without the FIN's own number
        1.35 > A seq 1:1001
        1.35 > PA seq 1001:2001
        """,
        opened=False,
        sack=True,
        rack=True,
        tail_loss_probe=True,
    )


@pytest.mark.parametrize("timestamps", [False, True])
def test_a_lost_tail_costs_no_timeout(timestamps: bool) -> None:
    """With timestamps too, though the answer to the probe echoes an older one."""
    simulation, sink = transfer(
        14_000,
        Config(
            mss=1012 if timestamps else 1000,
            timestamps=timestamps,
            rack=True,
            tail_loss_probe=True,
        ),
        LinkConfig(delay_ns=20 * MS, drop_offsets=(11_500, 12_500, 13_500)),
    )
    assert bytes(sink.received) == pattern(14_000)
    assert resent(simulation.hosts[0].log) == ["loss probe", "fast retransmit", "RACK"]


def test_a_single_segment_is_given_the_time_of_a_delayed_acknowledgment() -> None:
    """2 SRTT and 200 ms."""
    play(
        OPEN
        + """
        1 write 1000
        1 > PA seq 1:1001
        1.4 > PA seq 1:1001
        1.5 < A seq 1 ack 1001 win 60000
        1.5 cwnd 4000                                    # nothing yet says that it was a loss
        1.6 write 1000
        1.6 > PA seq 1001:2001
        1.7 < A seq 1 ack 2001 win 60000
        1.7 cwnd 2000                                    # no second acknowledgment: it was one
        1.7 event CongestionChanged loss probe
        """,
        opened=False,
        sack=True,
        rack=True,
        tail_loss_probe=True,
    )


@pytest.mark.parametrize("proof", ["1.5 < A seq 1 ack 1001 win 60000", ""])
def test_a_needless_probe_costs_nothing(proof: str) -> None:
    """Two acknowledgments, or a duplicate SACK: the original had arrived."""
    first = "1.45 < A seq 1 ack 1001 win 60000"
    if not proof:
        proof = "1.5 < A seq 1 ack 1001 win 60000 <sack 1:1001>"
    play(
        OPEN
        + f"""
        1 write 1000
        1 > PA seq 1:1001
        1.4 > PA seq 1:1001
        {first}
        {proof}
        1.6 write 1000
        1.6 > PA seq 1001:2001
        1.7 < A seq 1 ack 2001 win 60000
        1.7 mode slow start
        1.7 ssthresh 1073741824
        """,
        opened=False,
        sack=True,
        rack=True,
        tail_loss_probe=True,
    )


def test_the_probe_is_new_data_if_there_are_any_and_the_timer_follows() -> None:
    play(
        OPEN
        + "1 write 4000\n1 > A seq 1:1001\n1 > A seq 1001:2001\n"
        + """
        1.2 > A seq 2001:3001                            # beyond cwnd
        2.2 > A seq 1:1001                               # RTO, from the probe on
        2.2 event Retransmitted timeout
        """,
        opened=False,
        sack=True,
        rack=True,
        tail_loss_probe=True,
        initial_window_segments=2,
    )


def test_a_timeout_ends_the_probes_episode() -> None:
    """RFC 8985 section 7.1. The time-out has reduced the window for the loss; what is acknowledged
    later must not reduce it for the same loss again.
    """
    play(
        OPEN
        + """
        1 write 1000
        1 > PA seq 1:1001
        1.3 > PA seq 1:1001                              # the probe
        1.6 > PA seq 1:1001                              # the RTO
        1.8 < A seq 1 ack 1001 win 60000
        1.8 ssthresh 5000
        1.8 write 4000
        1.8 > A seq 1001:2001
        1.8 > A seq 2001:3001
        1.9 < A seq 1 ack 2001 win 60000
        1.9 > A seq 3001:4001
        1.9 > PA seq 4001:5001
        1.9 ssthresh 5000
        2.0 < A seq 1 ack 5001 win 60000
        2.0 cwnd 4000
        """,
        opened=False,
        sack=True,
        rack=True,
        tail_loss_probe=True,
        rto_min_ns=200 * MS,
        initial_window_segments=10,
        reduce_from_cwnd=True,
    )


def test_a_probe_needs_rack() -> None:
    with pytest.raises(ValueError, match="needs rack"):
        Config(tail_loss_probe=True)


# Proportional rate reduction: RFC 9937 section 6


def test_the_window_goes_down_in_proportion_to_what_arrives() -> None:
    """RecoverFS 8000 (ten in flight, of which two were SACKed before), ssthresh 5000: for each
    segment that arrives five eighths of one leave.
    """
    player = play(
        OPEN
        + "1 write 20000\n"
        + flight(1, 10)
        + """
        1.10 < A seq 1 ack 1 win 60000 <sack 1001:2001>
        1.10 < A seq 1 ack 1 win 60000 <sack 1001:3001>
        1.10 < A seq 1 ack 1 win 60000 <sack 1001:4001>
        1.10 > A seq 1:1001                              # the fast retransmit
        1.11 < A seq 1 ack 1 win 60000 <sack 1001:5001>
        1.12 < A seq 1 ack 1 win 60000 <sack 1001:6001>
        1.13 < A seq 1 ack 1 win 60000 <sack 1001:7001>
        1.13 > A seq 10001:11001
        """,
        opened=False,
        sack=True,
        prr=True,
        initial_window_segments=10,
    )
    prr = player.connection.tcb.prr
    assert prr is not None
    assert (prr.recover_fs, prr.delivered, prr.out) == (8000, 4000, 2000)


def test_the_fast_retransmit_is_part_of_what_the_first_acknowledgment_lets_out() -> None:
    """RFC 9937 section 6.2: four of ten are lost, so that little is in flight; what arrives, no
    more, leaves.
    """
    player = play(
        OPEN
        + "1 write 20000\n"
        + flight(1, 10)
        + """
        1.10 < A seq 1 ack 1 win 60000 <sack 4001:5001>
        1.10 > A seq 10001:11001                         # limited transmit
        1.10 < A seq 1 ack 1 win 60000 <sack 4001:6001>
        1.10 > A seq 11001:12001
        1.10 < A seq 1 ack 1 win 60000 <sack 4001:7001>
        1.10 > A seq 1:1001
        1.10 < A seq 1 ack 1 win 60000 <sack 4001:8001>
        1.10 > A seq 1001:2001
        1.10 < A seq 1 ack 1 win 60000 <sack 4001:9001>
        1.10 > A seq 2001:3001
        """,
        opened=False,
        initial_window_segments=10,
        congestion_control="cubic",
        **MODERN,
    )
    prr = player.connection.tcb.prr
    assert prr is not None
    assert prr.delivered == prr.out == 3000


@pytest.mark.parametrize("control", ["reno", "newreno", "cubic"])
@pytest.mark.parametrize("rack", [False, True])
def test_recovery_ends_at_ssthresh_and_never_falls_silent(control: str, rack: bool) -> None:
    """One loss in a long transfer: without PRR nothing is sent for half a round trip."""

    def longest_silence(prr: bool) -> int:
        config = Config(
            congestion_control=control,
            prr=prr,
            rack=rack,
            initial_ssthresh=60_000,
            receive_buffer=1_000_000,
            send_buffer=1_000_000,
        )
        simulation, sink = transfer(
            2_000_000,
            config,
            LinkConfig(rate_bps=10_000_000, delay_ns=10 * MS, drop_offsets=(1_000_000,)),
        )
        assert bytes(sink.received) == pattern(2_000_000)
        log = simulation.hosts[0].log
        changes = [event for event in log if isinstance(event, CongestionChanged)]
        begins = next(event.at_ns for event in changes if event.mode == "fast recovery")
        last = next(
            event for event in changes if event.at_ns > begins and event.mode != "fast recovery"
        )
        if prr:
            assert last.cwnd == last.ssthresh
        sent = [
            event.at_ns
            for event in log
            if isinstance(event, SegmentSent) and begins <= event.at_ns <= last.at_ns
        ]
        return max(after - before for before, after in itertools.pairwise(sent))

    assert longest_silence(prr=True) < longest_silence(prr=False) / 4


def test_what_was_delivered_counts_once_though_a_timeout_forgets_it() -> None:
    """SACK marks are discarded at a time-out (RFC 6675 section 5.1); the octets had arrived."""
    player = play(
        OPEN
        + "1 write 4000\n1 > A seq 1:1001\n1 > A seq 1001:2001\n1 > A seq 2001:3001\n"
        + """
        1 > PA seq 3001:4001
        1.1 < A seq 1 ack 1 win 60000 <sack 3001:4001>
        2 > A seq 1:1001
        2.1 < A seq 1 ack 4001 win 60000
        """,
        opened=False,
        sack=True,
    )
    out = player.connection.tcb.out
    assert (out.newly_delivered, out.newly_acknowledged) == (3000, 4000)


# Duplicate SACK: RFC 2883


def test_what_arrives_twice_is_reported_first() -> None:
    play(
        OPEN
        + """
        1 < A seq 1:1001 ack 1 win 60000
        1 < A seq 1001:2001 ack 1 win 60000
        1 > A seq 1 ack 2001
        2 < A seq 1:1001 ack 1 win 60000                 # below what is acknowledged
        2 > A seq 1 ack 2001 <sack 1:1001>
        3 < A seq 4001:5001 ack 1 win 60000
        3 > A seq 1 ack 2001 <sack 4001:5001>
        4 < A seq 4001:5001 ack 1 win 60000              # inside a block beyond a gap
        4 > A seq 1 ack 2001 <sack 4001:5001 4001:5001>
        5 < A seq 1501:2501 ack 1 win 60000              # in part
        5 > A seq 1 ack 2501 <sack 1501:2001 4001:5001>
        6 < A seq 5001:6001 ack 1 win 60000              # and each once only
        6 > A seq 1 ack 2501 <sack 4001:6001>
        """,
        opened=False,
        sack=True,
        dsack=True,
    )


def test_reports_of_duplicates_make_rack_more_patient() -> None:
    """Each round trip with one: another quarter of the least round trip."""
    player = play(
        OPEN
        + "1 write 4000\n"
        + "1 > A seq 1:1001\n1 > A seq 1001:2001\n1 > A seq 2001:3001\n1 > PA seq 3001:4001\n"
        + """
        1.1 < A seq 1 ack 2001 win 60000 <sack 1:1001>
        1.1 < A seq 1 ack 3001 win 60000 <sack 1:1001>   # the same round: counts once
        1.1 < A seq 1 ack 4001 win 60000
        """,
        opened=False,
        sack=True,
        rack=True,
    )
    assert player.connection.tcb.rack.reo_wnd_mult == 2


# F-RTO: RFC 5682


def test_a_spurious_timeout_is_taken_back() -> None:
    """The path takes two seconds once: the acknowledgments of the originals come, one by one."""
    play(
        "1 write 10000\n"
        + flight(1, 4)
        + """
        2 > A seq 1:1001
        2 cwnd 1000
        2.1 < A seq 1 ack 1001 win 60000                 # of the original, or not
        2.1 > A seq 4001:5001                            # two new ones, to find out
        2.1 > A seq 5001:6001
        2.2 < A seq 1 ack 2001 win 60000                 # of what was not sent again
        2.2 > A seq 6001:7001
        2.2 event TimeoutUndone
        2.2 ssthresh 1073741824
        2.2 mode slow start
        2.2 cwnd 5000                                    # FlightSize and what was acknowledged
        """,
        frto=True,
        initial_window_segments=4,
    )


def test_a_real_timeout_goes_on_as_without() -> None:
    play(
        "1 write 10000\n"
        + flight(1, 4)
        + """
        2 > A seq 1:1001
        2.1 < A seq 1 ack 1001 win 60000
        2.1 > A seq 4001:5001
        2.1 > A seq 5001:6001
        2.2 < A seq 1 ack 1001 win 60000                 # a duplicate: 2 to 4 are lost
        2.2 > A seq 1001:2001
        2.2 cwnd 3000                                    # the two new ones, and this one
        2.2 noevent TimeoutUndone
        """,
        frto=True,
        initial_window_segments=4,
    )


def test_without_new_data_frto_does_nothing() -> None:
    play(
        "1 write 3000\n1 > A seq 1:1001\n1 > A seq 1001:2001\n1 > PA seq 2001:3001\n"
        + """
        2 > A seq 1:1001
        2.1 < A seq 1 ack 1001 win 60000
        2.1 > A seq 1001:2001
        2.1 > PA seq 2001:3001
        """,
        frto=True,
        initial_window_segments=4,
    )


def test_a_path_that_stalls_costs_one_retransmission() -> None:
    """From some moment on all acknowledgments come 0.4 s late; without F-RTO the whole flight is
    sent again.
    """

    def retransmissions(frto: bool) -> tuple[int, int]:
        config = Config(frto=frto, sack=False, timestamps=False, rto_min_ns=200 * MS)
        stalled = range(60, 1000)
        simulation, sink = transfer(
            300_000,
            config,
            LinkConfig(delay_ns=20 * MS, rate_bps=8_000_000),
            LinkConfig(delay_ns=20 * MS, reorder_at=stalled, reorder_delay_ns=400 * MS),
        )
        assert bytes(sink.received) == pattern(300_000)
        log = simulation.hosts[0].log
        return len(resent(log)), sum(isinstance(event, TimeoutUndone) for event in log)

    many, never = retransmissions(False)
    few, once = retransmissions(True)
    assert (never, once) == (0, 1)
    assert few < many


@pytest.mark.parametrize("control", ["newreno", "cubic"])
@pytest.mark.parametrize("seed", range(3))
def test_all_of_them_together_deliver(control: str, seed: int) -> None:
    config = Config(congestion_control=control, frto=True, **MODERN)
    link = LinkConfig(
        rate_bps=10_000_000, queue_segments=20, loss=0.05, reorder=0.05, duplicate=0.05, seed=seed
    )
    simulation, sink = transfer(300_000, config, link, LinkConfig(loss=0.05, seed=9), wire=True)
    assert bytes(sink.received) == pattern(300_000)
    assert simulation.hosts[0].connection.tcb.out.pipe == 0


@pytest.mark.parametrize("in_sequence", [False, True])
def test_which_segment_of_an_acknowledgment_gives_racks_round_trip(in_sequence: bool) -> None:
    """The retransmission is the newest; Linux takes the highest that the ACK covers, which left
    earlier and so allows more time.
    """
    played = play(
        OPEN
        + "1 write 10000\n"
        + flight(1, 9)
        + """
        1 > PA seq 9001:10001
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:2001>
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:3001>
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:3001 8001:9001>
        1.1 > A seq 1:1001
        1.22 < A seq 1 ack 4001 win 60000 <sack 8001:9001>
        """
        + "".join(
            f"1.22 > A seq {1000 * n - 999}:{1000 * n + 1}\n" for n in (5, 6, 7)[: 2 + in_sequence]
        ),
        opened=False,
        sack=True,
        rack=True,
        prr=True,
        rack_in_sequence=in_sequence,
        reduce_from_cwnd=True,
        initial_window_segments=10,
    )
    tcb = played.connection.tcb
    assert tcb.out.queue[-1].lost is not in_sequence
    assert tcb.rack.rtt_ns == (220 if in_sequence else 120) * MS


def test_how_far_reordering_reached_is_kept() -> None:
    played = play(
        OPEN
        + "1 write 5000\n"
        + "".join(f"1 > A seq {1000 * n - 999}:{1000 * n + 1}\n" for n in range(1, 5))
        + "1 > PA seq 4001:5001\n"
        + """
        1.1 < A seq 1 ack 1 win 60000 <sack 4001:5001>
        1.1 < A seq 1 ack 1 win 60000 <sack 1001:2001 4001:5001>
        1.1 < A seq 1 ack 5001 win 60000
        """,
        opened=False,
        sack=True,
        rack=True,
        initial_window_segments=10,
    )
    rack = played.connection.tcb.rack
    assert (rack.reordering_octets, rack.reordering_events) == (5000, 2)


@pytest.mark.parametrize("ends", [False, True])
def test_the_fin_may_end_reports_of_duplicates(ends: bool) -> None:
    """RFC 2883 has no such rule: Linux."""
    report = "" if ends else " <sack 1:1001>"
    play(
        OPEN
        + f"""
        1 < A seq 1:1001 ack 1 win 60000
        1 > A seq 1 ack 1001
        1 read 1000
        2 < FA seq 1:1001 ack 1 win 60000
        2 > A seq 1 ack 1002{report}
        """,
        opened=False,
        sack=True,
        dsack=True,
        fin_ends_dsack=ends,
        quick_acks=16,
    )


def test_what_goes_again_at_this_moment_is_not_late_already() -> None:
    """RACK's tie at equal times holds for what goes out in order: RFC 8985 section 6.2 step 2. A
    segment that was first sent then, and has the higher end, left before a retransmission.
    """
    played = play(
        OPEN
        + "1 write 6000\n"
        + flight(1, 5, at="1")
        + "1 > PA seq 5001:6001\n"
        + """
        1 < A seq 1 ack 1 win 60000 <sack 2001:5001>
        1 > A seq 1:1001
        1 > A seq 1001:2001
        1 < A seq 1 ack 1 win 60000 <sack 2001:6001>
        1 < A seq 1 ack 6001 win 60000
        """,
        opened=False,
        sack=True,
        rack=True,
        initial_window_segments=10,
    )
    assert [sent.times for sent in played.connection.tcb.out.queue] == []
