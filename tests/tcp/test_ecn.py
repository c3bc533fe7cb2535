"""Explicit congestion notification: the handshake, who may be marked, what a mark does at either
end; and accurate ECN, which counts marks.
"""

from __future__ import annotations

import pytest

from tcpexp.tcp import Config
from tcpexp.tcp.core.accecn import switch_option
from tcpexp.tcp.core.events import CongestionChanged, Retransmitted, SegmentReceived, SegmentSent
from tcpexp.tcp.core.segment import ACK, CWR, ECE, ECT_0, NOT_ECT, SYN
from tcpexp.tcp.simulator.apps import pattern
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import transfer
from tests.support.tcp_script import play

OPEN = """
0.0 connect
0.0 > SEC seq 0 not-ect <mss 1000>
0.1 < SAE seq 0 ack 1 win 60000 <mss 1000>
0.1 > A seq 1 ack 1 not-ect
"""
ACCURATE = """
0.0 connect
0.0 > SeEC seq 0 not-ect <mss 1000>
0.1 < SAC seq 0 ack 1 win 60000 <mss 1000>
0.1 > AC seq 1 ack 1 not-ect
"""
FOUR = "".join(f"1 > A seq {1 + 1000 * n}:{1001 + 1000 * n} ack 1 ect0\n" for n in range(3))


def test_a_client_asks_and_a_server_agrees() -> None:
    play(OPEN, opened=False, ecn="request")
    play(
        """
        0 listen
        0 < SEC seq 0 win 60000 <mss 1000>
        0 > SAE seq 0 ack 1 not-ect <mss 1000>
        0.1 < A seq 1 ack 1 win 60000
        """,
        opened=False,
        ecn="accept",
    )


@pytest.mark.parametrize("answer", ["SA", "SAEC", "SAC"])
def test_without_agreement_nothing_can_be_marked(answer: str) -> None:
    play(
        f"""
        0 connect
        0 > SEC seq 0
        0.1 < {answer} seq 0 ack 1 win 60000 <mss 1000>
        0.1 > A seq 1 ack 1
        1 write 1000
        1 > PA seq 1:1001 not-ect
        """,
        opened=False,
        ecn="request",
    )


def test_a_repeated_syn_does_not_ask_again() -> None:
    play("0 connect\n0 > SEC seq 0\n1 > S seq 0", opened=False, ecn="request")


def test_a_mark_is_echoed_until_the_sender_says_that_it_has_reduced() -> None:
    play(
        OPEN
        + """
        1 < A seq 1:1001 ack 1 win 60000 ect0
        1 < A seq 1001:2001 ack 1 win 60000 ce
        1 > AE seq 1 ack 2001 not-ect
        2 < A seq 2001:3001 ack 1 win 60000 ect0
        2 < A seq 3001:4001 ack 1 win 60000 ect0
        2 > AE seq 1 ack 4001
        3 < AC seq 4001:5001 ack 1 win 60000 ect0
        3 < A seq 5001:6001 ack 1 win 60000 ect0
        3 > A seq 1 ack 6001
        4 < AC seq 6001:7001 ack 1 win 60000 ce     # a mark on the answer itself counts
        4 < A seq 7001:8001 ack 1 win 60000 ect0
        4 > AE seq 1 ack 8001
        """,
        opened=False,
        ecn="request",
    )


def test_an_echo_halves_the_window_once_and_the_next_new_data_say_so() -> None:
    play(
        OPEN
        + """
        1 write 20000
        """
        + "".join(f"1 > A seq {1 + 1000 * n}:{1001 + 1000 * n} ect0\n" for n in range(10))
        + """
        1.1 < AE seq 1 ack 1001 win 60000
        1.1 cwnd 5000                           # flight of 10 segments / 2, and no growth
        1.1 ssthresh 5000
        1.2 < AE seq 1 ack 3001 win 60000       # the same window: once is enough
        1.2 cwnd 5000
        1.3 < AE seq 1 ack 6001 win 60000
        1.3 > AC seq 10001:11001 ect0
        1.4 < A seq 1 ack 10001 win 60000
        1.4 > A seq 11001:12001 ect0
        1.4 > A seq 12001:13001 ect0
        1.4 > A seq 13001:14001 ect0
        1.4 > A seq 14001:15001 ect0
        1.5 < AE seq 1 ack 11001 win 60000      # a later window: again
        1.5 cwnd 2500
        """,
        opened=False,
        ecn="request",
        initial_window_segments=10,
    )


