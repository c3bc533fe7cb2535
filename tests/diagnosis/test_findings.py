"""One conversation for each kind of finding: what is said of it, and of its like that is none."""

from __future__ import annotations

import dataclasses

import pytest

from tcpexp.diagnosis.describe import describe
from tcpexp.diagnosis.finding import KINDS, Finding, packets_text
from tests.support.crafting import Talk, options
from tests.support.diagnosed import findings_of, tables_of

MS = 1_000_000


def kinds_of(talk):
    return {finding.kind for finding in findings_of(talk)}


def only(talk, kind):
    (finding,) = findings_of(talk, kind=kind)
    return finding


def offered(client, server):
    """A handshake with these options."""
    talk = Talk().send(0, "S", tail=options(**client)).send(1, "SA", 0, 1, tail=options(**server))
    return talk.send(0, "A", 1, 1)


def upload(talk, count, size=1000, first=1, **more):
    """Segments of the client in a row, each with the next IP id."""
    for at in range(count):
        talk.send(0, "A", first + at * size, 1, size, after_ns=MS, ip_id=100 + at, **more)
    return talk


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind"):
        Finding(1, "surprise", "It is.", (), "seen")


def test_packets_in_words() -> None:
    texts = [packets_text(range(1, count + 1)) for count in (0, 1, 2, 3, 5)]
    assert texts == ["", "packet 1", "packets 1 and 2", "packets 1, 2 and 3",
                     "packets 1, 2, 3 and 2 more"]  # fmt: skip


def test_findings_name_connections_and_known_kinds() -> None:
    found = describe(*tables_of(upload(Talk().open(), 3), Talk().open())).findings
    assert {finding.connection for finding in found} == {1, 2}
    assert {finding.kind for finding in found} <= KINDS.keys()
    assert all(dataclasses.asdict(finding)["sentence"].endswith(".") for finding in found)


# ------------------------------------------------------------------------------------------------
# Options


def test_options_of_both_ends_and_what_is_in_use() -> None:
    talk = offered({"mss": 1460, "wscale": 7, "sack_ok": True}, {"mss": 1400, "sack_ok": True})
    sentence = only(talk, "options").sentence
    assert "MSS 1460, window scale 7, SACK; the server MSS 1400, SACK. In use: SACK." in sentence


def test_an_option_that_was_not_offered_is_odd() -> None:
    talk = offered({"mss": 1460}, {"mss": 1460, "wscale": 2})
    assert "window scaling, which the client did not offer" in only(talk, "option_odd").sentence


def test_sack_blocks_without_agreement_are_odd() -> None:
    talk = upload(offered({"mss": 1460}, {"mss": 1460}), 1)
    talk.send(1, "A", 1, 1001, sacks=[(2001, 3001)])
    assert only(talk, "option_odd").by == "server"


def test_a_syn_that_is_repeated_without_options() -> None:
    talk = Talk().send(0, "S", tail=options(mss=1460, wscale=7))
    talk.send(0, "S", after_ns=3000 * MS, tail=options(mss=1460))
    assert only(talk, "option_changed").packets == (1, 2)


# ------------------------------------------------------------------------------------------------
# Order


def test_an_overtaken_packet_is_told_by_its_id() -> None:
    talk = Talk().open()
    for seq, number in ((1, 10), (201, 12), (301, 13), (101, 11)):
        talk.send(0, "A", seq, 1, 100, after_ns=50 * MS, ip_id=number)
    finding = only(talk, "reordered")
    assert "1 packet of the client was overtaken, by up to 2 others" in finding.sentence
    assert (finding.packets, finding.sure) == ((7,), "likely")
    assert "lost_segments" not in kinds_of(talk)


def test_stamps_tell_for_certain() -> None:
    talk = Talk()
    talk.send(0, "S", tail=options(mss=1460, ts=(1, 0)))
    talk.send(1, "SA", 0, 1, tail=options(mss=1460, ts=(1, 1)))
    for seq, stamp in ((1, 10), (201, 12), (101, 11)):
        talk.send(0, "A", seq, 1, 100, after_ns=50 * MS, tail=options(ts=(stamp, 1)))
    assert only(talk, "reordered").sure == "certain"


def test_a_copy_is_said_once_and_is_no_loss() -> None:
    talk = upload(Talk().open(), 2)
    talk.send(0, "A", 1001, 1, 1000, after_ns=MS, ip_id=101)
    finding = only(talk, "copies")
    assert (finding.packets, finding.sure) == ((6,), "certain")
    assert {"lost_segments", "spurious_retransmissions"}.isdisjoint(kinds_of(talk))


def test_a_gap_that_stays_was_not_captured() -> None:
    talk = upload(Talk().open(), 1)
    upload(talk, 1, first=2001).send(1, "A", 1, 3001)
    finding = only(talk, "not_captured")
    assert "1000 bytes that the capture never shows" in finding.sentence
    assert "acknowledged them" in finding.because


