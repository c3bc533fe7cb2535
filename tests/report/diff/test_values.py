"""Paths at which two values differ, how lists are aligned, and how much numbers changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpexp.report.diff.values import (
    Difference,
    differences,
    value_words,
)
from tcpexp.words.shown import change_words

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("xyz", min_size=1, max_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_equal_values_do_not_differ(value):
    assert differences(value, value) == []


@settings(deadline=None)
@given(JSON, JSON)
def test_values_differ_exactly_when_something_is_listed(before, after):
    import json

    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (differences(before, after) == []) == same


def test_paths_are_written_as_set_takes_them():
    before = {"links": {"h1-h2": {"queue": "1bdp"}}, "actions": [{"at": "1s"}, {"at": "2s"}]}
    after = {
        "links": {"h1-h2": {"queue": "4bdp", "delay": "5ms"}},
        "actions": [{"at": "1s"}, {"at": "3s"}],
    }
    found = differences(before, after)
    assert [(difference.path, difference.kind) for difference in found] == [
        ("links.h1-h2.queue", "changed"),
        ("links.h1-h2.delay", "added"),
        ("actions[1].at", "changed"),
    ]


def test_an_item_put_in_between_is_one_difference():
    before = [{"do": "iperf3"}, {"do": "flap"}, {"do": "mark"}]
    after = [{"do": "iperf3"}, {"do": "wait"}, {"do": "flap"}, {"do": "mark"}]
    assert differences(before, after, "actions") == [
        Difference("actions[1]", "added", None, {"do": "wait"})
    ]


def test_true_is_not_one():
    assert differences({"a": True}, {"a": 1}) == [Difference("a", "changed", True, 1)]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (10, 12, 0.2),
        (10, 5, -0.5),
        (-10, -5, 0.5),
        (0, 5, None),
        (5, 0, -1.0),
        ("a", 3, None),
        (None, 3, None),
    ],
)
def test_relative_change(before, after, change):
    assert Difference("x", "changed", before, after).change == (
        None if change is None else pytest.approx(change)
    )


def test_a_change_without_a_percentage_always_exceeds():
    assert Difference("x", "changed", 0, 1).exceeds(10.0)
    assert not Difference("x", "changed", 100, 101).exceeds(0.01)
    assert Difference("x", "changed", 100, 102).exceeds(0.01)


def test_words():
    assert (
        value_words("a\n b") == "a b"
        and value_words(1234567) == "1,234,567"
        and value_words(True) == "true"
    )
    assert value_words(0.123456789) == "0.123457" and value_words("x" * 500, 10) == "xxxxxxxxx…"
    assert (
        change_words(0.1234) == "+12.3 %"
        and change_words(-1.0) == "-100.0 %"
        and change_words(None) == ""
    )
