"""What gap fillers hold, and how far packets were overtaken, beside plain counting."""

import random

import numpy as np
import pytest

from tcpexp.diagnosis.judged import judged_segments
from tcpexp.diagnosis.order import _filled_below, with_extent
from tests.support.crafting import Talk
from tests.support.diagnosed import findings_of, tables_of


@pytest.mark.parametrize("seed", range(20))
def test_bytes_below_a_position_are_counted_once(seed) -> None:
    drawn = random.Random(seed)
    begins = [drawn.randrange(40) for _ in range(drawn.randrange(6))]
    fillers = sorted((begin, begin + drawn.randrange(1, 8)) for begin in begins)
    held = {byte for begin, end in fillers for byte in range(begin, end)}
    below = _filled_below(np.array(fillers, dtype=np.int64).reshape(-1, 2))
    for position in range(50):
        assert below(position) == sum(byte < position for byte in held)


def test_the_extent_is_the_number_of_packets_that_came_before_although_they_belong_behind() -> None:
    talk = Talk().open()
    order = (0, 2, 3, 1, 6, 5, 4, 7)
    for place in order:
        talk.send(0, "A", 1 + place * 100, 1, 100, after_ns=50_000_000, ip_id=10 + place)
    found = with_extent(judged_segments(*tables_of(talk)))
    extents = dict(zip(((found["begin"] - 1) // 100).to_list(), found["extent"], strict=True))
    plain = {
        place: sum(earlier > place for earlier in order[: order.index(place)])
        for place in (1, 4, 5)
    }
    assert extents == plain


def test_acks_before_the_first_packet_of_the_other_end_tell_what_was_not_captured() -> None:
    talk = Talk()
    for covered in (1, 2921, 5841):
        talk.send(0, "A", 1, covered)
    talk.send(1, "A", 5841, 1, 1460)
    (finding,) = findings_of(talk, kind="acked_unseen")
    assert finding.packets == (2, 3) and "5840 bytes" in finding.sentence
    # an ACK that was only written before its data tells nothing of that kind
    early = Talk().send(0, "A", 1, 1).send(0, "A", 1, 101).send(1, "A", 1, 1, 100)
    assert not findings_of(early, kind="acked_unseen")


def test_a_reset_with_data_in_front_of_all_else_has_no_place_among_the_numbers() -> None:
    talk = Talk()
    talk.send(1, "R", 0, 0, 30)
    talk.send(0, "S", 0, 0)
    talk.send(1, "SA", 0, 1)
    talk.send(0, "A", 1, 1)
    for seq in (1, 201, 101):
        talk.send(1, "A", seq, 1, 100, after_ns=50_000_000)
        talk.send(0, "A", 1, 101 if seq == 201 else seq + 100, after_ns=1_000_000)
    rows = judged_segments(*tables_of(talk)).filter("rst")
    assert rows["begin"].to_list() == [None] and rows["repeated"].to_list() == [0]
    assert findings_of(talk, kind="lost_segments")
