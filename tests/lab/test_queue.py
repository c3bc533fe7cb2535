"""Whose turn it is: the newest of each page, and everybody in turn."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tcpexp.lab.queue import FairQueue


def test_the_newest_of_a_page_wins() -> None:
    queue: FairQueue[str] = FairQueue()
    assert queue.put("ada", "page", "first") is None
    assert queue.put("ada", "page", "second") == "first"
    assert queue.take() == "second"
    assert queue.take() is None


def test_who_was_served_waits_for_those_who_were_not() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("ada", 1, "a1")
    queue.put("ada", 2, "a2")
    queue.put("bob", 3, "b1")
    assert [queue.take(), queue.take(), queue.take()] == ["a1", "b1", "a2"]


def test_a_lane_that_is_busy_is_passed_over() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("ada", 1, "a")
    assert queue.take(frozenset({1})) is None
    queue.put("bob", 2, "b")
    assert queue.take(frozenset({1})) == "b"
    assert queue.drop(1) == "a" and queue.drop(1) is None


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_nobody_is_served_twice_while_another_waits(asks: list[int]) -> None:
    queue: FairQueue[int] = FairQueue()
    for number, owner in enumerate(asks):
        queue.put(owner, (owner, number), owner)
    served = []
    while (next_one := queue.take()) is not None:
        served.append(next_one)
    people = len(set(asks))
    assert len(set(served[:people])) == people
    assert sorted(served) == sorted(asks)
