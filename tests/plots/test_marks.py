"""Labels of action marks never overlap, and only what belongs on a figure gets a mark."""

import dataclasses

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.plan.types import Firewall, Mark, Step
from tcpexp.plots.marks import MAX_ROWS, place_labels
from tcpexp.views.marks import action_marks
from tests.support.fake_run import SECOND, make_plan, one_connection, shared_bottleneck, write_run

wanted = st.lists(
    st.tuples(st.floats(0, 8.5), st.text("abcdefgh ", min_size=1, max_size=30)), max_size=25
).map(lambda pairs: sorted(pairs, key=lambda pair: pair[0]))


@given(wanted)
def test_labels_never_overlap(labels):
    placed = place_labels(labels, 8.5)
    for index, one in enumerate(placed):
        assert 0 <= one.row < MAX_ROWS
        for other in placed[index + 1 :]:
            apart = one.left + one.width <= other.left or other.left + other.width <= one.left
            assert one.row != other.row or apart


def test_a_crowd_is_counted():
    placed = place_labels([(4 + 0.05 * i, f"a long label number {i}") for i in range(9)], 8.5)
    shown = len(placed)
    assert shown <= MAX_ROWS
    assert (
        sum(int(label.text.rpartition("+")[2]) for label in placed if "+" in label.text)
        == 9 - shown
    )


def test_labels_at_the_same_moment_are_joined():
    assert [
        label.text for label in place_labels([(1.0, "one"), (1.0, "two"), (5.0, "three")], 8.5)
    ] == ["one · two", "three"]


def test_starts_and_marks_are_shown(tmp_path):
    labels = [mark.label for mark in action_marks(shared_bottleneck(tmp_path, 4))]
    assert labels == ["iperf3 cubic h1 → h2", "iperf3 bbr h1 → h2", "halfway and more"]


def test_what_is_undone_in_time_has_a_second_mark_and_hidden_steps_have_none(tmp_path):
    drop = Step(
        "a00",
        0,
        SECOND,
        Firewall("h1", "INPUT", ("-j", "DROP")),
        "drop SYN-ACKs",
        until_ns=3 * SECOND,
    )
    hidden = dataclasses.replace(drop, id="a01", do=Mark("hidden"), mark=False)
    events = [
        {
            "t_ns": t * SECOND,
            "event": event,
            "step": step,
            "kind": "firewall",
            "label": "drop SYN-ACKs",
        }
        for t, event, step in (
            (1, "start", "a00"),
            (1, "start", "a01"),
            (2, "start", "a00"),
            (3, "end", "a00"),
        )
    ]
    run = write_run(tmp_path, make_plan(steps=(drop, hidden)), {"events": pl.DataFrame(events)})
    assert [(mark.t_ns // SECOND, mark.label) for mark in action_marks(run)] == [
        (1, "drop SYN-ACKs"),
        (3, "end: drop SYN-ACKs"),
    ]


def test_a_run_without_events_has_no_marks(tmp_path):
    assert action_marks(write_run(tmp_path, make_plan(), {})) == []
    assert len(action_marks(one_connection(tmp_path / "b"))) == 1
