"""The ladder on a narrow figure: states in rows of their own, labels in two lines."""

import dataclasses
from itertools import pairwise

from tcpexp.plots.kit.style import WIDTH
from tcpexp.plots.ladderlook import layout_for, spread_states, two_lines
from tcpexp.views.ladder import ladder_view
from tests.support.fake_run import one_connection

PHONE = 3.6


def view_of(tmp_path):
    view = ladder_view(one_connection(tmp_path), "", 1, 30)
    assert view is not None
    return view


def test_a_file_is_drawn_as_wide_as_ever_and_a_phone_has_room_for_the_times(tmp_path):
    view = view_of(tmp_path)
    wide, narrow = layout_for(WIDTH, view), layout_for(PHONE, view)
    assert (round(wide.left, 2), round(wide.right, 2)) == (2.75, 6.85)
    assert not wide.states_between and narrow.states_between
    assert 0.5 < narrow.left < 0.8 and narrow.right == PHONE - narrow.left
    late = dataclasses.replace(view.arrows[-1], sent_ns=12345 * 10**9, received_ns=None)
    longer = dataclasses.replace(view, arrows=(*view.arrows, late))
    assert layout_for(PHONE, longer).left > narrow.left


def test_no_state_shares_a_row_with_another_or_with_the_end_of_an_arrow(tmp_path):
    view = view_of(tmp_path)
    spread = spread_states(view)
    ends = {
        left: sorted(
            arrow.from_row if arrow.to_right == left else arrow.to_row
            for arrow in spread.arrows
            if arrow.to_right == left or not arrow.lost
        )
        for left in (True, False)
    }
    assert len(spread.states) == len(view.states) > 5
    for left in (True, False):
        rows = [change.row for change in spread.states if change.left == left]
        assert all(later - row > 0.8 for row, later in pairwise(rows))
        assert all(abs(row - end) > 0.3 for row in rows for end in ends[left])
    order = sorted(view.arrows, key=lambda arrow: arrow.from_row)
    assert [arrow.text for arrow in sorted(spread.arrows, key=lambda arrow: arrow.from_row)] == [
        arrow.text for arrow in order
    ]
    assert spread.rows >= max(change.row for change in spread.states)


def test_a_label_longer_than_its_arrow_is_broken_between_its_parts(tmp_path):
    view = view_of(tmp_path)
    text = "SYN, ACK  seq 0 = 3206411361  ack 1  win 65,160"
    narrow = layout_for(PHONE, view)
    assert two_lines(text, 2.2, narrow) == "SYN, ACK  seq 0 = 3206411361\nack 1  win 65,160"
    assert two_lines(text, 9.0, narrow) == text and two_lines("ACK", 0.1, narrow) == "ACK"
    assert two_lines(text, 2.2, layout_for(WIDTH, view)) == text
    long = dataclasses.replace(view.arrows[0], text=f"{text}  [Out-Of-Order]", crossed=False)
    longer = dataclasses.replace(view, arrows=(long,))
    assert [layout_for(width, longer).breaks for width in (WIDTH, 7.4)] == [False, True]
    assert not layout_for(7.4, view).breaks
