"""What was sent again: lost where, repaired how, needed or not."""

from tests.support.crafting import Talk, options
from tests.support.diagnosed import findings_of

MS = 1_000_000


def stamped(value, echo, **more):
    return {"tail": options(ts=(value, echo), **more)}


def test_three_duplicates_ask_for_a_fast_retransmission() -> None:
    talk = Talk().open()
    for at in range(5):
        talk.send(0, "A", 1 + 100 * at, 1, 100, after_ns=MS, ip_id=at + 5)
    talk.send(1, "A", 1, 101)
    for _ in range(3):
        talk.send(1, "A", 1, 101, after_ns=MS)
    talk.send(0, "A", 101, 1, 100, after_ns=MS, ip_id=20).send(1, "A", 1, 501)
    (finding,) = findings_of(talk, kind="lost_segments")
    assert finding.packets == (13,)
    assert "1 segment of the client was sent again, by fast retransmission" in finding.sentence
    assert (finding.sure, finding.by) == ("likely", "client")


def test_after_a_long_silence_it_was_a_timeout() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100)
    talk.send(0, "A", 1, 1, 100, after_ns=300 * MS, ip_id=2)
    (finding,) = findings_of(talk, kind="lost_segments")
    assert "after a timeout, 300 ms after the last time" in finding.sentence


def test_the_last_segment_soon_again_is_a_probe() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100)
    talk.send(0, "A", 1, 1, 100, after_ns=30 * MS, ip_id=2)
    (finding,) = findings_of(talk, kind="lost_segments")
    assert "tail loss probe" in finding.sentence


def test_a_gap_that_is_filled_was_lost_before_the_capture() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100, ip_id=10).send(0, "A", 201, 1, 100, ip_id=12)
    talk.send(1, "A", 1, 101).send(0, "A", 101, 1, 100, after_ns=400 * MS, ip_id=13)
    (finding,) = findings_of(talk, kind="lost_segments")
    assert "missing at first and comes later" in finding.sentence
    assert "IP ids" in finding.because


def test_a_dsack_says_that_it_was_needless() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100)
    talk.send(0, "A", 1, 1, 100, after_ns=300 * MS, ip_id=2)
    talk.send(1, "A", 1, 101).send(1, "A", 1, 101, sacks=[(1, 101)])
    (finding,) = findings_of(talk, kind="spurious_retransmissions")
    assert (finding.packets, finding.source, finding.sure) == ((5,), "RFC 2883", "certain")
    assert findings_of(talk, kind="lost_segments") == []


def test_eifel_by_the_stamp_of_the_first_transmission() -> None:
    talk = Talk()
    talk.send(0, "S", **stamped(1, 0, mss=1460)).send(1, "SA", 0, 1, **stamped(50, 1, mss=1460))
    talk.send(0, "A", 1, 1, **stamped(2, 50))
    talk.send(0, "A", 1, 1, 100, **stamped(3, 50))
    talk.send(0, "A", 1, 1, 100, after_ns=300 * MS, ip_id=2, **stamped(303, 50))
    talk.send(1, "A", 1, 101, **stamped(60, 3))
    (finding,) = findings_of(talk, kind="spurious_retransmissions")
    assert finding.source.startswith("RFC 3522")


def test_a_repair_whose_stamp_comes_back_was_needed() -> None:
    talk = Talk()
    talk.send(0, "S", **stamped(1, 0, mss=1460)).send(1, "SA", 0, 1, **stamped(50, 1, mss=1460))
    talk.send(0, "A", 1, 1, **stamped(2, 50))
    talk.send(0, "A", 1, 1, 100, **stamped(3, 50))
    talk.send(0, "A", 1, 1, 100, after_ns=300 * MS, ip_id=2, **stamped(303, 50))
    talk.send(1, "A", 1, 101, **stamped(60, 303))
    assert findings_of(talk, kind="spurious_retransmissions") == []
    assert len(findings_of(talk, kind="lost_segments")) == 1


def test_what_the_capture_saw_acknowledged_was_needless() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 100).send(1, "A", 1, 101)
    talk.send(0, "A", 1, 1, 100, after_ns=300 * MS, ip_id=2)
    (finding,) = findings_of(talk, kind="spurious_retransmissions")
    assert "the capture had seen it" in finding.because


def test_what_a_timer_sends_again_is_no_fast_retransmission_although_sack_had_asked() -> None:
    talk = Talk().open()
    for at in range(3):
        talk.send(0, "A", 1 + 100 * at, 1, 100, after_ns=MS, ip_id=at + 5)
    talk.send(1, "A", 1, 1, sacks=[(201, 301)], after_ns=20 * MS)
    talk.send(0, "A", 1, 1, 100, after_ns=3000 * MS, ip_id=20)
    talk.send(1, "A", 1, 101, sacks=[(201, 301)], after_ns=20 * MS)
    # what was lost too follows the ACK of it, in the same recovery
    talk.send(0, "A", 101, 1, 100, ip_id=21).send(1, "A", 1, 301, after_ns=20 * MS)
    (finding,) = findings_of(talk, kind="lost_segments")
    assert finding.packets == (8, 10) and "after a timeout" in finding.sentence


def test_a_repair_of_which_a_part_was_new_was_needed() -> None:
    talk = Talk().open().send(0, "A", 1, 1, 200).send(0, "A", 201, 1, 200)
    talk.send(1, "A", 1, 1, sacks=[(101, 201), (201, 401)], after_ns=20 * MS)
    talk.send(0, "A", 1, 1, 200, after_ns=400 * MS, ip_id=9)
    talk.send(1, "A", 1, 401, sacks=[(101, 201)], after_ns=20 * MS)
    assert not findings_of(talk, kind="spurious_retransmissions")
    talk.send(0, "A", 201, 1, 200, after_ns=400 * MS, ip_id=10)
    # one that is cut on its way is reported in parts
    talk.send(1, "A", 1, 401, sacks=[(201, 301)], after_ns=20 * MS)
    talk.send(1, "A", 1, 401, sacks=[(301, 401)])
    (finding,) = findings_of(talk, kind="spurious_retransmissions")
    assert finding.packets == (9,)