def test_a_retransmission_cannot_be_marked_and_a_loss_is_told_like_a_mark() -> None:
    play(
        OPEN
        + """
        1 write 3000
        1 > A seq 1:1001 ect0
        1 > A seq 1001:2001 ect0
        1 > PA seq 2001:3001 ect0
        2 > A seq 1:1001 not-ect                # the timer
        2.1 < A seq 1 ack 3001 win 60000
        2.2 write 1000
        2.2 > PAC seq 3001:4001 ect0
        """,
        opened=False,
        ecn="request",
    )


def test_accurate_client() -> None:
    """The first acknowledgment tells how the SYN,ACK arrived, later ones count from five."""
    play(
        ACCURATE
        + """
        1 < AeE seq 1:1001 ack 1 win 60000 ect0          # ACE 5: nothing marked
        1 < AeE seq 1001:2001 ack 1 win 60000 ect0
        1 > AeE seq 1 ack 2001 not-ect
        2 < AeE seq 2001:3001 ack 1 win 60000 ce         # a change is told at once
        2 > AeC seq 1 ack 3001
        3 < AeE seq 3001:4001 ack 1 win 60000 ce
        3 < AeE seq 4001:5001 ack 1 win 60000 ce         # every second mark, too
        3 > A seq 1 ack 5001                             # 8 modulo 8
        """,
        opened=False,
        ecn="accurate",
        accecn_option=False,
    )


@pytest.mark.parametrize(
    ("mark", "flags", "first"),
    [
        ("not-ect", "SAC", "AC"),
        ("ect1", "SAEC", "AEC"),
        ("ect0", "SAe", "Ae"),
        ("ce", "SAeC", "AeC"),
    ],
)
def test_accurate_handshake_tells_the_field_of_both_syns(mark: str, flags: str, first: str) -> None:
    play(
        f"""
        0 listen
        0 < SeEC seq 0 win 60000 {mark} <mss 1000>
        0 > {flags} seq 0 ack 1 not-ect <mss 1000>
        """,
        opened=False,
        ecn="accurate",
        accecn_option=False,
    )
    play(
        f"""
        0.0 connect
        0.0 > SeEC seq 0
        0.1 < SAC seq 0 ack 1 win 60000 {mark} <mss 1000>
        0.1 > {first} seq 1 ack 1 not-ect
        """,
        opened=False,
        ecn="accurate",
        accecn_option=False,
    )


@pytest.mark.parametrize(
    ("answer", "sent"), [("SAE", "ect0"), ("SA", "not-ect"), ("SAeEC", "not-ect"), ("SAeE", "ect0")]
)
def test_accurate_client_falls_back(answer: str, sent: str) -> None:
    """RFC 9768, table 2: the older kind, none, a server that reflects the flags; and the reserved
    combination, which is accurate ECN.
    """
    first = "AC" if answer == "SAeE" else "A"
    flags = "PAeE" if answer == "SAeE" else "PA"
    play(
        f"""
        0 connect
        0 > SeEC seq 0
        0.1 < {answer} seq 0 ack 1 win 60000 <mss 1000>
        0.1 > {first} seq 1 ack 1
        1 write 1000
        1 > {flags} seq 1:1001 {sent}
        """,
        opened=False,
        ecn="accurate",
        accecn_option=False,
    )


def test_accurate_syn_is_asked_twice_and_then_plain() -> None:
    play(
        "0 connect\n0 > SeEC seq 0\n1 > SeEC seq 0\n3 > S seq 0\n7 > S seq 0",
        opened=False,
        ecn="accurate",
    )


def test_accurate_server_that_is_answered_with_zero_sets_no_mark() -> None:
    play(
        """
        0 listen
        0 < SeEC seq 0 win 60000 <mss 1000>
        0 > SAC seq 0 ack 1
        0.1 < A seq 1 ack 1 win 60000           # ACE 0: the client has none, or it was cleared
        1 write 1000
        1 > PAeE seq 1:1001 not-ect
        1.1 < A seq 1 ack 1001 win 60000        # and is not believed
        """,
        opened=False,
        ecn="accurate",
        accecn_option=False,
    )