def test_an_ack_of_what_was_never_seen() -> None:
    talk = upload(Talk().open(), 1).send(1, "A", 1, 5001)
    assert "up to 4000 bytes" in only(talk, "acked_unseen").sentence


# ------------------------------------------------------------------------------------------------
# Windows and ACKs


def test_a_closed_window_has_its_time_and_its_probes() -> None:
    talk = Talk().open(wscale=(0, 0))
    upload(talk, 1).send(1, "A", 1, 1001, window=0)
    talk.send(0, "A", 1001, 1, 1, after_ns=200 * MS)
    talk.send(1, "A", 1, 1001, window=0, after_ns=0).send(1, "A", 1, 1001, after_ns=100 * MS)
    finding = only(talk, "zero_window")
    assert "closed its window 1 time, for 300 ms in all" in finding.sentence
    assert "probed 1 time" in finding.sentence
    assert finding.by == "server"


def test_a_full_window() -> None:
    talk = upload(Talk().open(wscale=(0, 0)), 1, size=1000)
    assert only(talk, "window_full").packets == (4,)
    assert "window_full" not in kinds_of(upload(Talk().open(wscale=(0, 0)), 1, size=999))


def test_without_a_syn_the_scale_is_not_known_and_no_window_is_full() -> None:
    talk = Talk().send(1, "A", 1, 1, window=10).send(0, "A", 1, 1, 10)
    assert "scale_unknown" in kinds_of(talk)
    assert "window_full" not in kinds_of(talk)


def test_silly_windows() -> None:
    talk = upload(Talk().open(wscale=(None, None)), 3)
    for at in range(3):
        talk.send(1, "A", 1, 1001 + at * 1000, window=40 + at)
    assert "down to 40 bytes" in only(talk, "silly_window").sentence


def test_an_ack_that_waits_for_a_timer() -> None:
    talk = Talk().open(after_ns=MS)
    upload(talk, 1).send(1, "A", 1, 1001, after_ns=MS)
    upload(talk, 1, first=1001).send(1, "A", 1, 2001, after_ns=40 * MS)
    assert "1 ACK of the server came 40 ms after" in only(talk, "delayed_acks").sentence


def test_one_ack_for_many_segments() -> None:
    talk = upload(Talk().open(), 12).send(1, "A", 1, 12_001)
    assert "one ACK for 12 segments" in only(talk, "stretched_acks").sentence


# ------------------------------------------------------------------------------------------------
# Sizes and congestion marks


def test_full_segments_are_the_mss_less_stamps() -> None:
    tail = {"mss": 1460, "ts": (1, 1)}
    talk = offered(tail, tail)
    upload(talk, 4, size=1448, tail=options(ts=(2, 1)))
    assert (
        "hold 1448 bytes: the server's MSS of 1460 less 12" in only(talk, "segment_size").sentence
    )


def test_super_packets_are_larger_than_the_mss() -> None:
    talk = upload(Talk().open(), 2, size=4000)
    assert (
        "2 segments of the client are larger than the MSS" in only(talk, "super_packets").sentence
    )


def test_a_large_segment_in_vain_and_then_a_small_one() -> None:
    talk = Talk().open()
    for at, size in enumerate((1460, 1460, 500)):
        talk.send(0, "A", 1, 1, size, after_ns=1000 * MS, ip_id=at + 5)
    finding = only(talk, "path_mtu")
    assert (finding.packets, finding.sure) == ((4, 5, 6), "unsure")


@pytest.mark.parametrize(
    ("syn", "answer", "words"),
    [
        ("SEC", "SAE", "Both ends use ECN."),
        ("SEC", "SA", "the server does not"),
        ("SEC", "SAEC", "the server does not"),
    ],
)
def test_ecn_is_agreed_on_or_not(syn, answer, words) -> None:
    talk = Talk().send(0, syn).send(1, answer, 0, 1).send(0, "A", 1, 1)
    assert words in only(talk, "ecn").sentence


def test_marks_echoes_and_answers() -> None:
    talk = Talk().send(0, "SEC").send(1, "SAE", 0, 1).send(0, "A", 1, 1)
    talk.send(0, "A", 1, 1, 100, ecn=3).send(1, "AE", 1, 101).send(0, "AC", 101, 1, 100, ecn=2)
    assert only(talk, "congestion_marked").packets == (4,)
    assert only(talk, "congestion_echoed").packets == (5,)
    assert only(talk, "congestion_answered").packets == (6,)


# ------------------------------------------------------------------------------------------------
# Extensions


def fast_open(cookie):
    return options(mss=1460, raw=bytes([34, 2 + len(cookie)]) + cookie)


@pytest.mark.parametrize(
    ("taken", "words"),
    [(101, "The server took all of it."), (1, "did not take the data"), (51, "took 50 of them")],
)
def test_data_in_a_syn(taken, words) -> None:
    talk = Talk().send(0, "S", 0, 0, 100, tail=fast_open(bytes(8)))
    talk.send(1, "SA", 0, taken, tail=options(mss=1460))
    finding = only(talk, "fast_open")
    assert "a Fast Open cookie of 8 bytes and 100 bytes of data" in finding.sentence
    assert words in finding.sentence


