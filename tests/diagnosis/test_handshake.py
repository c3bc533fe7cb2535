"""How connections were opened, in words."""

import pytest

from tests.support.crafting import Talk
from tests.support.diagnosed import findings_of

MS = 1_000_000


def only(*talks, kind):
    (finding,) = findings_of(*talks, kind=kind)
    return finding


def test_a_plain_handshake_has_its_times() -> None:
    talk = Talk()
    talk.send(0, "S").send(1, "SA", 0, 1, after_ns=20 * MS).send(0, "A", 1, 1, after_ns=MS)
    finding = only(talk, kind="handshake")
    assert (finding.packets, finding.sure) == ((1, 2, 3), "certain")
    assert finding.sentence == (
        "The handshake took 21 ms: SYN, SYN-ACK 20 ms later, ACK 1 ms after that."
    )


def test_without_a_syn_it_says_where_the_capture_begins() -> None:
    talk = Talk().send(0, "PA", 500, 900, 100)
    finding = only(talk, kind="handshake_missing")
    assert "a segment of 100 bytes of the client (packet 1)" in finding.sentence


def test_a_syn_ack_alone_is_half_a_handshake() -> None:
    finding = only(Talk().send(1, "SA", 0, 1).send(0, "A", 1, 1), kind="handshake_missing")
    assert "client's SYN is missing" in finding.sentence
    assert finding.packets == (1,)


def test_repeated_syns_have_their_waits() -> None:
    talk = Talk().send(0, "S").send(0, "S", after_ns=1000 * MS).send(0, "S", after_ns=2000 * MS)
    found = findings_of(talk)[:2]
    assert [finding.kind for finding in found] == ["handshake_unanswered", "handshake_repeated"]
    assert "again 2 times, after 1 s, 2 s" in found[1].sentence
    assert found[0].sure == "likely"


def test_a_reset_refuses() -> None:
    talk = Talk().send(0, "S").send(1, "RA", 0, 1)
    finding = only(talk, kind="handshake_refused")
    assert (finding.packets, finding.by) == ((1, 2), "server")


@pytest.mark.parametrize(
    ("with_ack", "kind"), [(True, "handshake_split"), (False, "handshake_crossed")]
)
def test_two_syns(with_ack, kind) -> None:
    talk = Talk().send(0, "S").send(1, "S")
    if with_ack:
        talk.send(0, "SA", 0, 1).send(1, "A", 1, 1)
    assert only(talk, kind=kind).packets[:2] == (1, 2)


def test_a_syn_with_a_fin_is_odd() -> None:
    assert only(Talk().send(0, "SF"), kind="handshake_odd").by == "client"


def test_a_syn_ack_for_another_syn_is_odd() -> None:
    talk = Talk().send(0, "S").send(1, "SA", 0, -5000)
    assert only(talk, kind="handshake_odd").packets == (2,)


def test_after_a_second_syn_ack_with_another_number_positions_are_those_of_the_one_in_use() -> None:
    talk = Talk(isn=(1000, 99_000_000)).send(0, "S").send(0, "S", after_ns=1000 * MS)
    talk.send(1, "SA", 0, 1).send(0, "A", 1, 1).send(0, "PA", 1, 1, 100)
    talk.isn = (1000, 5000)
    talk.send(1, "SA", 0, 1, after_ns=500 * MS).send(0, "A", 101, 1)
    talk.send(1, "A", 1, 101)
    for at in range(3):
        talk.send(1, "A", 1 + at * 100, 101, 100, ip_id=50 + at).send(0, "A", 101, 101 + at * 100)
    found = findings_of(talk)
    assert (
        "different sequence numbers" in next(f for f in found if f.kind == "handshake_odd").sentence
    )
    assert not {"spurious_retransmissions", "lost_segments", "acked_unseen"} & {
        f.kind for f in found
    }
    (volume,) = (f for f in found if f.kind == "volume" and f.by == "server")
    assert "300 bytes in 3 segments" in volume.sentence


def test_a_syn_within_an_open_connection_changes_no_numbers() -> None:
    talk = Talk().open().send(1, "A", 1, 1, 100).send(0, "A", 1, 101)
    talk.send(1, "SA", 70_000_000, 1)
    talk.send(1, "A", 101, 1, 100, ip_id=9).send(0, "A", 1, 201)
    kinds = {finding.kind for finding in findings_of(talk)}
    assert not {"spurious_retransmissions", "lost_segments", "reordered", "not_captured"} & kinds