def test_accurate_sender_counts_marks_and_reduces_once_per_window() -> None:
    player = play(
        ACCURATE
        + "1 write 20000\n"
        + "".join(f"1 > AeE seq {1 + 1000 * n}:{1001 + 1000 * n} ect0\n" for n in range(10))
        + """
        1.1 < AeC seq 1 ack 2001 win 60000      # ACE 6: one mark
        1.1 cwnd 5000
        1.2 < A seq 1 ack 5001 win 60000        # ACE 0: two more
        1.2 cwnd 5000
        1.3 < A seq 1 ack 6001 win 60000        # the same count: none
        1.3 > AeE seq 10001:11001 ect0          # no CWR: the flags are the counter
        """,
        opened=False,
        ecn="accurate",
        accecn_option=False,
        initial_window_segments=10,
    )
    counters = player.connection.tcb.ecn.counters
    assert counters is not None
    assert counters.s_cep == 8


@pytest.mark.parametrize(
    ("octets", "fields", "marks"), [(9_000, (), 2), (10_000, (), 10), (10_000, (1, 1_000), 2)]
)
def test_accurate_field_may_have_gone_round(
    octets: int, fields: tuple[int, ...], marks: int
) -> None:
    """RFC 9768 appendix A.2: ten segments acknowledged at once can hide eight marks, nine cannot;
    the option's octets decide.
    """
    option = f" <ecn0 {' '.join(map(str, fields))}>" if fields else ""
    player = play(
        ACCURATE
        + "1 write 10000\n"
        + "".join(
            f"1 > {'P' if n == 9 else ''}AeE seq {1 + 1000 * n}:{1001 + 1000 * n}\n"
            for n in range(10)
        )
        + f"1.1 < AeEC seq 1 ack {1 + octets} win 60000{option}\n",
        opened=False,
        ecn="accurate",
        accecn_option=False,
        initial_window_segments=10,
    )
    counters = player.connection.tcb.ecn.counters
    assert counters is not None
    assert counters.s_cep == 5 + marks


def test_accurate_option_counts_octets_and_leaves_unchanged_counters_away() -> None:
    play(
        """
        0.0 connect
        0.0 > SeEC seq 0
        0.1 < SAC seq 0 ack 1 win 60000 <mss 1000, ecn0 1 0 1>
        0.1 > AC seq 1 ack 1 <ecn0 1 0 1>
        1 < AeE seq 1:1001 ack 1 win 60000 ect0
        1 < AeE seq 1001:2001 ack 1 win 60000 ect0
        1 > AeE seq 1 ack 2001 <ecn0 2001>
        2 < AeE seq 2001:3001 ack 1 win 60000 ce
        2 > AeC seq 1 ack 3001 <ecn0 2001 1000>
        """,
        opened=False,
        ecn="accurate",
    )


@pytest.mark.parametrize("ecn", ["request", "accurate"])
@pytest.mark.parametrize("control", ["newreno", "cubic"])
def test_marks_in_place_of_losses(ecn: str, control: str) -> None:
    """A queue that marks from ten segments on is never overrun, and nothing is sent again."""
    config = Config(congestion_control=control, ecn=ecn)
    link = LinkConfig(rate_bps=10_000_000, queue_segments=60, mark_queue=10)
    simulation, sink = transfer(3_000_000, config, link, wire=True)
    sender = simulation.hosts[0]
    assert bytes(sink.received) == pattern(3_000_000)
    assert sender.link.marked > 10
    assert sender.link.overflowed == 0
    assert not [event for event in sender.log if isinstance(event, Retransmitted)]
    reductions = [
        event
        for event in sender.log
        if isinstance(event, CongestionChanged) and event.cause == "ECN"
    ]
    assert 3 < len(reductions) < sender.link.marked
    sent = [event.segment for event in sender.log if isinstance(event, SegmentSent)]
    assert {segment.ecn for segment in sent if segment.payload} == {ECT_0}
    assert {segment.ecn for segment in sent if not segment.payload} == {NOT_ECT}
    heard = [event.segment for event in sender.log if isinstance(event, SegmentReceived)]
    if ecn == "request":
        assert sum(bool(segment.flags & CWR) for segment in sent if segment.payload) == len(
            reductions
        )
        assert any(segment.flags & (ECE | ACK | SYN) == ECE | ACK for segment in heard)
    else:
        counters = sender.connection.tcb.ecn.counters
        assert counters is not None
        assert counters.s_cep - 5 == sender.link.marked