def test_a_cookie_that_is_asked_for() -> None:
    talk = Talk().send(0, "S", tail=fast_open(b"")).send(1, "SA", 0, 1, tail=fast_open(bytes(8)))
    assert (
        "asks for a Fast Open cookie. The server gives one of 8" in only(talk, "fast_open").sentence
    )


def test_data_that_the_server_did_not_take_are_sent_again_for_that_reason() -> None:
    talk = Talk().send(0, "S", 0, 0, 100, tail=fast_open(bytes(8)))
    talk.send(1, "SA", 0, 1, tail=options(mss=1460)).send(0, "A", 1, 1, 100, ip_id=2)
    finding = only(talk, "lost_segments")
    assert ("did not take the data of its SYN" in finding.sentence, finding.sure) == (
        True,
        "certain",
    )


@pytest.mark.parametrize(("stamp", "count"), [(0x7_0000_0017, 3), (0x7_0000_0018, 0)])
def test_cookies_are_seen_in_several_stamps_only(stamp, count) -> None:
    talks = []
    for _ in range(3):
        client = options(mss=1460, sack_ok=True, ts=(1, 0), wscale=7)
        server = options(mss=1460, sack_ok=True, ts=(stamp % 2**32, 1), wscale=7)
        talks.append(Talk().send(0, "S", tail=client).send(1, "SA", 0, 1, tail=server))
    assert len(findings_of(*talks, kind="syn_cookie")) == count
    assert findings_of(*talks[:2], kind="syn_cookie") == []


# ------------------------------------------------------------------------------------------------
# Ends, and what cannot be known


def test_both_ends_close() -> None:
    talk = Talk().open().send(1, "FA", 1, 1).send(0, "FA", 1, 2, after_ns=7 * MS)
    assert "the server first, the client 7 ms later" in only(talk, "closed").sentence


def test_a_fin_again_and_only_one_end_closes() -> None:
    talk = Talk().open().send(0, "FA", 1, 1).send(0, "FA", 1, 1, after_ns=500 * MS, ip_id=2)
    assert only(talk, "half_closed").packets == (4,)
    assert only(talk, "fin_repeated").packets == (5,)


def test_a_reset_with_bytes_that_nobody_acknowledged() -> None:
    talk = upload(Talk().open(), 2).send(1, "A", 1, 1001).send(0, "RA", 2001, 1)
    finding = only(talk, "reset")
    assert "1000 bytes that it had sent were not acknowledged" in finding.sentence
    assert "open" not in kinds_of(talk)


def test_one_direction_only() -> None:
    talk = Talk()
    for at in range(3):
        talk.send(0, "A", 1 + at * 100, 1 + at, 100)
    assert only(talk, "one_direction").by == "client"


def test_few_wrong_checksums_are_damage_and_take_no_part() -> None:
    talk = upload(Talk().open(), 4)
    talk.send(0, "A", 999_999, 1, 1000, wrong=1, ip_id=9).send(1, "A", 1, 4001)
    assert only(talk, "damaged").packets == (8,)
    assert {"not_captured", "acked_unseen"}.isdisjoint(kinds_of(talk))


def test_many_wrong_checksums_are_offload() -> None:
    talk = Talk()
    talk.send(0, "S", wrong=1).send(1, "SA", 0, 1).send(0, "A", 1, 1, wrong=1)
    upload(talk, 4, wrong=1).send(1, "A", 1, 4001)
    finding = only(talk, "checksums_unset")
    assert (finding.connection, "offload" in finding.because) == (None, True)
    assert "damaged" not in kinds_of(talk)


def test_a_clock_that_goes_back() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100, after_ns=-5 * MS)
    frames = talk.packets
    packets, connections = tables_of(talk)
    assert len(frames) == packets.height
    assert "clock_back" not in {one.kind for one in describe(packets, connections).findings}
    late = packets.with_columns(t_ns=packets["t_ns"].reverse())
    (finding,) = [one for one in describe(late, connections).findings if one.kind == "clock_back"]
    assert (finding.connection, len(finding.packets)) == (None, packets.height - 1)


def test_where_the_capture_was_made() -> None:
    talk = Talk().send(0, "S").send(1, "SA", 0, 1, after_ns=40 * MS).send(0, "A", 1, 1, after_ns=MS)
    assert "at the client, or near it" in only(talk, "vantage").sentence


def test_a_clock_that_counts_in_long_steps_is_a_doubt_and_so_is_one_that_stands() -> None:
    steps = Talk().open(after_ns=10 * MS)
    for at in range(10):
        steps.send(0, "A", 1 + at * 10, 1, 10, after_ns=10 * MS)
    assert "steps of 10 ms" in only(steps, "clock_coarse").sentence
    steps.send(0, "A", 101, 1, 10, after_ns=3000)
    assert "clock_coarse" not in kinds_of(steps)
    assert "same time" in only(Talk().open(after_ns=0), "clock_coarse").sentence