def test_a_path_that_clears_the_field_is_harmless() -> None:
    link = LinkConfig(rate_bps=10_000_000, queue_segments=20, mark_queue=5, bleach=True)
    simulation, sink = transfer(500_000, Config(ecn="accurate"), link)
    assert bytes(sink.received) == pattern(500_000)
    assert simulation.hosts[0].link.marked == 0


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="'off', 'accept', 'request' or 'accurate'"):
        Config(ecn="yes")


def test_a_syn_ack_that_comes_again_is_answered_with_its_own_field() -> None:
    """RFC 9768 section 3.2.2.1: the first arrived unmarked, the second with ECT(0)."""
    play(
        ACCURATE
        + """
        0.2 < SAC seq 0 ack 1 win 60000 ect0 <mss 1000>
        0.2 > Ae seq 1 ack 1 not-ect
        """,
        opened=False,
        ecn="accurate",
        accecn_option=False,
    )


@pytest.mark.parametrize(("as_client", "syn"), [("request", "SEC"), ("off", "S")])
def test_a_client_may_ask_for_less_than_a_server_takes(as_client: str, syn: str) -> None:
    script = f"0 connect\n0 > {syn} seq 0 not-ect <mss 1000>"
    play(script, opened=False, ecn="accurate", ecn_as_client=as_client)


def test_the_flags_of_a_syn_may_go_again() -> None:
    script = "0 connect\n0 > SEC seq 0 <mss 1000>\n1 > {} seq 0 <mss 1000>"
    play(script.format("S"), opened=False, ecn="request")
    play(script.format("SEC"), opened=False, ecn="request", ecn_syn_retries=1)


def test_all_counters_go_with_data_once_the_peer_has_shown_that_its_option_gets_through() -> None:
    """Segments are smaller by the option's twelve octets."""
    settings = {"ecn": "accurate", "accecn_everywhere": True, "accecn_order": 1}
    play(
        """
        0.0 connect
        0.0 > SeEC seq 0 <mss 1000>
        0.1 < SAC seq 0 ack 1 win 60000 <mss 1000, ecn0 1 0 1>
        0.1 > AC seq 1 ack 1 <ecn1 1 0 1>
        0.2 write 2000
        0.2 > AeE seq 1:989 ack 1 <ecn1 1 0 1>
        0.2 > AeE seq 989:1977 ack 1 <ecn1 1 0 1>
        0.2 > APeE seq 1977:2001 ack 1 <ecn1 1 0 1>
        """,
        opened=False,
        nagle=False,
        **settings,
    )
    play(ACCURATE + "0.2 write 1000\n0.2 > APeE seq 1:1001 ack 1", opened=False, **settings)


def test_data_take_the_options_room_where_it_is_switched_off() -> None:
    """RFC 9768 section 3.2.3.3: whether there is one is the sender's choice."""
    player = play(
        """
        0.0 connect
        0.0 > SeEC seq 0 <mss 1000>
        0.1 < SAC seq 0 ack 1 win 60000 <mss 1000, ecn0 1 0 1>
        0.1 > AC seq 1 ack 1 <ecn1 1 0 1>
        """,
        opened=False,
        ecn="accurate",
        accecn_everywhere=True,
        accecn_order=1,
        initial_window_segments=10,
    )
    tcb = player.connection.tcb
    assert (tcb.eff_snd_mss, tcb.congestion.cwnd) == (988, 9880)
    switch_option(tcb, False)
    assert (tcb.eff_snd_mss, tcb.congestion.cwnd) == (1000, 10_000)
    switch_option(tcb, False)
    assert tcb.eff_snd_mss == 1000
    player.play("0.2 write 1000\n0.2 > APeE seq 1:1001 ack 1 <>")
    switch_option(tcb, True)
    player.play("0.2 write 988\n0.2 > APeE seq 1001:1989 ack 1 <ecn1 1 0 1>")
